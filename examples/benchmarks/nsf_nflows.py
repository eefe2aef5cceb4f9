"""nflows' `PiecewiseRationalQuadraticCouplingTransform`, with linear tails."""

from benchmarks.nflows import NFlows


class NsfNFlows(NFlows):
    note = "CompositeTransform of PiecewiseRationalQuadraticCouplingTransform, plain networks"

    def coupling(self, mask, make_network):
        from nflows.transforms import PiecewiseRationalQuadraticCouplingTransform

        settings = self.settings
        return PiecewiseRationalQuadraticCouplingTransform(
            mask, make_network, num_bins=settings.bins, tails="linear", tail_bound=settings.bound
        )
