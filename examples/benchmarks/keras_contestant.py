"""Contestants that Keras trains: the real `fit`, timed by a callback.

A training step lasts from the end of one step of `fit` to the end of the next, so it holds everything that `fit`
does for a step: the next batch of the dataset, the step, the loss's metric, the callbacks.
"""

import abc
import time

from benchmarks import WARM_STEPS
from benchmarks.contestant import Contestant


class KerasContestant(Contestant):
    """A `keras.Model` whose loss is the mean of minus its output.

    Args:
        settings: `Settings` of the flow.
        jit_compile: Whether training, log_prob and sampling are compiled by XLA.
    """

    packages = ("keras", "tensorflow")

    def __init__(self, settings, jit_compile=False):
        self.jit_compile = jit_compile
        self.note += "; XLA" if jit_compile else ""
        super().__init__(settings)

    @abc.abstractmethod
    def make(self):
        """The contestant's own part: (model, log_prob, sample).

        `model` is what `fit` trains; log_prob(x) and sample(seed), with an integer tensor of shape (2,) as seed,
        are timed as they come: `graph` compiles those that are not compiled.
        """

    def build(self):
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(0)
        self.model, self._log_prob, self._sample = self.make()
        self._compile(keras.optimizers.Adam(self.settings.learning_rate))
        batches = self.settings.batches()
        self.model(batches[0])
        self.dataset = tf.data.Dataset.from_tensor_slices(batches).repeat().prefetch(tf.data.AUTOTUNE)

    def graph(self, function):
        """`function` as a `tf.function`, compiled by XLA where the contestant is."""
        import tensorflow as tf

        return tf.function(function, jit_compile=self.jit_compile)

    def tensor(self, x):
        import tensorflow as tf

        return tf.constant(x)

    def score(self, x):
        return self._log_prob(x)

    def draw(self, seed):
        import tensorflow as tf

        return self._sample(tf.constant([seed, 0], tf.int32))

    @property
    def num_parameters(self):
        return sum(w.numpy().size for w in self.model.trainable_weights)

    def step(self, x):
        raise NotImplementedError("Expected training by `fit`; got a call of `step`.")

    def train_step(self, num_steps):
        watch = stopwatch()
        self.model.fit(self.dataset, steps_per_epoch=WARM_STEPS + num_steps, verbose=0, callbacks=[watch])
        return watch.ends[-1] - watch.ends[WARM_STEPS - 1]

    def first_step(self, optimizer):
        """Seconds from the call of `compile`, in which a flow of ours builds its optimizer, to the first step's end.

        Args:
            optimizer: "adam" as `compile` gets it; "adam-built" is built by one line before `fit`; "fused" is
                `tfp_flows.training.FusedAdam`; "sgd" has no slots, so what it saves is Adam's share.
        """
        import keras

        rate = self.settings.learning_rate
        if optimizer == "fused":
            from tfp_flows.training import FusedAdam as kind
        else:
            kind = keras.optimizers.SGD if optimizer == "sgd" else keras.optimizers.Adam
        watch = stopwatch()
        start = time.perf_counter()
        self._compile(kind(rate))
        if optimizer == "adam-built":
            self.model.optimizer.build(self.model.trainable_variables)
        self.model.fit(self.dataset, steps_per_epoch=2, verbose=0, callbacks=[watch])
        return watch.ends[0] - start

    def _compile(self, optimizer):
        self.model.compile(optimizer=optimizer, jit_compile=self.jit_compile)


def density_model(networks, log_prob):
    """The least that `fit` needs around any log_prob(x): a model that holds `networks` and maximises its mean."""
    import keras

    class Density(keras.Model):
        def __init__(self):
            super().__init__()
            self.networks = networks

        def call(self, x):
            return log_prob(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return -keras.ops.mean(y_pred)

    return Density()


def dense_networks(settings, last_kernel):
    """The conditioners as plain stacks of `keras.layers.Dense`, built; `last_kernel` initialises their last kernels."""
    import keras

    networks = []
    for num_inputs, num_outputs in settings.sizes:
        layers = [keras.layers.Dense(units, activation="relu") for units in settings.hidden]
        layers += [keras.layers.Dense(num_outputs, kernel_initializer=last_kernel)]
        networks.append(keras.Sequential([keras.Input((num_inputs,)), *layers]))
    return networks


def stopwatch():
    """A callback that notes when each training step has ended."""
    import keras

    class Stopwatch(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.ends = []

        def on_train_batch_end(self, batch, logs=None):
            self.ends.append(time.perf_counter())

    return Stopwatch()
