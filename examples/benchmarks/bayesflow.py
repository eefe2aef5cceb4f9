"""BayesFlow's `CouplingFlow` on the TensorFlow backend of Keras, trained by the same `fit`.

Its `depth` counts pairs of couplings: one for each half.
"""

import os

from benchmarks.keras_contestant import KerasContestant, density_model


class BayesFlow(KerasContestant):
    packages = ("bayesflow", "keras", "tensorflow")
    note = "CouplingFlow(depth=layers / 2), ReLU, no dropout, actnorm or permutation; scale: softplus of arcsinh"

    def make(self):
        os.environ["KERAS_BACKEND"] = "tensorflow"
        import bayesflow

        if self.settings.layers % 2:
            raise ValueError(f"Expected an even number of layers (a DualCoupling is two); got {self.settings.layers}.")
        flow = bayesflow.networks.CouplingFlow(
            depth=self.settings.layers // 2,
            **self.transform(),
            permutation=None,
            use_actnorm=False,
            subnet_kwargs={"widths": self.settings.hidden, "activation": "relu", "dropout": None},
        )
        flow.build((None, self.settings.dims))
        batch = self.settings.batch

        def sample(seed):  # BayesFlow keeps a seed generator of its own
            return flow.sample(batch)

        return density_model([flow], flow.log_prob), self.graph(flow.log_prob), self.graph(sample)

    def transform(self):
        """Of a coupling, as its arguments."""
        return {}
