"""How a context reaches every bijector that wants it, by the keyword that each knows it by.

ours                            context=
TFP's conditional MAF           conditional_input=, a `tfb.MaskedAutoregressiveFlow` whose
                                `tfb.AutoregressiveNetwork` is conditional
tfb.Chain and the like          a dictionary for each part, under its name
tfb.Invert                      that of what it inverts
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bridge import conditional_networks

tfb = tfp.bijectors


def context_options(bijector: tfb.Bijector, context: tf.Tensor) -> dict:
    """The keyword arguments of a bijector's methods that hand a context to whatever in it takes one, or {}.

    Example:
        >>> from tfp_flows.bijectors.routing import context_options
        >>> made = tfb.AutoregressiveNetwork(2, (4,), conditional=True, conditional_event_shape=(3,))
        >>> maf = tfb.MaskedAutoregressiveFlow(made, name="maf")
        >>> context_options(tfb.Chain([tfb.Exp(), tfb.Invert(maf)]), "c")
        {'invert_maf': {'conditional_input': 'c'}}
    """
    if isinstance(bijector, Bijector):
        return {"context": context} if bijector.takes_context else {}
    # tfb.Invert is another class around a bijector that is no composite tensor: known by its attribute.
    inner = getattr(bijector, "bijector", None)
    if isinstance(inner, tfb.Bijector):
        return context_options(inner, context)
    if isinstance(bijector, tfb.Composition):
        parts = {part.name: context_options(part, context) for part in tf.nest.flatten(bijector.bijectors)}
        return {name: options for name, options in parts.items() if options}
    if isinstance(bijector, tfb.MaskedAutoregressiveFlow) and _context_shapes_of_tfp(bijector.submodules):
        return {"conditional_input": context}
    return {}


def takes_context(bijector: tfb.Bijector) -> bool:
    """Whether a context is used by a bijector, ours or TFP's, or by one within it.

    Example:
        >>> from tfp_flows import bijectors, masks, networks
        >>> layer = bijectors.AffineCoupling(masks.half(4), networks.MLP(4, context_shape=(3,)))
        >>> bijectors.takes_context(tfb.Invert(layer)), bijectors.takes_context(tfb.Exp())
        (True, False)
    """
    return bool(context_options(bijector, None))


def context_shapes(module: tf.Module, layers: list) -> set:
    """Shapes of a context that a module is made for: those of bijectors that say one, else those of the networks.

    A bijector says one where its networks see something else: what `EmbeddedContext` makes of it.

    Args:
        module: `tf.Module`, whose networks of TFP's are looked at.
        layers: list of `keras.Layer`.
    """
    parts = module.submodules
    said = {getattr(part, "context_shape", None) for part in parts if isinstance(part, Bijector)} - {None}
    of_networks = {getattr(layer, "context_shape", None) for layer in layers} | _context_shapes_of_tfp(parts)
    return said or of_networks - {None}


def _context_shapes_of_tfp(parts):
    return {conditional_networks.context_shape(part) for part in parts} - {None}
