"""Maximum likelihood along ways that cost little: fields that are straight and smooth need fewer steps.

    value = -log p(x) + kinetic integral |v|^2 dt + jacobian integral |dv/dx|_F^2 dt      nats an event
          + hamilton_jacobi integral |dPhi/dt - |dPhi/dx|^2 / 2| dt                       where v = -dPhi/dx

The Frobenius norm is exact where the divergence is, and otherwise estimated by its probes, which are new in every step.

Network passes: those of the solver.
Finlay, Jacobsen, Nurbekyan and Oberman, How to train your neural ODE, arXiv:2002.02798, section 4;
Onken, Wu Fung, Li and Ruthotto, OT-Flow, arXiv:2006.00104, section 2.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.bijectors import solving
from tfp_flows.bridge.keras_mode import KerasMode
from tfp_flows.dynamics import Solver
from tfp_flows.objectives.maximum_likelihood import MaximumLikelihood

if TYPE_CHECKING:
    import keras


class RegularizedLikelihood(MaximumLikelihood):
    """Negative log-likelihood and the costs of the way; the default of `CNF`.

    Args:
        kinetic, jacobian: floats >= 0, the weights of the two costs; the published ones are 0.01 each on images.
        training_steps: int, steps of Runge and Kutta's method that are taken in training, with their exact gradient;
            None for the flow's own solver. `evaluate` takes the flow's own in either case.
        hamilton_jacobi: float >= 0, of a field that is the gradient of a potential; published ones are 0.04 to 0.4.

    Raises:
        ValueError: where a weight is negative or not finite, training_steps is no positive integer, or a flow without
            a potential is to have the cost of one.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.CNF((2,), hidden_units=8)
        >>> flow.compile("adam", loss=tfp_flows.objectives.RegularizedLikelihood(kinetic=0.01))
        >>> list(flow.fit(np.eye(50, 2, dtype="float32"), verbose=0).history)
        ['loss', 'nll']
    """

    name = "nll"
    unit = "nats per event"

    def __init__(
        self, kinetic: float = 0.0, jacobian: float = 0.0, training_steps: int | None = None,
        hamilton_jacobi: float = 0.0,
    ):  # fmt: skip
        for name, value in (("kinetic", kinetic), ("jacobian", jacobian), ("hamilton_jacobi", hamilton_jacobi)):
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < float("inf"):
                raise ValueError(f"Expected {name} to be a finite number of at least 0; got {value!r}.")
        self.kinetic, self.jacobian, self.training_steps = float(kinetic), float(jacobian), training_steps
        self.hamilton_jacobi = float(hamilton_jacobi)
        self._solver = None if training_steps is None else Solver("rk4", training_steps)

    def __call__(
        self, flow: keras.Model, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor, training: bool
    ) -> tf.Tensor:
        own = tf.random.experimental.stateless_fold_in(seed, 1)
        log_q, (x, log_det), context = flow.scored_at_the_field(x, context, seed)

        def walk():
            with solving(self._solver if training else None):
                return flow.continuous.inverse_and_costs(x, context, own, costs=any(self._weights))

        z, more, costs = KerasMode()(function=walk, training=training)
        values = log_q - flow.base.log_prob(z) - log_det - more
        for weight, cost in zip(self._weights, costs or ()):
            values = values + weight * cost if weight else values
        return values

    @property
    def _weights(self):
        """In the order of the costs."""
        return self.kinetic, self.jacobian, self.hamilton_jacobi

    def check(self, flow: keras.Model) -> None:
        if not hasattr(flow, "scored_at_the_field"):
            raise ValueError(f"Expected a model with a velocity field, as CNF; got {type(flow).__name__}.")
        if self.hamilton_jacobi and not hasattr(flow.continuous.network, "hamilton_jacobi"):
            raise ValueError(f"Expected a field with a potential; got hamilton_jacobi={self.hamilton_jacobi!r}.")

    def get_config(self) -> dict:
        weights = {"kinetic": self.kinetic, "jacobian": self.jacobian, "hamilton_jacobi": self.hamilton_jacobi}
        return {**weights, "training_steps": self.training_steps}
