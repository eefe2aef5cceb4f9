"""JAX's limit: as in `limit_keras`, the networks alone."""

from benchmarks.jax_contestant import JaxContestant


class LimitJax(JaxContestant):
    note = "as limit, in JAX, jitted, optax"
    is_density = False

    def make(self, key):
        import equinox as eqx
        import jax

        def network(key, num_inputs, num_outputs):
            widths = [num_inputs, *self.settings.hidden, num_outputs]
            keys = jax.random.split(key, len(widths) - 1)
            return [eqx.nn.Linear(n, m, key=k) for n, m, k in zip(widths, widths[1:], keys)]

        keys = jax.random.split(key, self.settings.layers)
        return [network(key, *size) for key, size in zip(keys, self.settings.sizes)]

    def model_log_prob(self, model, x):
        result = 0.0
        for network, (num_inputs, _) in zip(model, self.settings.sizes):
            x = _apply(network, x[:, :num_inputs])
            result -= (x**2).sum(-1)
        return result

    def model_sample(self, model, key):
        import jax
        import jax.numpy as jnp

        x = z = jax.random.normal(key, (self.settings.batch, self.settings.dims))
        for network, (num_inputs, _) in zip(model, self.settings.sizes):
            x = _apply(network, x[:, :num_inputs])
        return jnp.concatenate([x, z], -1)[:, : self.settings.dims]


def _apply(network, x):
    import jax

    *hidden, last = network
    for layer in hidden:
        x = jax.nn.relu(x @ layer.weight.T + layer.bias)
    return x @ last.weight.T + last.bias
