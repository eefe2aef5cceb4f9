"""The run directory that a command takes, refused before anything heavy is imported where it is none."""


def add(command, what="a run directory"):
    """Adds the argument, and its check, to a command's parser."""
    command.add_argument("dir", metavar="DIR", help=what)
    command.set_defaults(check=lambda options: check(options.dir))


def check(path):
    """Refuses a path that is no run directory, without TensorFlow.

    Raises:
        ValueError: as `tfp_flows.runs.Run`.
    """
    from tfp_flows import runs

    runs.Run(path)
