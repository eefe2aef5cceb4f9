"""flowjax's `coupling_flow` with its `RationalQuadraticSpline`."""

from benchmarks.flowjax import FlowJAX


class NsfFlowJAX(FlowJAX):
    note = "flows.coupling_flow of RationalQuadraticSpline; a random permutation after each layer"

    def make(self, key):
        import jax.numpy as jnp
        import paramax
        from flowjax.bijections import RationalQuadraticSpline
        from flowjax.distributions import Normal
        from flowjax.flows import coupling_flow

        settings, hidden = self.settings, self.settings.hidden
        if len(set(hidden)) != 1:
            raise ValueError(f"Expected hidden layers of one width, as flowjax has them; got {hidden}.")
        return coupling_flow(
            key,
            base_dist=paramax.non_trainable(Normal(jnp.zeros(settings.dims))),
            transformer=RationalQuadraticSpline(knots=settings.bins, interval=settings.bound),
            flow_layers=settings.layers,
            nn_width=hidden[0],
            nn_depth=len(hidden),
        )
