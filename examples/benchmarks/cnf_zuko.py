"""zuko's `CNF`, with the exact trace, its own Dormand-Prince solver and its adjoint."""

from benchmarks.zuko import Zuko


class CnfZuko(Zuko):
    note = "zuko.flows.CNF, exact trace"

    def make(self):
        import zuko
        from torch import nn

        tolerance = self.settings.tolerance
        return zuko.flows.CNF(
            self.settings.dims, hidden_features=self.settings.hidden, activation=nn.Tanh, atol=tolerance, rtol=tolerance
        )
