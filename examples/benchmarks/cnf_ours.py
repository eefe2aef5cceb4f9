"""tfp_flows' CNF, with densities and samples by tolerance."""

from benchmarks.ours import Ours


class CnfOurs(Ours):
    note = "tfp_flows.CNF, exact trace; trained through 8 steps of Runge and Kutta"

    def __init__(self, settings, jit_compile=False, training_steps=8):
        self.training_steps = training_steps
        if training_steps is None:
            self.note = "tfp_flows.CNF, exact trace; trained by tolerance too, with the adjoint equation"
        super().__init__(settings, jit_compile)

    def flow(self):
        import tfp_flows

        tolerance = self.settings.tolerance
        return tfp_flows.CNF(
            self.settings.event_shape, hidden_units=self.settings.hidden, rtol=tolerance, atol=tolerance,
            training_steps=self.training_steps,
        )  # fmt: skip
