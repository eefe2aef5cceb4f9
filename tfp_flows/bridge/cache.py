"""TFP's bijector cache with storage kept per graph, and one joint evaluation a direction.

TFP remembers which tensor came out of which, in one table for all bijectors of the process. That table keeps
every traced graph alive for ever and hands a tensor made inside `tf.cond` to a caller outside of it. Here a
graph owns its table: it goes when the graph goes, and no tensor is met outside its graph.
"""

import tensorflow as tf
from tensorflow_probability.python.internal import cache_util

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
