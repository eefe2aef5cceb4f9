"""Whether a bijector of scalars is increasing: what TFP's cdf, survival function and quantile ask it."""


def is_increasing(bijector, **kwargs):
    """Whether forward increases, elementwise.

    Args:
        bijector: `tfb.Bijector`.
        **kwargs: those of its calls.

    Returns:
        bool tensor, with the batch shape of what decides it.

    Raises:
        NotImplementedError: where the bijector does not say it: it is none of scalars, or nobody has told it.

    Example:
        >>> from tfp_flows.bridge.monotone import is_increasing
        >>> is_increasing(tfb.Scale([2.0, -1.0])).numpy().tolist()
        [True, False]
    """
    return bijector._internal_is_increasing(**kwargs)
