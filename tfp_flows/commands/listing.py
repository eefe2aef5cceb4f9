"""tfp-flows list: the models and the data sets, or what one model takes."""

import json

from tfp_flows import model_options
from tfp_flows.catalog import MODELS


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser("list", help="the models and the data sets, or the options of one model")
    command.add_argument("model", metavar="MODEL", nargs="?", help="what --set of `tfp-flows train MODEL` takes")
    command.set_defaults(run=run, is_light=True)


def run(options):
    """Prints them."""
    if options.model is not None:
        _print_options(model_options.find_model(options.model))
        return
    from tfp_flows import data

    print("models (tfp-flows train MODEL --data DATA):")
    for name, entry in MODELS.items():
        print(f"  {name:16} {entry.year}  arXiv:{entry.arxiv}  {entry.summary}")
    print("\ndata:")
    for name, description in data.names().items():
        print(f"  {name:16} {description}")
    print(f"  {'PATH':16} any .npz, .npy or .csv file of numbers, a .wav file or a folder of them")


# What comes from the data, or is an option of its own.
_GIVEN = {"event_shape", "num_bins", "seed", "name"}


def _print_options(model):
    entry = MODELS[model]
    print(f"{model}: {entry.summary}\n{entry.paper} ({entry.year}), arXiv:{entry.arxiv}\n")
    print(f"options (tfp-flows train {model} --set NAME=VALUE):")
    for option in model_options.of_model(model).values():
        if option.name not in _GIVEN:
            print(f"  {option.name:20} {option.kind:30} default {option.default}")
    print("\nrecipe (None and what is not given are decided by the model and the data):")
    for name, value in entry.recipe.items():
        if name != "sizes":
            print(f"  {name:20} {json.dumps(value)}")
    for size, changed in entry.recipe.get("sizes", ()):
        print(f"  events of at most {size} elements: {json.dumps(changed)}")
