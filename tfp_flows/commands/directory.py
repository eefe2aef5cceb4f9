"""The run directory that a command takes, refused before anything heavy is imported where it is none or lacks what is
needed, and the numbers that several commands take."""


def add(command, what="a run directory", check=None, needs_data=True):
    """Adds the argument, and its check, to a command's parser.

    Args:
        command: parser.
        what: str, its help.
        check: function of the options and the `tfp_flows.runs.Run`, what else is refused without TensorFlow.
        needs_data: bool, whether the data of the run are read.
    """
    command.add_argument("dir", metavar="DIR", help=what)

    def check_all(options):
        run = _open(options.dir, needs_data)
        if check is not None:
            check(options, run)

    command.set_defaults(check=check_all)


def _open(path, needs_data):
    """A run whose weights are there to be used, and whose data may be read where they are needed."""
    from tfp_flows import runs
    from tfp_flows.data import registry

    run = runs.Run(path)
    run.require_weights()
    if needs_data:
        registry.check(run.config.data, run.config.data_options)
    return run


def at_least(least, **numbers):
    """Refuses numbers below the least one, by the names of their options; None is taken.

    Raises:
        ValueError: naming the first.

    Example:
        >>> from tfp_flows.commands import directory
        >>> directory.at_least(1, num_samples=0)
        Traceback (most recent call last):
        ValueError: Expected --num-samples to be a positive integer; got 0.
    """
    for name, value in numbers.items():
        if value is not None and value < least:
            what = "a positive integer" if least == 1 else f"at least {least}"
            raise ValueError(f"Expected --{name.replace('_', '-')} to be {what}; got {value}.")
