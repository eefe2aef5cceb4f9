"""BayesFlow's `CouplingFlow` with splines, on an interval of its own; of an even number of layers (`--layers 6`)."""

from benchmarks.bayesflow import BayesFlow


class NsfBayesFlow(BayesFlow):
    note = "CouplingFlow(depth=layers / 2, transform='spline'), ReLU, no dropout, actnorm or permutation"

    def transform(self):
        return dict(transform="spline", transform_kwargs={"bins": self.settings.bins})
