"""tfp-flows list: the models and the data sets, or what one of them takes."""

import json
import os

from tfp_flows import model_options
from tfp_flows.catalog import MODELS


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "list",
        help="the models and the data sets, or the options of one of them",
        description="Lists the models and the data sets; or the options of a model with its recipe, or of a data set.",
    )
    command.add_argument(
        "name", metavar="NAME", nargs="?",
        help="a model, for what `--set` of `tfp-flows train` takes, or data, a name or a file, for `--data-set`",
    )  # fmt: skip
    command.set_defaults(run=run, is_light=True)


def run(options):
    """Prints them."""
    from tfp_flows import data

    if options.name in data.names() or (options.name not in MODELS and os.path.exists(options.name or "")):
        _print_options_of_data(options.name)
        return
    if options.name is not None:
        _print_options(model_options.find_model(options.name))
        return
    print("models (tfp-flows train MODEL --data DATA):")
    for name, entry in MODELS.items():
        print(f"  {name:16} {entry.year}  arXiv:{entry.arxiv}  {entry.summary}")
    print("\ndata:")
    for name, description in data.names().items():
        print(f"  {name:16} {description}")
    print(f"  {'PATH':16} any .npz, .npy or .csv file of numbers, a .wav file or a folder of them")


def _print_options_of_data(name):
    from tfp_flows.data import registry

    print(f"{name}: {registry.names().get(name, 'data of a file')}\n")
    print(f"options (tfp-flows train MODEL --data {name} --data-set NAME=VALUE):")
    for option in registry.known_options(name).values():
        print(f"  {option.name:20} {option.kind:30} default {option.default}")
    print("\nnum_train, num_validation and num_test are how many events of each split there shall be; None for all.")


def _print_options(model):
    entry = MODELS[model]
    print(f"{model}: {entry.summary}\n{entry.paper} ({entry.year}), arXiv:{entry.arxiv}\n")
    print(f"options (tfp-flows train {model} --set NAME=VALUE):")
    for option in model_options.of_model(model).values():
        if option.name not in model_options.DECIDED:
            print(f"  {option.name:20} {option.kind:30} default {option.default}")
    print("\nrecipe (None and what is not given are decided by the model and the data):")
    for name, value in entry.recipe.items():
        if name != "sizes":
            print(f"  {name:20} {json.dumps(value)}")
    for size, changed in entry.recipe.get("sizes", ()):
        print(f"  events of at most {size} elements: {json.dumps(changed)}")
