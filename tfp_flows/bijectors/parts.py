"""The parts of a bijector, ours or TFP's, and what is to be known of each, for those who need not know its class."""

import itertools

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bridge import compositions

tfb = tfp.bijectors


def unrepeatable(bijector):
    """Why a bijector does not do the same when it is evaluated again in training, or None: see `Bijector`.

    Example:
        >>> from tfp_flows import bijectors
        >>> from tfp_flows.bijectors.parts import unrepeatable
        >>> unrepeatable(bijectors.BatchNorm(2)), unrepeatable(bijectors.ActNorm(2))
        ('is another function of each batch that it is trained on', None)
    """
    # Of TFP's this one alone; what is in the networks of others is looked for there.
    if isinstance(bijector, tfb.BatchNormalization):
        return "is another function of each batch that it is trained on"
    return getattr(bijector, "unrepeatable", None)


def walk_parts(bijector, way, step, value, /, **kwargs):
    """As `tfp_flows.bijectors.Bijector.walk_parts`, of one of ours or of TFP's.

    Returns:
        the image of the value under the whole, or None where it has no parts.

    Example:
        >>> from tfp_flows.bijectors.parts import walk_parts
        >>> step = lambda part, way, place, value: value + [(part.name, way)]
        >>> walk_parts(tfb.Invert(tfb.Exp()), "inverse", step, [])
        [('exp', 'forward')]
    """
    if isinstance(bijector, Bijector):
        return bijector.walk_parts(way, step, value, **kwargs)
    # tfb.Invert is another class around a bijector that is no composite tensor: known by its attribute.
    inner = getattr(bijector, "bijector", None)
    if isinstance(inner, tfb.Bijector):
        other = "inverse" if way == "forward" else "forward"
        return step(inner, other, f"the inside of {bijector.name!r}", value, **kwargs)
    if not isinstance(bijector, tfb.Composition):
        return None
    number = {id(part): i for i, part in enumerate(tf.nest.flatten(bijector.bijectors))}

    def placed(part, value, /, **options):
        # What joins the parts of tfb.Blockwise has no number.
        what = f"part {number[id(part)]}" if id(part) in number else "a part"
        return step(part, way, f"{what} of {bijector.name!r}", value, **options)

    return compositions.walk(bijector, way, placed, value, **kwargs)


def visit_innermost(bijector, way, visit, value, /, **kwargs):
    """Evaluates the innermost bijectors of a bijector one after another, whatever holds them.

    Args:
        bijector: `tfb.Bijector`.
        way: "forward" or "inverse".
        visit: function of (number, innermost bijector, places, image, log_det), called after each: number counts them
            from 0, places are those of the parts that lead to it, innermost first; image and log_det are tensors,
            or structures of them, of the bijector in the direction in which it was met.
        value: tensor (*batch, *event).
        **kwargs: those of the whole bijector.

    Returns:
        the image of the value under the whole.

    Example:
        >>> from tfp_flows import bijectors
        >>> from tfp_flows.bijectors.parts import visit_innermost
        >>> chain = bijectors.Chain([tfb.Scale(2.0), tfb.Invert(tfb.Exp())])
        >>> visit = lambda number, part, places, image, log_det: print(number, part.name, places[-1], image.numpy())
        >>> y = visit_innermost(chain, "inverse", visit, tf.constant(0.0))
        0 scale part 0 of 'chain' 0.0
        1 exp part 1 of 'chain' 1.0
    """
    numbers = itertools.count()

    def evaluate(part, way, value, places, kwargs):
        def step(inner, way, place, value, /, **options):
            return evaluate(inner, way, value, (place, *places), options)

        image = walk_parts(part, way, step, value, **kwargs)
        if image is not None:
            return image
        # Tensors that are new to TFP's cache.
        value = tf.nest.map_structure(tf.identity, value)
        ndims = getattr(part, f"{way}_min_event_ndims")
        image = getattr(part, way)(value, **kwargs)
        log_det = getattr(part, f"{way}_log_det_jacobian")(value, event_ndims=ndims, **kwargs)
        visit(next(numbers), part, places, image, log_det)
        return image

    return evaluate(bijector, way, value, (), kwargs)
