"""tfp_flows: the model as its README shows it, no wrapper around it."""

from benchmarks.keras_contestant import KerasContestant


class GlowOurs(KerasContestant):
    packages = ("tensorflow-probability", "tensorflow", "keras")
    note = "tfp_flows.Glow, affine couplings, PLU, learned prior"

    def make(self):
        import tfp_flows

        model = tfp_flows.Glow(
            event_shape=self.settings.event_shape,
            num_levels=self.settings.levels,
            num_steps=self.settings.layers,
            hidden_channels=self.settings.hidden[0],
        )
        batch = self.settings.batch

        def sample(seed):
            return model.sample(batch, seed=seed)

        if self.jit_compile:
            return model, self.graph(model.log_prob), self.graph(sample)
        return model, model.log_prob, sample  # both are graphs by themselves
