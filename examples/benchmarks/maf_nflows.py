"""nflows' `MaskedAutoregressiveFlow`.

The first hidden layer of its networks comes before their blocks, which are one fewer.
"""

from benchmarks.torch_contestant import TorchContestant


class MafNFlows(TorchContestant):
    packages = ("nflows", "torch")
    note = "MaskedAutoregressiveFlow, plain blocks; scale: softplus"

    def make(self):
        from nflows.flows import MaskedAutoregressiveFlow

        hidden = self.settings.hidden
        if len(set(hidden)) != 1:
            raise ValueError(f"Expected hidden layers of one width, as nflows has them; got {hidden}.")
        return MaskedAutoregressiveFlow(
            self.settings.dims,
            hidden_features=hidden[0],
            num_layers=self.settings.layers,
            num_blocks_per_layer=len(hidden) - 1,
            use_residual_blocks=False,
        )

    def flow_log_prob(self, x):
        return self.flow.log_prob(x)

    def flow_sample(self, num_samples):
        return self.flow.sample(num_samples)
