"""The limit of Glow: its networks, the same optimizer and the same `fit`, and no flow around them.

Each network is fed with the first half of the channels of what the one before it gives, as a flow can run its networks
only one after the other; between levels images are squeezed. The loss is the sum of the squares of all outputs.
log_prob and sample are one pass forward each.
"""

from benchmarks.keras_contestant import KerasContestant, density_model


class GlowLimit(KerasContestant):
    note = "the networks alone, one after the other; loss: sum of squares of their outputs"
    is_density = False

    def make(self):
        import keras
        import tensorflow as tf

        settings, levels, networks = self.settings, [], []
        for height, channels in settings.sizes:
            level = [self.network(height, channels) for _ in range(settings.layers)]
            levels.append(level)
            networks += level
        prior = [
            keras.Sequential(
                [keras.Input((height, height, channels // 2)), keras.layers.Conv2D(channels, 3, padding="same")]
            )
            for height, channels in settings.sizes[:-1]
        ]

        def run(x):
            """(batch, *event_shape) -> (batch,), the sum of the squares of all outputs."""
            total = 0.0
            for i, level in enumerate(levels):
                x = tf.nn.space_to_depth(x, 2)
                for network in level:
                    x = network(x[..., : x.shape[-1] // 2])
                    total += tf.reduce_sum(x**2, axis=[1, 2, 3])
                if i < len(prior):
                    x = x[..., : x.shape[-1] // 2]
                    total += tf.reduce_sum(prior[i](x) ** 2, axis=[1, 2, 3])
            return total

        def sample(seed):
            x = tf.random.stateless_normal([settings.batch, *settings.event_shape], seed)
            # So little that it is still the noise, and yet no part of the networks can be left out.
            return x + 1e-30 * run(x)[:, None, None, None]

        def log_prob(x):
            return -run(x)

        return density_model([*networks, *prior], log_prob), self.graph(log_prob), self.graph(sample)

    def network(self, height, channels):
        """Half of the channels to a shift and a log-scale of the other half."""
        import keras

        width, options = self.settings.hidden[0], dict(padding="same")
        layers = [
            keras.layers.Conv2D(width, 3, activation="relu", **options),
            keras.layers.Conv2D(width, 1, activation="relu", **options),
            keras.layers.Conv2D(channels, 3, **options),
        ]
        return keras.Sequential([keras.Input((height, height, channels // 2)), *layers])
