"""tfp-flows list: the models and the data sets."""

from tfp_flows.catalog import MODELS


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser("list", help="the models and the data sets")
    command.set_defaults(run=run, is_light=True)


def run(options):
    """Prints them."""
    from tfp_flows import data

    print("models (tfp-flows train MODEL --data DATA):")
    for name, entry in MODELS.items():
        print(f"  {name:16} {entry.year}  arXiv:{entry.arxiv}  {entry.summary}")
    print("\ndata:")
    for name, description in data.names().items():
        print(f"  {name:16} {description}")
    print(f"  {'PATH':16} any .npz, .npy or .csv file of numbers, a .wav file or a folder of them")
