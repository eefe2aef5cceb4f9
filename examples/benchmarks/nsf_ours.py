"""tfp_flows' spline couplings in a chain, as the README makes one, with the networks of the others.

`tfp_flows.NSF` has residual networks and linear layers between; here all contestants have the same.
"""

from benchmarks.ours import Ours


class NsfOurs(Ours):
    note = "Chain of Coupling with transforms.RationalQuadraticSpline, MLP"

    def flow(self):
        import tensorflow as tf
        import tensorflow_probability as tfp

        import tfp_flows
        from tfp_flows import bijectors, masks, networks, transforms

        settings = self.settings
        spline = transforms.RationalQuadraticSpline(settings.bins, settings.bound)
        halves = masks.alternating(masks.half(settings.dims), settings.layers)
        couplings = [
            bijectors.Coupling(mask, networks.MLP(num_outputs, settings.hidden), spline)
            for mask, (_, num_outputs) in zip(halves, settings.sizes)
        ]
        base = tfp.distributions.Sample(tfp.distributions.Normal(0.0, tf.ones([])), settings.event_shape)
        return tfp_flows.Flow(tfp.distributions.TransformedDistribution(base, bijectors.Chain(couplings)))
