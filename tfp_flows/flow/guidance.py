"""Classifier-free guidance: samples that are more of their class than the data are.

    f_guided(x, t, c) = f(x, t) + w (f(x, t, c) - f(x, t)),   f a velocity or the noise, f(x, t) with no label

w = 1 is the model itself, w = 0 the data of all classes. Of another w there is no density.
Ho and Salimans, Classifier-Free Diffusion Guidance, arXiv:2207.12598, section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from tfp_flows.flow import Flow


def check_guidance(guidance: float) -> None:
    """Refuses a weight that is not a finite number of at least 0.

    Raises:
        ValueError: naming it.

    Example:
        >>> from tfp_flows.flow import guidance
        >>> guidance.check_guidance(-1.0)
        Traceback (most recent call last):
        ValueError: Expected guidance to be a finite number of at least 0; got -1.0.
    """
    if isinstance(guidance, bool) or not isinstance(guidance, Real) or not 0 <= guidance < math.inf:
        raise ValueError(f"Expected guidance to be a finite number of at least 0; got {guidance!r}.")


def require_labels_left_out(flow: Flow, guidance: float) -> None:
    """Refuses a weight other than 1 of a model that knows nothing of the data without their classes.

    Raises:
        ValueError: naming it.
    """
    if guidance != 1 and not flow.label_dropout:
        raise ValueError(
            f"Expected guidance 1 of a model without classes, or of one that was trained without label_dropout; "
            f"got {guidance!r}."
        )


def guided(function: Callable, flow: Flow, context: tf.Tensor | None, guidance: float) -> Callable:
    """A prediction as a function of an event and a time, guided.

    Args:
        function: (x (batch, *event), t (batch,), context or None) -> (batch, *event).
        flow: whose context it is.
        context: what the networks see, one-hot labels (batch, num_classes) where there is guidance, or None.
        guidance: float >= 0, the weight; 1 for none.

    Returns:
        function (x, t) -> (batch, *event), which with guidance costs twice as much.

    Raises:
        ValueError: for another weight than 1, of a model that was not trained with labels left out.
    """
    if guidance == 1:
        return lambda x, t: function(x, t, context)
    require_labels_left_out(flow, guidance)

    def predict(x, t):
        labels = tf.broadcast_to(context, [tf.shape(x)[0], context.shape[-1]])
        both = tf.concat([labels, tf.zeros_like(labels)], 0)
        ours, all_ = tf.split(function(tf.concat([x, x], 0), tf.concat([t, t], 0), both), 2)
        return all_ + tf.cast(guidance, x.dtype) * (ours - all_)

    return predict
