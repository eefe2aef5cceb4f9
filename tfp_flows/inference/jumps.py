"""Jumps: a local kernel, HMC say, and after each of its steps a proposal from a flow, from anywhere to anywhere.

    x'  ~ q                                                     the flow, whatever the state x
    accept with probability  min(1, p(x') q(x) / (p(x) q(x')))

Between modes that no local step crosses a good proposal jumps; where q is poor the local kernel goes on, and the chain
is exact either way. Beside the local step a jump costs a value and a gradient of p, a sample of q and a density of q:
a flow cheap in both directions, of couplings, or `neutra` around it, where the density is that of the base.
Gabrie, Rotskoff and Vanden-Eijnden, Adaptive Monte Carlo augmented with normalizing flows, arXiv:2105.12603, section 2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.flow.flow import Flow
from tfp_flows.inference.kernels import field_within, results_stack, stack
from tfp_flows.inference.proposals import distribution_of

tfd = tfp.distributions

# What the results of TFP's kernels keep of the state; all else, step sizes too, is not of it.
_OF_STATE = ("target_log_prob", "grads_target_log_prob")
_LOCAL = (tfp.mcmc.HamiltonianMonteCarlo, tfp.mcmc.NoUTurnSampler, tfp.mcmc.RandomWalkMetropolis)
_AROUND = (tfp.mcmc.DualAveragingStepSizeAdaptation, tfp.mcmc.SimpleStepSizeAdaptation)


class JumpResults(NamedTuple):
    """What a jump leaves: those of the local kernel, and by chain whether it was taken and its log ratio."""

    inner_results: Any
    is_jump_accepted: tf.Tensor
    log_jump_ratio: tf.Tensor


class Jumps(tfp.mcmc.TransitionKernel):
    """Alternates a local kernel with independent Metropolis-Hastings proposals from a flow.

    Args:
        inner_kernel: `tfp.mcmc.HamiltonianMonteCarlo`, `NoUTurnSampler` or `RandomWalkMetropolis`, or one of TFP's two
            step size adaptations around one; adaptations may stand around the jumps, too.
        proposal: `tfp_flows.Flow` fitted to the target or to states of its chains, or a `tfd.Distribution`; of the
            target's event shape.
        name: str or None.

    Raises:
        ValueError: for another kernel, or a proposal that is none, is conditional, of integers or not fitted; in use,
            for states of several parts or of another shape than the proposal's events.

    Example:
        >>> target = tfd.MixtureSameFamily(tfd.Categorical([0.0, 0.0]), tfd.MultivariateNormalDiag([[-9.0], [9.0]]))
        >>> hmc = tfp.mcmc.HamiltonianMonteCarlo(target.log_prob, step_size=1.0, num_leapfrog_steps=2)
        >>> kernel = Jumps(hmc, tfd.MultivariateNormalDiag([0.0], [9.0]))
        >>> states, jumped = tfp.mcmc.sample_chain(
        ...     5, tf.zeros([400, 1]), kernel=kernel, trace_fn=lambda _, r: r.is_jump_accepted, seed=[0, 1])
        >>> bool(0.1 < np.mean(jumped) < 0.5)
        True
    """

    def __init__(
        self, inner_kernel: tfp.mcmc.TransitionKernel, proposal: Flow | tfd.Distribution, name: str | None = None
    ):
        local, outer = stack(inner_kernel)[-1], inner_kernel
        while isinstance(outer, _AROUND):
            outer = outer.inner_kernel
        if outer is not local or not isinstance(local, _LOCAL):
            raise ValueError(
                f"Expected a kernel among {[kind.__name__ for kind in _LOCAL]}, alone or in a step size adaptation "
                f"(neutra stands around the jumps, not in them); got {type(outer).__name__}."
            )
        self._parameters = dict(inner_kernel=inner_kernel, proposal=proposal, name=name)
        self._proposal = distribution_of(proposal, "a proposal")

    @property
    def inner_kernel(self) -> tfp.mcmc.TransitionKernel:
        """The local kernel."""
        return self._parameters["inner_kernel"]

    @property
    def proposal(self) -> Flow | tfd.Distribution:
        """What is proposed from, as it was given."""
        return self._parameters["proposal"]

    @property
    def parameters(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return self._parameters

    @property
    def is_calibrated(self) -> bool:
        """Whether the chain is exact: as the local kernel."""
        return self.inner_kernel.is_calibrated

    def bootstrap_results(self, init_state: tf.Tensor) -> JumpResults:
        """Results before the first step, of states (*chains, *event)."""
        if isinstance(init_state, (list, tuple)):
            raise ValueError(f"Expected states that are one tensor, see Unconstrained; got {len(init_state)} parts.")
        shape, event = tf.convert_to_tensor(init_state).shape, self._proposal.event_shape
        if shape[shape.rank - event.rank :] != event:
            raise ValueError(f"Expected states of the proposal's event shape {tuple(event)}; got {tuple(shape)}.")
        inner = self.inner_kernel.bootstrap_results(init_state)
        now = _of_state(inner)[0]
        return JumpResults(inner, tf.zeros_like(now, tf.bool), tf.zeros_like(now))

    def one_step(
        self, current_state: tf.Tensor, previous_kernel_results: JumpResults, seed: Any = None
    ) -> tuple[tf.Tensor, JumpResults]:
        """A local step and a jump, of each chain."""
        seeds = tfp.random.split_seed(seed, 3, salt="jumps")
        state, inner = self.inner_kernel.one_step(current_state, previous_kernel_results.inner_results, seed=seeds[0])
        (now, *_), chains = _of_state(inner), tf.shape(_of_state(inner)[0])
        proposed, log_q_proposed = self._proposal.experimental_sample_and_log_prob(chains, seed=seeds[1])
        proposed = tf.ensure_shape(tf.stop_gradient(proposed), state.shape)
        # The value and the gradient that the local kernel goes on with, where the jump is taken.
        fresh = self.inner_kernel.bootstrap_results(proposed)
        # A new tensor: of the flow's own TFP's cache would answer.
        log_q = self._proposal.log_prob(tf.identity(state))
        ratio = (_of_state(fresh)[0] - now) + tf.cast(log_q - log_q_proposed, now.dtype)
        ratio = tf.where(tf.math.is_nan(ratio), tf.constant(float("-inf"), ratio.dtype), ratio)
        uniform = tf.random.stateless_uniform(chains, tfp.random.sanitize_seed(seeds[2]), dtype=now.dtype)
        accepted = tf.math.log(uniform) < ratio
        state = _either(accepted, proposed, state)
        return state, JumpResults(_moved(accepted, fresh, inner), accepted, ratio)


def _either(accepted, new, old):
    behind = tf.ones([tf.rank(old) - tf.rank(accepted)], tf.int32)
    return tf.where(tf.reshape(accepted, tf.concat([tf.shape(accepted), behind], 0)), new, old)


def _of_state(results):
    """Of a kernel's results: the target's value at the state, and its gradient where the kernel has one."""
    inner = results_stack(results)[-1]
    return [getattr(inner, name) for name in _OF_STATE if hasattr(inner, name)]


def _moved(accepted, new, old):
    """A kernel's results, of the new state where it was accepted, in all that is of the state and nothing else."""
    name = field_within(old)
    if name is not None:
        return old._replace(**{name: _moved(accepted, getattr(new, name), getattr(old, name))})
    either = lambda new, old: _either(accepted, new, old)
    found = {name: (getattr(new, name), getattr(old, name)) for name in _OF_STATE if hasattr(old, name)}
    return old._replace(**{name: tf.nest.map_structure(either, *pair) for name, pair in found.items()})
