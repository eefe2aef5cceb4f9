"""TensorFlow Probability's own `tfb.RealNVP`, with Keras 3 networks, trained by the same `fit`.

A positive `num_masked` passes the first dimensions through and a negative one the last, so the halves alternate
without a permutation between the layers. Keras does not see a bijector's networks, so `density_model` holds them.
"""

from benchmarks.keras_contestant import KerasContestant, dense_networks, density_model


class TFP(KerasContestant):
    packages = ("tensorflow-probability", "tensorflow", "keras")
    note = "tfb.Chain of tfb.RealNVP, num_masked of alternating sign, Keras networks, all in tf.function"

    def make(self):
        import tensorflow as tf
        import tensorflow_probability as tfp

        tfb, tfd = tfp.bijectors, tfp.distributions
        networks = dense_networks(self.settings, last_kernel="zeros")

        def layer(i, network, num_inputs):
            def shift_and_log_scale(x, num_outputs):
                return tf.split(network(x), 2, axis=-1)

            num_masked = -num_inputs if i % 2 else num_inputs
            return tfb.RealNVP(num_masked=num_masked, shift_and_log_scale_fn=shift_and_log_scale)

        num_inputs = [size[0] for size in self.settings.sizes]
        bijector = tfb.Chain([layer(*each) for each in zip(range(self.settings.layers), networks, num_inputs)])
        base = tfd.MultivariateNormalDiag(tf.zeros(self.settings.dims))
        flow = tfd.TransformedDistribution(base, bijector)
        batch = self.settings.batch

        def sample(seed):
            return flow.sample(batch, seed=seed)

        return density_model(networks, flow.log_prob), self.graph(flow.log_prob), self.graph(sample)
