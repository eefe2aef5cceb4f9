"""normflows' `MultiscaleFlow` of `GlowBlock`s, put together as in its own example of Glow."""

import numpy as np

from benchmarks.torch_contestant import TorchContestant


class GlowNormFlows(TorchContestant):
    packages = ("normflows", "torch")
    note = "MultiscaleFlow of GlowBlock (affine, scale by a sigmoid, LU), base DiagGaussian, fixed"

    def make(self):
        import normflows as nf

        settings, bases, merges, flows = self.settings, [], [], []
        # normflows builds from the latent side: its first level is the coarsest.
        for i, (height, channels) in enumerate(reversed(settings.sizes)):
            steps = [nf.flows.GlowBlock(channels, settings.hidden[0]) for _ in range(settings.layers)]
            flows.append([*steps, nf.flows.Squeeze()])
            if i > 0:
                merges.append(nf.flows.Merge())
            latent = channels if i == 0 else channels // 2
            bases.append(nf.distributions.DiagGaussian((latent, height, height), trainable=False))
        return nf.MultiscaleFlow(bases, flows, merges, class_cond=False)

    def tensor(self, x):
        return super().tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))

    def loss(self, x):
        return self.flow.forward_kld(x)

    def flow_log_prob(self, x):
        return self.flow.log_prob(x, None)

    def flow_sample(self, num_samples):
        return self.flow.sample(num_samples)[0].permute(0, 2, 3, 1)
