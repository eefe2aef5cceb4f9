"""Flows in programs of TFP: a prior in a joint distribution, surrogate posteriors, evidence, two modes.

    COMMAND   python3 examples/programs.py                      all of them
              python3 examples/programs.py --programs evidence,modes
    EXPECTED  each prints what it found beside what is known in closed form, within the error that stands beside it
    TIME      3 minutes on two CPU cores

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import math
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment


def prior():
    """A flow fitted to moons is the prior of what is measured with noise; the posterior by HMC through that flow."""
    import numpy as np
    import tensorflow_probability as tfp

    import tfp_flows
    from tfp_flows import inference

    tfd = tfp.distributions
    moons = tfp_flows.data.load("moons")
    flow = tfp_flows.RealNVP((2,), num_layers=6, hidden_units=(32, 32))
    flow.compile("adam")
    flow.fit(moons.train[:20_000], batch_size=500, epochs=5, verbose=0)

    @tfd.JointDistributionCoroutineAutoBatched
    def model():
        x = yield flow.distribution
        # What is measured: the first coordinate.
        yield tfd.Normal(x[..., 0], 0.2, name="y")

    y = 0.5
    target = inference.Unconstrained(model.experimental_pin(y=y))
    kernel = inference.neutra(tfp.mcmc.HamiltonianMonteCarlo(target, step_size=0.3, num_leapfrog_steps=6), flow)
    chains = inference.sample_chains(kernel, flow.sample(64, seed=0), 500, 200)
    found = chains.states[..., 1]
    # By weighing as many draws of the data themselves as there are.
    x = moons.train
    weights = np.exp(-0.5 * ((x[:, 0] - y) / 0.2) ** 2)
    exact = np.sum(weights * x[:, 1]) / weights.sum()
    errors = chains.standard_error()[1], np.sqrt(np.sum((weights * (x[:, 1] - exact)) ** 2)) / weights.sum()
    print(
        f"prior      E[x_2 given y] {found.mean():.3f} +- {errors[0]:.3f}, by weighing the data {exact:.3f} +- "
        f"{errors[1]:.3f} (the flow is not the data)"
    )


def conjugate():
    """A Gamma rate of Poisson counts and Dirichlet shares of multinomial ones: all of it is known in closed form."""
    import numpy as np
    import tensorflow as tf
    import tensorflow_probability as tfp

    from tfp_flows import inference

    tfd = tfp.distributions
    events, counts = [3.0, 4.0, 1.0, 2.0], [5.0, 1.0, 3.0]

    @tfd.JointDistributionCoroutineAutoBatched
    def model():
        rate = yield tfd.Gamma(2.0, 1.0, name="rate")
        shares = yield tfd.Dirichlet([1.0, 2.0, 0.5], name="shares")
        yield tfd.Sample(tfd.Poisson(rate), 4, name="events")
        yield tfd.Multinomial(9.0, probs=shares, name="counts")

    lgamma = math.lgamma
    log_evidence = lgamma(12) - lgamma(2) - 12 * math.log(5) - sum(lgamma(1 + e) for e in events)
    log_evidence += float(tfd.DirichletMultinomial(9.0, tf.constant([1.0, 2.0, 0.5])).log_prob(counts))
    exact = dict(rate=12 / 5, shares=np.add(counts, [1.0, 2.0, 0.5]) / 12.5, log_evidence=log_evidence)
    return inference.Unconstrained(model.experimental_pin(events=events, counts=counts)), exact


def surrogates():
    """Surrogate posteriors: an IAF and planar maps, by `fit` with ReverseKL and by `tfp.vi.fit_surrogate_posterior`."""
    import keras
    import numpy as np
    import tensorflow_probability as tfp

    import tfp_flows
    from tfp_flows.objectives import ReverseKL

    target, exact = conjugate()
    make = dict(
        IAF=lambda: tfp_flows.IAF(target.event_shape, num_layers=2, hidden_units=(32,)),
        planar=lambda: tfp_flows.PlanarFlow(target.event_shape, num_layers=8),
    )
    for name, flow_of in make.items():
        for way in ("fit", "tfp.vi"):
            flow = flow_of()
            if way == "fit":
                flow.compile(keras.optimizers.Adam(5e-3), loss=ReverseKL(target))
                flow.fit(steps_per_epoch=600, batch_size=128, verbose=0)
            else:
                # Layers that start from what they see: from the flow's own samples, before a loop that is not `fit`'s.
                flow.initialize(500)
                tfp.vi.fit_surrogate_posterior(
                    target, flow.distribution, optimizer=keras.optimizers.Adam(5e-3), num_steps=600, sample_size=128,
                    trainable_variables=flow.distribution.trainable_variables, seed=[0, 1],
                )  # fmt: skip
            x, log_q = flow.sample_and_log_prob(20_000, seed=1)
            theta, bound = target.parameters(x), (target(x) - log_q).numpy()
            print(
                f"surrogate  {name:6} by {way:6}  rate {np.mean(theta.rate):.3f}, exact {exact['rate']:.3f}; "
                f"first share {np.mean(theta.shares[:, 0]):.3f}, exact {exact['shares'][0]:.3f}; evidence lower bound "
                f"{bound.mean():.3f} +- {bound.std() / 20_000**0.5:.3f} of {exact['log_evidence']:.3f} nats"
            )


def evidence():
    """The evidence, by importance sampling with a fitted flow, and what says whether to rely on it."""
    import tfp_flows
    from tfp_flows import inference
    from tfp_flows.objectives import ReverseKL

    target, exact = conjugate()
    flow = tfp_flows.IAF(target.event_shape, num_layers=2, hidden_units=(32,))
    flow.compile("adam", loss=ReverseKL(target))
    flow.fit(steps_per_epoch=600, batch_size=128, verbose=0)
    found = inference.importance_sample(target, flow, 20_000)
    print(
        f"evidence   {found.log_evidence:.4f} +- {found.standard_error:.4f}, exact {exact['log_evidence']:.4f} nats; "
        f"{found.effective_sample_size:.0f} of 20,000 samples effective, Pareto k {found.pareto_k:.2f}"
    )


def modes():
    """Two modes of weights 0.2 and 0.8, both seen by the start: jumps of a flow that learns from the chains' states."""
    import numpy as np
    import tensorflow as tf
    import tensorflow_probability as tfp

    import tfp_flows
    from tfp_flows import inference

    tfd = tfp.distributions
    n, shares = 5, [0.2, 0.8]
    target = tfd.MixtureSameFamily(tfd.Categorical(probs=shares), tfd.MultivariateNormalDiag([[-4.0] * n, [4.0] * n]))
    hmc = tfp.mcmc.HamiltonianMonteCarlo(target.log_prob, step_size=0.5, num_leapfrog_steps=4)
    # A start that has found both modes, as many chains in each.
    state = tf.constant(np.repeat([[-4.0], [4.0]], 32, 0) * np.ones(n), tf.float32)
    alone = inference.sample_chains(hmc, state, 500, 200)
    flow = tfp_flows.NSF((n,), num_layers=4, hidden_units=(32, 32))
    flow.compile("adam")
    chains = alone
    for k in range(3):
        events = chains.states[::5].reshape(-1, n)
        flow.fit(events, batch_size=200, epochs=10, verbose=0)
        chains = inference.sample_chains(inference.Jumps(hmc, flow), chains.states[-1], 500, 100, seed=k)
        share, before = ((one.states[..., 0] > 0).mean() for one in (chains, alone))
        print(
            f"modes      round {k}: {share:.3f} in the larger mode, exact {shares[1]}, alone {before:.3f}; "
            f"{chains.jump_acceptance:.2f} of the jumps taken; R-hat "
            f"{chains.r_hat().max():.3f}, alone {alone.r_hat().max():.0f}"
        )


PROGRAMS = dict(prior=prior, surrogates=surrogates, evidence=evidence, modes=modes)


def run(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--programs", default=",".join(PROGRAMS), help="among them (default: %(default)s)")
    args = parser.parse_args(argv)
    asked = args.programs.split(",")
    if unknown := sorted(set(asked) - set(PROGRAMS)):
        print(f"Expected --programs among {', '.join(PROGRAMS)}; got {unknown[0]}.")
        return 2
    for name in asked:
        PROGRAMS[name]()
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(run(sys.argv[1:]))
