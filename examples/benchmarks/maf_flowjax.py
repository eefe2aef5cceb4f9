"""flowjax's `masked_autoregressive_flow`."""

from benchmarks.flowjax import FlowJAX


class MafFlowJAX(FlowJAX):
    note = "flows.masked_autoregressive_flow; scale: softplus"

    def make(self, key):
        import jax.numpy as jnp
        import paramax
        from flowjax.distributions import Normal
        from flowjax.flows import masked_autoregressive_flow

        hidden = self.settings.hidden
        if len(set(hidden)) != 1:
            raise ValueError(f"Expected hidden layers of one width, as flowjax has them; got {hidden}.")
        return masked_autoregressive_flow(
            key,
            base_dist=paramax.non_trainable(Normal(jnp.zeros(self.settings.dims))),
            flow_layers=self.settings.layers,
            nn_width=hidden[0],
            nn_depth=len(hidden),
        )
