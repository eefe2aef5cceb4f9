"""zuko's `NSF` as couplings: an autoregressive layer of two passes is one."""

from benchmarks.zuko import Zuko


class NsfZuko(Zuko):
    note = "zuko.flows.NSF, passes=2; its own interval"

    def make(self):
        import zuko

        settings = self.settings
        return zuko.flows.NSF(
            settings.dims,
            bins=settings.bins,
            passes=2,
            transforms=settings.layers,
            hidden_features=settings.hidden,
        )
