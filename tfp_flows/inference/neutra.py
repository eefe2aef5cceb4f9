"""NeuTra: a kernel of TFP whose chain lives in the latent space of a flow that was fitted to its target.

    target of the chain:   log p(forward(z)) + log |det d forward / dz|,     state:  x = forward(z)

Where the flow is good the chain sees nearly its base, a standard normal, however bent the target is; where it is not,
the chain is exact all the same. Each gradient is one pass forward and back, cheap for an IAF, planar maps and
couplings; the start alone is inverted, once.
Hoffman et al., NeuTra-lizing bad geometry in Hamiltonian Monte Carlo using neural transport, arXiv:1903.03704.
"""

from __future__ import annotations

import tensorflow_probability as tfp

from tfp_flows.flow.flow import Flow
from tfp_flows.inference.jumps import Jumps
from tfp_flows.inference.kernels import stack
from tfp_flows.inference.proposals import distribution_of

tfd = tfp.distributions


def neutra(kernel: tfp.mcmc.TransitionKernel, flow: Flow | tfd.Distribution) -> tfp.mcmc.TransformedTransitionKernel:
    """The kernel, moved into the latent space of a flow. States going in and coming out are the target's.

    Start at the flow's samples, `flow.sample(num_chains)`, and let the step size be found anew: that of the target's
    own space means nothing here.

    Args:
        kernel: `tfp.mcmc.TransitionKernel` of the target, HMC or NUTS say, of vectors; with `Jumps` of the same flow
            in it, the proposals are the base's, and nothing is inverted at all.
        flow: `tfp_flows.Flow` fitted to the target, or a `tfd.TransformedDistribution`: `flow.given(context)`.

    Raises:
        ValueError: where the kernel is none or lives in a flow's space already, or the flow is none, is conditional,
            of integers, not fitted, or no base pushed through a bijector; for jumps of another flow.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.IAF((2,), num_layers=1, hidden_units=8)
        >>> target = tfd.MultivariateNormalDiag([1.0, 2.0], [0.5, 3.0]).log_prob
        >>> flow.compile("adam", loss=tfp_flows.objectives.ReverseKL(target))
        >>> history = flow.fit(steps_per_epoch=5, batch_size=50, verbose=0)
        >>> kernel = neutra(tfp.mcmc.HamiltonianMonteCarlo(target, step_size=0.3, num_leapfrog_steps=2), flow)
        >>> states = tfp.mcmc.sample_chain(3, flow.sample(5, seed=0), kernel=kernel, trace_fn=None, seed=[0, 1])
        >>> states.shape.as_list()
        [3, 5, 2]
    """
    distribution = distribution_of(flow)
    if not (hasattr(distribution, "bijector") and hasattr(distribution, "distribution")):
        raise ValueError(f"Expected a base pushed through a bijector; got {type(distribution).__name__}.")
    stack(kernel)
    return tfp.mcmc.TransformedTransitionKernel(_of_latents(kernel, flow), bijector=distribution.bijector)


def _of_latents(kernel, flow):
    """The kernel, whose jumps propose latents: the flow's sample is that of its base pushed forward."""
    if isinstance(kernel, tfp.mcmc.TransformedTransitionKernel):
        raise ValueError("Expected a kernel in the target's own space; got one that lives in another already.")
    if isinstance(kernel, Jumps):
        if kernel.proposal is not flow:
            raise ValueError(f"Expected jumps that propose from the same flow; got {kernel.proposal!r}.")
        return kernel.copy(proposal=distribution_of(flow).distribution)
    if "target_log_prob_fn" in kernel.parameters:
        return kernel
    inner = kernel.parameters["inner_kernel"]
    moved = _of_latents(inner, flow)
    return kernel if moved is inner else kernel.copy(inner_kernel=moved)
