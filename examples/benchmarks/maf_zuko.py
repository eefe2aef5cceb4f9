"""zuko's `MAF`. Its order of the features is reversed from layer to layer, as ours."""

from benchmarks.zuko import Zuko


class MafZuko(Zuko):
    note = "zuko.flows.MAF; log-scale softly clipped"

    def make(self):
        import zuko

        return zuko.flows.MAF(self.settings.dims, transforms=self.settings.layers, hidden_features=self.settings.hidden)
