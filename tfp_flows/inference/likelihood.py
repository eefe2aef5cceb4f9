"""A learned likelihood as a posterior: the second route from simulations, where observations come in any number.

    log p(theta given x_1 ... x_n) = log p(theta) + sum_i log q(x_i given theta) + constant

q is a flow of one observation given the parameters, trained on pairs of a simulator: `flow.fit(x, theta)`. Nothing is
trained anew for another n, another data set or another prior; what the other route, a flow of theta given x, samples at
once is here sampled by TFP's MCMC, in the reals (`Unconstrained`). The parameters are to lie where simulations were.
Papamakarios, Sterratt and Murray, Sequential neural likelihood, arXiv:1805.07226, section 3.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike

from tfp_flows.flow.flow import Flow
from tfp_flows.inference.posterior import check_prior

tfb, tfd = tfp.bijectors, tfp.distributions


class LikelihoodPosterior:
    """The unnormalised posterior of a prior and a flow q(x given theta): what `Unconstrained` takes.

    Args:
        flow: `tfp_flows.Flow` of one observation, whose context are the parameters (d,).
        prior: `tfd.Distribution` of vectors (d,); of bounded ones its own bijector keeps the chains within.
        observations: array (n, *event_shape), independent of each other given the parameters, or one, (*event_shape,).

    Attributes:
        event_shape: `tf.TensorShape` (d,).
        dtype: `tf.DType`, the prior's.

    Raises:
        ValueError: where the flow is none that is conditional on vectors, the prior none of such vectors, or the
            observations not as the flow wants its events.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows import inference
        >>> prior = tfd.Independent(tfd.Uniform([0.0, -1.0], [2.0, 1.0]), 1)
        >>> flow = tfp_flows.MAF((3,), num_layers=1, hidden_units=8, context_shape=(2,))  # flow.fit(x, theta)
        >>> target = inference.Unconstrained(inference.LikelihoodPosterior(flow, prior, np.zeros([10, 3])))
        >>> hmc = tfp.mcmc.HamiltonianMonteCarlo(target, step_size=0.3, num_leapfrog_steps=3)
        >>> chains = inference.sample_chains(hmc, target.vector(prior.sample(4, seed=1)), 50, 20)
        >>> target.parameters(chains.states).shape.as_list()
        [50, 4, 2]
    """

    def __init__(self, flow: Flow, prior: tfd.Distribution, observations: ArrayLike):
        if not isinstance(flow, Flow) or not flow.takes_context or flow.num_classes is not None:
            raise ValueError(f"Expected a flow of observations whose context are the parameters; got {flow!r}.")
        check_prior(prior)
        known = flow.known_context_shape
        if known is not None and tuple(known) != tuple(prior.event_shape):
            raise ValueError(f"Expected a prior of the flow's context, {known}; got one of {tuple(prior.event_shape)}.")
        ndims = len(flow.event_shape)
        one = tf.convert_to_tensor(observations)
        one = one[tf.newaxis] if one.shape.rank == ndims else one
        self._observations = flow.as_reals(one)
        self.flow, self.prior = flow, prior
        self.event_shape, self.dtype = prior.event_shape, prior.dtype

    def unnormalized_log_prob(self, parameters: ArrayLike) -> tf.Tensor:
        """log p of parameters (*batch, d) and all observations: (*batch,), nats."""
        parameters = tf.convert_to_tensor(parameters, self.dtype)
        # One density for each, of all observations along the last axis.
        given = self.flow.given(parameters[..., tf.newaxis, :])
        likelihood = tf.reduce_sum(given.log_prob(self._observations), axis=-1)
        return self.prior.log_prob(parameters) + tf.cast(likelihood, self.dtype)

    def experimental_default_event_space_bijector(self) -> tfb.Bijector:
        """The prior's: reals to parameters within its bounds."""
        return self.prior.experimental_default_event_space_bijector()
