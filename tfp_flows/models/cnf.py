"""CNF: a velocity field by maximum likelihood through its differential equation.

    data -> standard units -> dx/dt = v(x, t), t from 1 to 0 -> standard normal, or another base

Training takes as many passes of the network as the solver does, and as many again for the gradient. Where it is trained
with steps of one length, a density by tolerance shows whether they were short enough.
Chen et al., arXiv:1806.07366, section 4; Grathwohl et al., FFJORD, arXiv:1810.01367; the costs of the way: Finlay et
al., arXiv:2002.02798; the gradient of a potential: Onken et al., OT-Flow, arXiv:2006.00104.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow_probability as tfp

from tfp_flows.models.blocks.continuous_flow import ContinuousFlow
from tfp_flows.objectives import Objective, RegularizedLikelihood

tfb, tfd = tfp.bijectors, tfp.distributions


@keras.saving.register_keras_serializable(package="tfp_flows")
class CNF(ContinuousFlow):
    """A continuous normalizing flow.

    Args:
        training_steps: int, steps of Runge and Kutta's method in training, whose gradient is exact; None for the
            solver that densities have, with the gradient of the adjoint equation if it is one by tolerance.
        field: "network", or of vectors "potential", the gradient of one (`networks.PotentialField`, whose hidden_units
            is one int): OT-Flow's.
        hamilton_jacobi: float >= 0, the weight of the potential's own cost.
        kinetic, jacobian: floats >= 0, weights of the costs of the way, see `objectives.RegularizedLikelihood`: the
            published ones. Without them steps of one length soon do not follow the field that is learned, and what is
            maximised is no likelihood any more.
        base: str or `tfd.Distribution`, of the latents, see `tfp_flows.models.blocks.bases`.
        **: those of `tfp_flows.models.blocks.continuous_flow.ContinuousFlow`.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.CNF((2,), hidden_units=16)
        >>> flow.log_prob(tf.zeros([3, 2])).shape.as_list()
        [3]
    """

    _vectors = dict(hidden_units=(64, 64, 64), activation="tanh", num_frequencies=3)

    def __init__(
        self,
        event_shape: tuple[int, ...],
        num_bins: int | None = None,
        hidden_units: int | Sequence[int] | None = None,
        activation: str | None = None,
        num_frequencies: int | None = None,
        num_octaves: int | None = None,
        hidden_channels: int | None = None,
        multipliers: Sequence[int] | None = None,
        num_blocks: int | None = None,
        attention_levels: Sequence[int] | None = None,
        patch_size: int | None = None,
        dropout: float | None = None,
        context_shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        solver: str = "dormand_prince",
        num_steps: int | None = None,
        rtol: float = 1e-5,
        atol: float = 1e-5,
        trace: str | None = None,
        num_probes: int = 1,
        integer_columns: Sequence[int] | None = None,
        preprocessing: str | tfb.Bijector = "standard",
        edges: Sequence[int] | None = None,
        training_steps: int | None = 8,
        kinetic: float = 0.01,
        jacobian: float = 0.01,
        field: str = "network",
        hamilton_jacobi: float = 0.0,
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        context_network: keras.layers.Layer | None = None,
        base: str | tfd.Distribution = "normal",
    ):
        given = locals()
        objective = RegularizedLikelihood(kinetic, jacobian, training_steps, hamilton_jacobi)
        if hamilton_jacobi and field != "potential":
            raise ValueError(f"Expected field='potential' beside hamilton_jacobi={hamilton_jacobi!r}; got {field!r}.")
        vars(self)["_objective_arguments"] = objective.get_config()
        super().__init__(given)

    def default_objective(self) -> Objective:
        return RegularizedLikelihood(**self._objective_arguments)
