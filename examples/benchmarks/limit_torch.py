"""PyTorch's limit: as in `limit_keras`, the networks alone."""

from benchmarks.torch_contestant import TorchContestant, dense_network


class LimitTorch(TorchContestant):
    note = "as limit, in PyTorch, eager, fused Adam"
    is_density = False

    def make(self):
        from torch import nn

        return nn.ModuleList([dense_network(self.settings, *size) for size in self.settings.sizes])

    def flow_log_prob(self, x):
        result = 0.0
        for network, (num_inputs, _) in zip(self.flow, self.settings.sizes):
            x = network(x[:, :num_inputs])
            result = result - x.square().sum(-1)
        return result

    def flow_sample(self, num_samples):
        import torch

        x = z = torch.randn(num_samples, self.settings.dims)
        for network, (num_inputs, _) in zip(self.flow, self.settings.sizes):
            x = network(x[:, :num_inputs])
        return torch.cat([x, z], -1)[:, : self.settings.dims]
