"""flowjax's `coupling_flow`.

It passes the first half through in every layer and permutes at random between the layers, so its networks are all
of one size and the number of its parameters differs by as much.
"""

from benchmarks.jax_contestant import JaxContestant


class FlowJAX(JaxContestant):
    packages = ("flowjax", "jax", "equinox", "optax")
    note = "flows.coupling_flow; a random permutation after each layer; scale: softplus"

    def make(self, key):
        import jax.numpy as jnp
        import paramax
        from flowjax.distributions import Normal
        from flowjax.flows import coupling_flow

        hidden = self.settings.hidden
        if len(set(hidden)) != 1:
            raise ValueError(f"Expected hidden layers of one width, as flowjax has them; got {hidden}.")
        return coupling_flow(
            key,
            base_dist=paramax.non_trainable(Normal(jnp.zeros(self.settings.dims))),
            flow_layers=self.settings.layers,
            nn_width=hidden[0],
            nn_depth=len(hidden),
        )

    def is_fixed(self, leaf):
        import paramax

        return isinstance(leaf, paramax.NonTrainable)

    def model_log_prob(self, model, x):
        return model.log_prob(x)

    def model_sample(self, model, key):
        return model.sample(key, (self.settings.batch,))
