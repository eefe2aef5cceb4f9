"""TFP's bijector cache with storage kept per graph, and one joint evaluation a direction.

TFP remembers which tensor came out of which, in one table for all bijectors of the process. That table keeps
every traced graph alive for ever and hands a tensor made inside `tf.cond` to a caller outside of it. Here a
graph owns its table: it goes when the graph goes, and no tensor is met outside its graph.
"""

import tensorflow as tf
from tensorflow_probability.python.internal import cache_util

from tfp_flows.bridge.overrides import Overrides

# FuncGraph has neither a public slot for user data nor a __dict__ that vars() sees, but takes attributes.
_SLOT = "_tfp_flows_bijector_cache"


class JointCache(cache_util.BijectorCacheWithGreedyAttrs):
    """Calls a bijector's joint method on a miss, and keeps the value and the log-det that it gave together."""

    def __get__(self, bijector, bijector_class=None):
        if tf.executing_eagerly():
            storage = self.storage
        else:
            graph = tf.compat.v1.get_default_graph()
            storage = getattr(graph, _SLOT, None)
            if storage is None:
                storage = cache_util.EphemeralDict()
                setattr(graph, _SLOT, storage)
        return type(self)(self._forward_name, self._inverse_name, bijector, bijector_class, storage)


class EvaluatedOnce(Overrides):
    """Mix-in for a `tfb.Bijector` written as two joint methods: TFP's log-dets come from the one evaluation.

    The bijector has `_forward_and_log_det(x)` and `_inverse_and_log_det(y)`, see `tfp_flows.bijectors.Bijector`.
    """

    overrides = (
        "_cache",
        "_get_parameterization",
        "_parameter_properties",
    )

    _cache = JointCache("_forward_attributes", "_inverse_attributes")

    @classmethod
    def _parameter_properties(cls, dtype):
        # No batch shapes are inferred from what a bijector is constructed with.
        return {}

    def _get_parameterization(self):
        # By identity: TFP compares parameterizations, and two bijectors "equal" in it would share cache entries.
        return id(self)

    def _forward_attributes(self, x, **kwargs):
        y, log_det = self._forward_and_log_det(x, **kwargs)
        return y, {"ildj": -log_det}

    def _inverse_attributes(self, y, **kwargs):
        x, log_det = self._inverse_and_log_det(y, **kwargs)
        return x, {"ildj": log_det}

    def _forward_log_det_jacobian(self, x, **kwargs):
        attributes = self._cache.forward_attributes(x, **kwargs)
        self._cache.forward(x, **kwargs)
        return -attributes["ildj"]

    def _inverse_log_det_jacobian(self, y, **kwargs):
        attributes = self._cache.inverse_attributes(y, **kwargs)
        self._cache.inverse(y, **kwargs)
        return attributes["ildj"]
