"""TFP's networks that take a context: `tfb.AutoregressiveNetwork(conditional=True)` says so by no public name."""

import tensorflow_probability as tfp

tfb = tfp.bijectors


def context_shape(network):
    """Shape (m,) of the context that a network of TFP's is called with, as `conditional_input`; None for no such one.

    Example:
        >>> from tfp_flows.bridge.conditional_networks import context_shape
        >>> made = tfb.AutoregressiveNetwork(2, (4,), conditional=True, conditional_event_shape=(3,))
        >>> context_shape(made), context_shape(tfb.AutoregressiveNetwork(2)), context_shape(tfb.Exp())
        ((3,), None, None)
    """
    if not isinstance(network, tfb.AutoregressiveNetwork) or network._conditional_event_shape is None:
        return None
    return tuple(int(n) for n in network._conditional_event_shape)
