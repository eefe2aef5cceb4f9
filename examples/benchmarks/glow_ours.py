"""tfp_flows' Glow, run as its RealNVP is."""

from benchmarks.ours import Ours


class GlowOurs(Ours):
    note = "tfp_flows.Glow, affine couplings, PLU, learned prior"

    def flow(self):
        import tfp_flows

        return tfp_flows.Glow(
            event_shape=self.settings.event_shape,
            num_levels=self.settings.levels,
            num_steps=self.settings.layers,
            hidden_channels=self.settings.hidden[0],
        )
