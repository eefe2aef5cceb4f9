"""Chains: many at once, compiled, their step size found during burn-in, and what there is to say of them after.

    burn-in:  dual averaging of the step size for 4/5 of it, then fixed  ->  samples

Effective samples and R-hat are TFP's, over all chains (Geyer's initial monotone pairs; each chain split in two). What
they cost is counted in gradients of the target: leapfrog steps, and one more a jump.
Hoffman and Gelman, The No-U-Turn sampler, arXiv:1111.4246, section 3.2; Vehtari et al., arXiv:1903.08008.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike

from tfp_flows.inference.jumps import Jumps
from tfp_flows.inference.kernels import field, results_stack, stack

_ADAPTABLE = (tfp.mcmc.HamiltonianMonteCarlo, tfp.mcmc.NoUTurnSampler)
_ADAPTATIONS = (tfp.mcmc.DualAveragingStepSizeAdaptation, tfp.mcmc.SimpleStepSizeAdaptation)


@dataclasses.dataclass(frozen=True)
class Chains:
    """What chains have drawn after burn-in.

    Args:
        states: array (num_samples, num_chains, *event_shape).
        num_gradients: int, evaluations of the target with its gradient, over all chains, burn-in left out; of a random
            walk without.
        acceptance: float, mean probability that a local step was accepted.
        jump_acceptance: float, share of the jumps that were taken; NaN where there are none.
        num_divergent: int, steps whose energy was lost.
        step_size: float array, of the local kernel in the end; NaN where its results keep none.

    Example:
        >>> states = np.random.default_rng(0).normal(size=(500, 4, 1)).astype("float32")
        >>> chains = Chains(states, 2000, 1.0, math.nan, 0, np.float32(1.0))
        >>> bool(chains.r_hat()[0] < 1.02), bool(chains.effective_sample_size()[0] > 1500)
        (True, True)
    """

    states: np.ndarray
    num_gradients: int
    acceptance: float
    jump_acceptance: float
    num_divergent: int
    step_size: np.ndarray

    def effective_sample_size(self) -> np.ndarray:
        """As many independent samples would give the mean as well, over all chains: (*event_shape,)."""
        # In units of their own: squares of large numbers are not to be compared in float32.
        x = tf.constant(self._standardized())
        size = tfp.mcmc.effective_sample_size(x, cross_chain_dims=1, filter_beyond_positive_pairs=True)
        return size.numpy()

    def r_hat(self) -> np.ndarray:
        """How much farther all chains reach than each, (*event_shape,): 1 at best, below 1.01 where they agree."""
        return tfp.mcmc.potential_scale_reduction(tf.constant(self._standardized()), split_chains=True).numpy()

    def standard_error(self) -> np.ndarray:
        """Of the means, (*event_shape,), by the effective samples."""
        return self.states.std((0, 1), dtype=np.float64) / np.sqrt(self.effective_sample_size())

    def _standardized(self):
        x = self.states.astype(np.float64)
        scale = x.std((0, 1))
        return (x - x.mean((0, 1))) / np.where(scale > 0, scale, 1)


def sample_chains(
    kernel: tfp.mcmc.TransitionKernel,
    start: ArrayLike,
    num_samples: int = 1000,
    num_burnin_steps: int = 500,
    target_acceptance: float = 0.8,
    seed: int = 0,
    jit_compile: bool = False,
) -> Chains:
    """Runs chains of a kernel from a start, in one compiled function.

    Args:
        kernel: `tfp.mcmc.TransitionKernel` of vectors. HMC and NUTS, alone, with `Jumps` or moved by `neutra`, have
            their step size adapted, unless the kernel adapts it itself; another runs as it is.
        start: (num_chains, *event_shape), in the target's space: samples of the flow, say.
        num_samples: int, states kept of each chain.
        num_burnin_steps: int, steps before, not kept.
        target_acceptance: float in (0, 1), what the step size is adapted to.
        seed: int.
        jit_compile: bool, whether XLA compiles it: longer to start, faster to run.

    Raises:
        ValueError: for no kernel of a target, a start that is no batch of chains or not finite under the target, or
            numbers out of range.

    Example:
        >>> target = tfd.MultivariateNormalDiag([3.0], [2.0])
        >>> hmc = tfp.mcmc.HamiltonianMonteCarlo(target.log_prob, step_size=1.0, num_leapfrog_steps=3)
        >>> chains = sample_chains(hmc, tf.zeros([8, 1]), 200, 100)
        >>> bool(abs(chains.states.mean() - 3.0) < 0.5), chains.num_gradients
        (True, 4800)
    """
    kernels, start = stack(kernel), tf.convert_to_tensor(start)
    local = kernels[-1]
    if start.shape.rank is None or start.shape.rank < 2:
        raise ValueError(f"Expected a start of shape (num_chains, *event_shape); got {tuple(start.shape)}.")
    for name, value, least in (("num_samples", num_samples, 4), ("num_burnin_steps", num_burnin_steps, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"Expected {name} to be an integer of at least {least}; got {value!r}.")
    if not 0 < target_acceptance < 1:
        raise ValueError(f"Expected target_acceptance between 0 and 1; got {target_acceptance!r}.")
    values = tf.convert_to_tensor(local.parameters["target_log_prob_fn"](start))
    if not np.isfinite(values).all():
        wrong = int((~np.isfinite(values)).sum())
        raise ValueError(f"Expected a start of finite density; got {wrong} of {len(start)} NaN or infinite.")
    if isinstance(local, _ADAPTABLE) and not any(isinstance(one, _ADAPTATIONS) for one in kernels):
        kernel = tfp.mcmc.DualAveragingStepSizeAdaptation(
            kernel, int(0.8 * num_burnin_steps), tf.cast(target_acceptance, start.dtype)
        )
    num_jumps = sum(isinstance(one, Jumps) for one in kernels)
    leapfrogs = local.parameters.get("num_leapfrog_steps", 1)
    of_each_chain = ("log_accept_ratio", "is_jump_accepted")

    def trace(_, results):
        inner, ratio, jumped = results_stack(results)[-1], *(field(results, name) for name in of_each_chain)
        count = getattr(inner, "leapfrogs_taken", tf.fill(tf.shape(ratio), leapfrogs))
        lost = getattr(inner, "has_divergence", ratio < -1000)
        jumped = tf.zeros_like(lost) if jumped is None else jumped
        step = getattr(inner, "step_size", tf.constant(float("nan"), start.dtype))
        return tf.exp(tf.minimum(ratio, 0)), tf.cast(count, tf.int32), lost, jumped, step

    @tf.function(autograph=False, jit_compile=jit_compile)
    def run(start, seed):
        return tfp.mcmc.sample_chain(
            num_samples, start, kernel=kernel, num_burnin_steps=num_burnin_steps, trace_fn=trace, seed=seed
        )

    states, (acceptance, count, lost, jumped, step) = run(start, tf.constant([seed, 0]))
    num_steps = num_samples * int(np.prod(values.shape))
    return Chains(
        states.numpy(),
        int(count.numpy().astype(np.int64).sum()) + num_jumps * num_steps,
        float(np.nan_to_num(acceptance.numpy()).mean()),
        float(jumped.numpy().mean()) if num_jumps else float("nan"),
        int(lost.numpy().sum()),
        np.asarray(tf.nest.flatten(step)[0])[-1],
    )
