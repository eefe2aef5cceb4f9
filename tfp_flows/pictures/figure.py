"""The figures of all pictures: made by matplotlib, of the extra `plots`, written beside their place and moved there."""

from tfp_flows.files import replacing

# Pixels an inch.
DPI = 110


def pyplot():
    """matplotlib.pyplot, drawing into files.

    Raises:
        ImportError: where matplotlib is missing, naming the extra.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError('Expected matplotlib for pictures; got none: pip install "tfp_flows[plots]".') from error
    # Drawn into files only, also where there is no screen.
    from matplotlib import pyplot

    matplotlib.use("Agg")
    return pyplot


def save(figure, path, **options):
    """Writes a figure as PNG, closes it and returns the path."""
    try:
        with replacing(path) as part:
            figure.savefig(part, dpi=DPI, **options)
    finally:
        pyplot().close(figure)
    return str(path)
