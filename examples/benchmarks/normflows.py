"""normflows' `AffineCouplingBlock`, whose split mode says which half passes through."""

from benchmarks.torch_contestant import TorchContestant


class NormFlows(TorchContestant):
    packages = ("normflows", "torch")
    note = "NormalizingFlow of AffineCouplingBlock, split modes channel and channel_inv in turn"

    def make(self):
        import normflows as nf

        dims, hidden = self.settings.dims, list(self.settings.hidden)
        large, small = dims - dims // 2, dims // 2  # "channel" puts the odd dimension into the first half
        layers = []
        for i in range(self.settings.layers):
            num_inputs, num_transformed = (small, large) if i % 2 else (large, small)
            network = nf.nets.MLP([num_inputs, *hidden, 2 * num_transformed], init_zeros=True)
            layers.append(nf.flows.AffineCouplingBlock(network, split_mode="channel_inv" if i % 2 else "channel"))
        return nf.NormalizingFlow(nf.distributions.DiagGaussian(dims, trainable=False), layers)

    def loss(self, x):
        return self.flow.forward_kld(x)

    def flow_log_prob(self, x):
        return self.flow.log_prob(x)

    def flow_sample(self, num_samples):
        return self.flow.sample(num_samples)[0]
