"""tfp_flows' MAF, run as its RealNVP is."""

from benchmarks.ours import Ours


class MafOurs(Ours):
    note = "tfp_flows.MAF without actnorm"

    def flow(self):
        import tfp_flows

        return tfp_flows.MAF(
            event_shape=self.settings.event_shape,
            num_layers=self.settings.layers,
            hidden_units=self.settings.hidden,
            actnorm=False,
        )
