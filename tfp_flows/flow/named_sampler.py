"""Samplers by the names that the command line has: of models of continuous time, and of autoregressive ones."""

from __future__ import annotations

from tfp_flows.catalog_entry import ODE_SOLVERS
from tfp_flows.dynamics import Solver
from tfp_flows.flow.autoregressive_sampler import AutoregressiveSampler
from tfp_flows.flow.langevin_sampler import AnnealedLangevin
from tfp_flows.flow.ode_sampler import ODESampler
from tfp_flows.flow.sampler import Sampler
from tfp_flows.flow.sde_sampler import SDESampler

NAMES = (
    *ODE_SOLVERS, "ancestral", "ddim", "euler_maruyama", "predictor_corrector", "langevin", "autoregressive",
)  # fmt: skip


def named_sampler(name: str, num_steps: int | None = None, guidance: float = 1.0) -> Sampler:
    """The sampler of a name.

    Args:
        name: a solver of the differential equation, "euler", "midpoint", "heun", "rk4", "dormand_prince" or "tsit5"; or
            of a score model "ancestral", "ddim", "euler_maruyama", "predictor_corrector" or "langevin"; or
            "autoregressive".
        num_steps: int, of a solver or a diffusion, and of "langevin" at each level; None for the sampler's own number,
            and of the last two solvers for steps by tolerance.
        guidance: float >= 0, see `tfp_flows.flow.guidance`.

    Raises:
        ValueError: for another name, a solver of steps of one length without their number, "autoregressive" with one,
            or a bad number.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.FlowMatching((2,), hidden_units=16)
        >>> flow.sampler = tfp_flows.flow.named_sampler("midpoint", 8)
        >>> flow.sample(3, seed=0).shape.as_list()
        [3, 2]
    """
    if name not in NAMES:
        raise ValueError(f"Expected a sampler among {list(NAMES)}; got {name!r}.")
    if name in ODE_SOLVERS:
        return ODESampler(Solver(name, num_steps), guidance)
    if name == "autoregressive":
        if num_steps is not None:
            raise ValueError(f"Expected num_steps=None for 'autoregressive', which has no steps; got {num_steps!r}.")
        return AutoregressiveSampler(guidance)
    given = {} if num_steps is None else {"num_steps": num_steps}
    if name == "langevin":
        return AnnealedLangevin(**given, guidance=guidance)
    kinds = {
        "ddim": dict(noise=0.0),
        "euler_maruyama": dict(predictor="euler_maruyama"),
        "predictor_corrector": dict(corrector_steps=1),
    }
    return SDESampler(**given, **kinds.get(name, {}), guidance=guidance)
