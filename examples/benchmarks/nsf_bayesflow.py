"""BayesFlow's `CouplingFlow` with splines."""

from benchmarks.bayesflow import BayesFlow


class NsfBayesFlow(BayesFlow):
    note = "CouplingFlow(depth=layers / 2, transform='spline'), ReLU, no dropout, actnorm or permutation"

    def transform(self):
        return dict(transform="spline", transform_kwargs={"bins": self.settings.bins})
