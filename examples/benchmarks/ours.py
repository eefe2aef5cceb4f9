"""tfp_flows: the model as its README shows it, no wrapper around it."""

from benchmarks.keras_contestant import KerasContestant


class Ours(KerasContestant):
    packages = ("tensorflow-probability", "tensorflow", "keras")
    note = "tfp_flows.RealNVP without actnorm"

    def flow(self):
        import tfp_flows

        return tfp_flows.RealNVP(
            event_shape=self.settings.event_shape,
            num_layers=self.settings.layers,
            hidden_units=self.settings.hidden,
            actnorm=False,
        )

    def make(self):
        model, batch = self.flow(), self.settings.batch

        def sample(seed):
            return model.sample(batch, seed=seed)

        if self.jit_compile:
            return model, self.graph(model.log_prob), self.graph(sample)
        return model, model.log_prob, sample  # both are graphs by themselves
