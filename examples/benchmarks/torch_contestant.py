"""Contestants that PyTorch trains, in the usual eager loop.

Adam is PyTorch's fused one, the fastest that it has on a processor.
"""

import abc

from benchmarks.contestant import Contestant


class TorchContestant(Contestant):
    packages = ("torch",)

    @abc.abstractmethod
    def make(self):
        """The flow, a `torch.nn.Module`."""

    @abc.abstractmethod
    def flow_log_prob(self, x):
        """log_prob of a batch: (batch,)."""

    @abc.abstractmethod
    def flow_sample(self, num_samples):
        """Samples: (num_samples, dims)."""

    def loss(self, x):
        """What a training step minimises."""
        return -self.flow_log_prob(x).mean()

    def build(self):
        import torch

        torch.manual_seed(0)
        self.flow = self.make()
        self.optimizer = torch.optim.Adam(self.flow.parameters(), lr=self.settings.learning_rate, fused=True)

    def tensor(self, x):
        import torch

        return torch.from_numpy(x)

    def step(self, x):
        self.optimizer.zero_grad()
        loss = self.loss(x)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def score(self, x):
        import torch

        with torch.no_grad():
            return self.flow_log_prob(x)

    def draw(self, seed):
        import torch

        torch.manual_seed(seed)
        with torch.no_grad():
            return self.flow_sample(self.settings.batch)

    @property
    def num_parameters(self):
        return sum(p.numel() for p in self.flow.parameters() if p.requires_grad)


def dense_network(settings, num_inputs, num_outputs):
    """A conditioner as a plain stack of `torch.nn.Linear`."""
    from torch import nn

    layers = []
    for units in settings.hidden:
        layers += [nn.Linear(num_inputs, units), nn.ReLU()]
        num_inputs = units
    return nn.Sequential(*layers, nn.Linear(num_inputs, num_outputs))
