"""nflows' `AffineCouplingTransform`, put together here, as its `SimpleRealNVP` has residual conditioners."""

from benchmarks.torch_contestant import TorchContestant, dense_network


class NFlows(TorchContestant):
    packages = ("nflows", "torch")
    note = "CompositeTransform of AffineCouplingTransform, plain networks; scale: sigmoid"

    def make(self):
        import torch
        from nflows.distributions import StandardNormal
        from nflows.flows import Flow
        from nflows.transforms import CompositeTransform

        dims = self.settings.dims
        first_half = torch.arange(dims) < (dims + 1) // 2
        conditioner = _conditioner_class()

        def make_network(num_inputs, num_outputs):
            return conditioner(dense_network(self.settings, num_inputs, num_outputs))

        # A mask above zero is transformed.
        masks = [first_half.int() if i % 2 else 1 - first_half.int() for i in range(self.settings.layers)]
        return Flow(
            CompositeTransform([self.coupling(mask, make_network) for mask in masks]),
            StandardNormal([dims]),
        )

    def coupling(self, mask, make_network):
        from nflows.transforms import AffineCouplingTransform

        return AffineCouplingTransform(mask, make_network)

    def flow_log_prob(self, x):
        return self.flow.log_prob(x)

    def flow_sample(self, num_samples):
        return self.flow.sample(num_samples)


def _conditioner_class():
    from torch import nn

    class Conditioner(nn.Module):
        """nflows gives every conditioner a context, here None, that a plain network does not take."""

        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x, context=None):
            return self.network(x)

    return Conditioner
