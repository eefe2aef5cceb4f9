"""The limit: the same networks, the same optimizer and the same `fit`, and no flow around them.

Each network is fed with the first columns of what the one before it gives, as a flow can run its conditioners only
one after the other; the loss is the sum of the squares of all their outputs. What a flow takes beyond this is its
own: splitting, transforming, joining, log-determinants, the base. log_prob and sample are one pass forward each.
"""

from benchmarks.keras_contestant import KerasContestant, dense_networks, density_model


class LimitKeras(KerasContestant):
    note = "the conditioners alone, one after the other; loss: sum of squares of their outputs"
    is_density = False

    def make(self):
        import tensorflow as tf

        batch, dims = self.settings.batch, self.settings.dims
        networks = dense_networks(self.settings, last_kernel="glorot_uniform")

        def log_prob(x):
            result = 0.0
            for network, (num_inputs, _) in zip(networks, self.settings.sizes):
                x = network(x[:, :num_inputs])
                result -= tf.reduce_sum(x**2, axis=-1)
            return result

        def sample(seed):
            x = z = tf.random.stateless_normal([batch, dims], seed)
            for network, (num_inputs, _) in zip(networks, self.settings.sizes):
                x = network(x[:, :num_inputs])
            return tf.concat([x, z], axis=-1)[:, :dims]

        return density_model(networks, log_prob), self.graph(log_prob), self.graph(sample)
