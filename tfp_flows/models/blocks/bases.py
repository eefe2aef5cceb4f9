"""What the latents of a named model are distributed as, in standard units: a family by its name, or any distribution.

    normal      z_i ~ N(0, 1)
    logistic    z_i ~ Logistic(0, 1)                                        (NICE, arXiv:1410.8516, section 3.3)
    laplace     z_i ~ Laplace(0, 1)
    student_t   z_i ~ t of nu_i degrees of freedom, learned, 10 at first    (arXiv:1907.04481)
    mixture     z ~ sum_k w_k N(m_k, diag(s_k^2)), eight of them, learned, near the origin at first
    mixture_K   the same of K, spread as a standard normal is and 2 K^(-1/d) wide at first, in d dimensions, as the
                kernels of an estimate of K points are: of hundreds, which thin curves of the plane ask for

A bijector with Lipschitz constants makes no heavy tails of light ones (arXiv:1907.04481, theorem 1): tables with heavy
tails want a base that has them, or columns mapped to normal ones (`preprocessing="quantiles"`). A mixture has modes of
its own, which one normal would have to be torn apart for.
"""

from __future__ import annotations

import math
import re

import tensorflow as tf
import tensorflow_probability as tfp

tfb, tfd = tfp.bijectors, tfp.distributions

_NUM_COMPONENTS = 8
# Degrees of freedom: where they begin, near a normal, and what they stay above.
_FIRST, _LEAST = 10.0, 0.5


def make(
    base: str | tfd.Distribution, shape: tuple[int, ...], dtype: str, seed: int = 0, what: str = "base"
) -> tfd.Distribution:
    """A base distribution of events of a shape.

    Args:
        base: str, one of the above, the last with a number, as "mixture_256"; or a `tfd.Distribution` of that event
            shape, with variables or without.
        shape: tuple of ints.
        dtype: str.
        seed: int, of where a mixture's components begin.
        what: str, the argument that says it, for the sentence.

    Raises:
        ValueError: for another name, or a distribution of another event shape, batch shape or dtype.

    Example:
        >>> from tfp_flows.models.blocks import bases
        >>> bases.make("student_t", (3,), "float32").event_shape.as_list()
        [3]
    """
    if isinstance(base, tfd.Distribution):
        return _checked(base, shape, dtype, what)
    shape, dtype = tuple(shape), tf.as_dtype(dtype)
    if isinstance(base, str) and (found := re.fullmatch("mixture_([1-9][0-9]*)", base)):
        return _mixture_of(int(found[1]), shape, dtype, seed)
    if base not in FAMILIES:
        names = [*FAMILIES, "mixture_K"]
        raise ValueError(f"Expected {what} to be one of {names} or a tfd.Distribution; got {base!r}.")
    return FAMILIES[base](shape, dtype, seed)


def _checked(base, shape, dtype, what):
    if base.batch_shape.rank != 0 or base.event_shape.as_list() != list(shape):
        raise ValueError(
            f"Expected a {what} of event shape {tuple(shape)} and no batch shape; got event shape "
            f"{tuple(base.event_shape)} and batch shape {tuple(base.batch_shape)}."
        )
    if tf.as_dtype(base.dtype) != tf.as_dtype(dtype):
        raise ValueError(f"Expected a {what} of dtype {tf.as_dtype(dtype).name}; got {tf.as_dtype(base.dtype).name}.")
    return base


def _independent(family):
    def build(shape, dtype, seed):
        return tfd.Independent(family(tf.zeros(shape, dtype), tf.ones([], dtype)), len(shape))

    return build


def _student_t(shape, dtype, seed):
    first = tf.fill(shape, tf.constant(_FIRST, dtype))
    degrees = tfp.util.TransformedVariable(first, tfb.Softplus(low=tf.constant(_LEAST, dtype)), name="degrees")
    return tfd.Independent(tfd.StudentT(degrees, tf.zeros([], dtype), tf.ones([], dtype)), len(shape))


def _mixture(shape, dtype, seed):
    return _normals(_NUM_COMPONENTS, 0.5, 1.0, shape, dtype, seed)


def _mixture_of(num_components, shape, dtype, seed):
    # All of them together have the variance 1 then; where a width of 1 is left, some spread tells them apart.
    width = min(1.0, 2.0 * num_components ** (-1.0 / math.prod(shape)))
    return _normals(num_components, max(0.5, math.sqrt(1 - width**2)), width, shape, dtype, seed)


def _normals(num_components, spread, width, shape, dtype, seed):
    at = tf.constant(spread, dtype) * tf.random.stateless_normal([num_components, *shape], [seed, 0], dtype=dtype)
    widths = tf.fill(at.shape, tf.constant(width, dtype))
    scales = tfp.util.TransformedVariable(widths, tfb.Softplus(low=tf.constant(1e-3, dtype)), name="scales")
    parts = tfd.Independent(tfd.Normal(tf.Variable(at, name="locations"), scales), len(shape))
    weights = tfd.Categorical(logits=tf.Variable(tf.zeros([num_components], dtype), name="logits"))
    return tfd.MixtureSameFamily(weights, parts)


FAMILIES = {
    "normal": _independent(tfd.Normal),
    "logistic": _independent(tfd.Logistic),
    "laplace": _independent(tfd.Laplace),
    "student_t": _student_t,
    "mixture": _mixture,
}
