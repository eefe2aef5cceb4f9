"""zuko's `RealNVP`. Its halves are the even and the odd dimensions."""

from benchmarks.torch_contestant import TorchContestant


class Zuko(TorchContestant):
    packages = ("zuko", "torch")
    note = "zuko.flows.RealNVP; masks alternate between even and odd dimensions; log-scale softly clipped"

    def make(self):
        import zuko

        return zuko.flows.RealNVP(
            self.settings.dims, transforms=self.settings.layers, hidden_features=self.settings.hidden
        )

    def flow_log_prob(self, x):
        return self.flow().log_prob(x)

    def flow_sample(self, num_samples):
        return self.flow().sample((num_samples,))
