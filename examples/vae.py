"""A VAE with a flow as prior and an IAF as posterior, beside the same with Gaussians: 8x8 digits, Keras 3 `fit`.

    COMMAND   python3 examples/vae.py
              python3 examples/vae.py --epochs 300 --latents 16
    EXPECTED  a table: evidence lower bound on the test split and the bound of 64 weighted samples, nats a digit with
              two standard errors; higher is better
    TIME      3 minutes on two CPU cores

    z ~ p(z), a RealNVP or N(0, I);   x_i given z ~ Binomial(16, decoder(z)_i);   q(z given x): an IAF, or a Gaussian
    bound = E_q [log p(x given z) + log p(z) - log q(z given x)]

A Flow is a `keras.Model`: one that holds flows trains their weights with its own. Kingma et al., Improving variational
inference with inverse autoregressive flow, arXiv:1606.04934; Chen et al., Variational lossy autoencoder,
arXiv:1611.02731 (the prior).

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment


def vae(latents, with_flows, seed):
    import keras
    import tensorflow as tf
    import tensorflow_probability as tfp

    import tfp_flows

    tfd = tfp.distributions
    mlp = lambda n, last: keras.Sequential([keras.layers.Dense(n, "gelu"), keras.layers.Dense(n, "gelu"), last])

    class VAE(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = mlp(128, keras.layers.Dense(64 if with_flows else 2 * latents))
            self.decoder = mlp(128, keras.layers.Dense(64))
            self.seeds = keras.random.SeedGenerator(seed)
            self.prior = self.posterior = None
            if with_flows:
                self.prior = tfp_flows.RealNVP((latents,), num_layers=4, hidden_units=(64,), seed=seed)
                self.posterior = tfp_flows.IAF(
                    (latents,), num_layers=2, hidden_units=(64,), context_shape=(64,), seed=seed
                )

        def start(self, x):
            """Layers that set themselves from what they see: the posterior from its samples, the prior from those."""
            features = self.encoder(self.scaled(x))
            if with_flows:
                self.posterior.initialize(len(x), context=features)
                self.prior.initialize(self.posterior.sample(len(x), context=features, seed=0))

        def scaled(self, x):
            return tf.cast(x, tf.float32) / 8 - 1

        def call(self, x, training=False):
            """One sample of minus the bound of each event, (batch,), nats."""
            features, seed = self.encoder(self.scaled(x)), tf.cast(self.seeds.next(), tf.int32)
            if with_flows:
                z, log_q = self.posterior.sample_and_log_prob(tf.shape(x)[0], features, seed, training)
                log_p = self.prior.distribution.log_prob(tf.identity(z))
            else:
                loc, raw = tf.split(features, 2, -1)
                q = tfd.MultivariateNormalDiag(loc, tf.nn.softplus(raw + 0.5) + 1e-3)
                z = q.sample(seed=seed)
                log_q, log_p = q.log_prob(z), tfd.MultivariateNormalDiag(tf.zeros_like(loc)).log_prob(z)
            pixels = tfd.Independent(tfd.Binomial(16.0, logits=self.decoder(z)), 1)
            return log_q - log_p - pixels.log_prob(tf.cast(x, tf.float32))

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return tf.reduce_mean(y_pred)

    return VAE()


def bounds(model, x, num_samples=64):
    """Of each event the bound, and that of all samples weighted together: (n,) each, nats."""
    import numpy as np
    import tensorflow as tf

    values = tf.function(model)
    log_weights = -np.stack([values(x).numpy() for _ in range(num_samples)]).astype("float64")
    largest = log_weights.max(0)
    return log_weights.mean(0), largest + np.log(np.mean(np.exp(log_weights - largest), 0))


def run(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=150, help="of 1,297 digits (default: %(default)s)")
    parser.add_argument("--latents", type=int, default=8, help="dimensions of z (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    import keras
    import tensorflow as tf

    import tfp_flows

    digits = tfp_flows.data.load("digits")
    train, test = (tf.constant(x, tf.int32) for x in (digits.train, digits.test))
    print("| prior and posterior | bound | 64 samples' bound | weights |\n| --- | ---: | ---: | ---: |", flush=True)
    for name, with_flows in (("Gaussians", False), ("flows", True)):
        keras.utils.set_random_seed(args.seed)
        model = vae(args.latents, with_flows, args.seed)
        model.start(train[:500])
        steps = args.epochs * (len(train) // 50)
        model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps), clipnorm=100.0))
        model.fit(tf.data.Dataset.from_tensor_slices(train).shuffle(2000, args.seed).batch(50, True),
                  epochs=args.epochs, shuffle=False, verbose=0)  # fmt: skip
        found = bounds(model, test)
        said = " | ".join(f"{x.mean():.2f} +- {2 * x.std() / len(x) ** 0.5:.2f}" for x in found)
        print(f"| {name} | {said} | {model.count_params():,} |", flush=True)
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(run(sys.argv[1:]))
