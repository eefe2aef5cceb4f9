"""TensorFlow Probability's own `tfb.MaskedAutoregressiveFlow` over its `tfb.AutoregressiveNetwork`.

That network is a layer of the legacy Keras, which today's `fit` does not see: it is trained as TFP's users train it, by
a `tf.function` with an optimizer of the legacy Keras, which keeps the network's masks as constraints of its kernels.
"""

from benchmarks.contestant import Contestant


class MafTFP(Contestant):
    packages = ("tensorflow-probability", "tensorflow", "tf-keras")
    note = "tfb.Chain of tfb.MaskedAutoregressiveFlow and reversals, legacy Keras' Adam, all in tf.function"

    def __init__(self, settings, jit_compile=False):
        self.jit_compile = jit_compile
        self.note += "; XLA" if jit_compile else ""
        super().__init__(settings)

    def build(self):
        import tensorflow as tf
        import tensorflow_probability as tfp
        import tf_keras

        tfb, tfd = tfp.bijectors, tfp.distributions
        tf_keras.utils.set_random_seed(0)
        dims, batch, hidden = self.settings.dims, self.settings.batch, list(self.settings.hidden)

        layers, self.variables = [], []
        for i in range(self.settings.layers):
            network = tfb.AutoregressiveNetwork(params=2, event_shape=[dims], hidden_units=hidden, activation="relu")
            network.build((None, dims))
            self.variables += network.trainable_variables
            layers += [tfb.MaskedAutoregressiveFlow(network), tfb.Permute(list(reversed(range(dims))))]
        base = tfd.Sample(tfd.Normal(0.0, 1.0), [dims])
        flow = tfd.TransformedDistribution(base, tfb.Chain(layers[:-1]))
        optimizer = tf_keras.optimizers.Adam(self.settings.learning_rate)
        optimizer.build(self.variables)

        @tf.function(jit_compile=self.jit_compile)
        def step(x):
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(flow.log_prob(x))
            optimizer.apply_gradients(zip(tape.gradient(loss, self.variables), self.variables))
            return loss

        self._step = step
        self._log_prob = tf.function(flow.log_prob, jit_compile=self.jit_compile)
        self._sample = tf.function(lambda seed: flow.sample(batch, seed=seed), jit_compile=self.jit_compile)

    def tensor(self, x):
        import tensorflow as tf

        return tf.constant(x)

    def step(self, x):
        return self._step(x)

    def score(self, x):
        return self._log_prob(x)

    def draw(self, seed):
        import tensorflow as tf

        return self._sample(tf.constant([seed, 0], tf.int32))

    @property
    def num_parameters(self):
        return sum(v.numpy().size for v in self.variables)
