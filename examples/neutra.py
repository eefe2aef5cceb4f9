"""Chains through a flow beside chains without: Neal's funnel, eight schools, a banana, an ill-conditioned Gaussian.

    COMMAND   python3 examples/neutra.py                        four targets, five samplers each
              python3 examples/neutra.py --targets funnel --steps 4000 --samples 4000
    EXPECTED  a table: effective samples a thousand gradients (the least of all parameters), R-hat, the errors of means
              and sds in standard errors (the largest of all parameters), the share of the funnel's neck, divergences;
              runs/neutra/neutra.json with the same; runs/neutra/funnel.png, samples beside the truth
    TIME      the funnel 3 minutes on two CPU cores, 10 seconds of it the flow's; the others about as long each

The targets are those of inference-gym, whose densities are taken where it is installed; it is not needed. The moments
of the first, third and fourth are exact, those of eight schools are its published ones. Every sampler starts 16 chains
at samples of the flow; HMC takes 8 leapfrog steps, NUTS trees of at most 7 levels.

    funnel    v ~ N(0, 3), x_i ~ N(0, exp(v / 2)), i = 1..9           moments of v alone: those of x have no error
    schools   log sd ~ N(5, 1), mean ~ N(0, 10), effect_j ~ N(mean, sd), y_j ~ N(effect_j, s_j)
    banana    x ~ N(0, 10), y ~ N(0.03 (x^2 - 100), 1)
    gaussian  25 dimensions, variances 1 / Gamma(1/2, 1), rotated

Hoffman et al., NeuTra-lizing bad geometry in Hamiltonian Monte Carlo using neural transport, arXiv:1903.03704; Gabrie,
Rotskoff and Vanden-Eijnden, Adaptive Monte Carlo augmented with normalizing flows, arXiv:2105.12603.

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

TARGETS = ("funnel", "schools", "banana", "gaussian")
SAMPLERS = ("HMC", "NUTS", "NeuTra HMC", "NeuTra NUTS", "NeuTra HMC with jumps")
# P(v < -6) of v ~ N(0, 3): two standard deviations.
NECK = 0.02275
# Means and sds of mean, log sd and effects: Stan's, as inference-gym 0.0.5 has them (ground_truth/eight_schools.py).
SCHOOLS = (
    (5.75975, 2.45327, 14.76493, 7.15596, 2.58897, 6.55676, 1.81896, 3.39732, 12.79183, 7.94914),
    (5.46541, 0.51466, 10.79646, 7.81384, 10.47328, 8.31442, 7.45775, 8.45401, 8.16339, 10.91380),
)


def target_of(name, gym):
    """The density of a vector, its size, and of the elements that are compared the exact or published means and sds."""
    import numpy as np
    import tensorflow as tf
    import tensorflow_probability as tfp

    from tfp_flows import inference

    tfd = tfp.distributions

    def funnel(x):
        first, rest = x[..., 0], x[..., 1:]
        neck = tfd.Normal(0.0, tf.exp(first / 2)[..., tf.newaxis])
        return tfd.Normal(0.0, 3.0).log_prob(first) + tf.reduce_sum(neck.log_prob(rest), -1)

    def banana(x):
        bent = tfd.Normal(0.03 * (x[..., 0] ** 2 - 100), 1.0)
        return tfd.Normal(0.0, 10.0).log_prob(x[..., 0]) + bent.log_prob(x[..., 1])

    @tfd.JointDistributionCoroutineAutoBatched
    def schools():
        mean = yield tfd.Normal(0.0, 10.0, name="avg_effect")
        log_sd = yield tfd.Normal(5.0, 1.0, name="log_stddev")
        effects = yield tfd.Sample(tfd.Normal(mean, tf.exp(log_sd)), 8, name="school_effects")
        errors = tf.constant([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
        yield tfd.Independent(tfd.Normal(effects, errors), 1, name="y")

    def gaussian(n=25):
        random = np.random.RandomState(10)
        variances = 1 / np.sort(random.gamma(0.5, 1.0, n))
        q, r = np.linalg.qr(random.randn(n, n))
        q = q * np.sign(np.diag(r))
        return (q * variances) @ q.T

    if name == "funnel":
        model = gym.NealsFunnel().unnormalized_log_prob if gym else funnel
        # The squares of x have no variance to speak of: exp(18).
        return model, 10, [0], np.zeros(1), np.array([3.0])
    if name == "banana":
        model = gym.Banana().unnormalized_log_prob if gym else banana
        return model, 2, [0, 1], np.zeros(2), np.array([10.0, np.sqrt(1 + 2 * 3.0**2)])
    if name == "gaussian":
        exact = tfd.MultivariateNormalTriL(tf.zeros(25), tf.constant(np.linalg.cholesky(gaussian()), tf.float32))
        model = gym.IllConditionedGaussian(25).unnormalized_log_prob if gym else exact.log_prob
        return model, 25, list(range(25)), np.zeros(25), np.sqrt(np.diag(gaussian()))
    y = tf.constant([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    model = inference.Unconstrained(gym.EightSchools() if gym else schools.experimental_pin(y=y))
    return model, 10, list(range(10)), np.array(SCHOOLS[0]), np.array(SCHOOLS[1])


def fitted(log_prob, n, steps, seed):
    """An IAF, fitted to the density; its divergence, up to the density's constant, and how long that took."""
    import tfp_flows
    from tfp_flows.objectives import ReverseKL
    from tfp_flows.optimizers import RELATIVE_CLIPNORM, FusedAdam, WarmupCosine

    start = time.time()
    flow = tfp_flows.IAF((n,), num_layers=3, hidden_units=(32, 32), activation="tanh", seed=seed)
    optimizer = FusedAdam(WarmupCosine(1e-2, steps, 100), relative_clipnorm=RELATIVE_CLIPNORM)
    flow.compile(optimizer, loss=ReverseKL(log_prob))
    flow.fit(steps_per_epoch=steps, batch_size=256, verbose=0)
    return flow, time.time() - start


def kernels(log_prob, flow):
    """name -> kernel, and how many times the samples of NUTS it takes: its steps are as much cheaper."""
    import tensorflow_probability as tfp

    from tfp_flows import inference

    hmc = tfp.mcmc.HamiltonianMonteCarlo(log_prob, step_size=0.1, num_leapfrog_steps=8)
    nuts = tfp.mcmc.NoUTurnSampler(log_prob, step_size=0.1, max_tree_depth=7)
    return {
        "HMC": (hmc, 4),
        "NUTS": (nuts, 1),
        "NeuTra HMC": (inference.neutra(hmc, flow), 4),
        "NeuTra NUTS": (inference.neutra(nuts, flow), 1),
        "NeuTra HMC with jumps": (inference.neutra(inference.Jumps(hmc, flow), flow), 4),
    }


def row_of(chains, name, mean, sd):
    """What the table says of chains, of the parameters that have exact moments, and of their squares."""
    import dataclasses

    import numpy as np

    x = chains.states.astype(np.float64)
    squares = dataclasses.replace(chains, states=(x - mean) ** 2)
    means = dataclasses.replace(chains, states=x)
    # The reference of eight schools is itself of 93,000 effective samples.
    own = 1 / 93_000 if name == "schools" else 0.0
    error = (x.mean((0, 1)) - mean) / np.sqrt(means.standard_error() ** 2 + own * sd**2)
    error_sd = (squares.states.mean((0, 1)) - sd**2) / np.sqrt(squares.standard_error() ** 2 + 2 * own * sd**4)
    effective = min(means.effective_sample_size().min(), squares.effective_sample_size().min())
    largest = lambda z: float(z[np.abs(z).argmax()])
    neck = dataclasses.replace(chains, states=(x[..., :1] < -6).astype(float))
    return dict(
        effective_per_1000_gradients=float(1000 * effective / chains.num_gradients),
        effective=float(effective), gradients=chains.num_gradients, r_hat=float(chains.r_hat().max()),
        error_of_mean=largest(error), error_of_sd=largest(error_sd), divergent=chains.num_divergent,
        acceptance=chains.acceptance, jumps=chains.jump_acceptance,
        neck=float(neck.states.mean()), neck_error=float(neck.standard_error()[0]),
    )  # fmt: skip


def picture(drawn, path):
    """The funnel's neck and mouth, v beside x_1: a panel a sampler, and the truth."""
    import numpy as np
    from matplotlib import pyplot

    random = np.random.default_rng(0)
    v = 3 * random.normal(size=4000)
    panels = {"truth": np.stack([v, np.exp(v / 2) * random.normal(size=4000)], 1), **drawn}
    figure, axes = pyplot.subplots(1, len(panels), figsize=(3 * len(panels), 4), sharey=True, layout="constrained")
    for ax, (name, x) in zip(axes, panels.items()):
        x = x.reshape(-1, x.shape[-1])
        x = x[random.choice(len(x), 4000)]
        ax.plot(x[:, 1], x[:, 0], ".", markersize=2, alpha=0.4)
        ax.axhline(-6, color="grey", linewidth=0.8)
        below = f"{100 * (x[:, 0] < -6).mean():.1f} %" if name != "truth" else f"{100 * NECK:.1f} %"
        ax.set(title=f"{name}\n{below} below -6", xlim=(-25, 25), ylim=(-12, 10), xlabel="x_1")
    axes[0].set_ylabel("v")
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def run(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--targets", default=",".join(TARGETS), help="among them (default: %(default)s)")
    parser.add_argument("--samplers", default=",".join(SAMPLERS), help="among them (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4000, help="of each flow's fit, of 256 samples (%(default)s)")
    parser.add_argument("--samples", type=int, default=500, help="of each chain of NUTS, 4 times of HMC (%(default)s)")
    parser.add_argument("--burnin", type=int, default=300, help="steps of each chain before (default: %(default)s)")
    parser.add_argument("--chains", type=int, default=16, help="beside each other (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="runs/neutra", help="folder of the results (default: %(default)s)")
    args = parser.parse_args(argv)
    targets, out = args.targets.split(","), pathlib.Path(args.out)
    samplers = args.samplers.split(",")
    for what, asked, known in (("targets", targets, TARGETS), ("samplers", samplers, SAMPLERS)):
        if unknown := sorted(set(asked) - set(known)):
            print(f"Expected --{what} among {', '.join(known)}; got {unknown[0]}.")
            return 2
    out.mkdir(parents=True, exist_ok=True)

    import numpy as np

    from tfp_flows import inference

    try:
        from inference_gym import using_tensorflow

        gym = using_tensorflow.targets
    except ImportError:
        gym = None
    rows, drawn = [], {}
    print("| target | sampler | effective / 1000 gradients | R-hat | mean, s.e. | sd, s.e. | neck, % | divergent | s |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for name in targets:
        log_prob, n, compared, mean, sd = target_of(name, gym)
        flow, seconds = fitted(log_prob, n, args.steps, args.seed)
        weighted = inference.importance_sample(log_prob, flow, 20_000, seed=args.seed)
        share, k = float(weighted.effective_sample_size / 20_000), float(weighted.pareto_k)
        print(
            f"| {name} | IAF, fitted: {100 * share:.0f} % effective, Pareto k {k:.2f} ||||||| {seconds:.0f} |",
            flush=True,
        )
        rows.append(dict(target=name, sampler="IAF", effective_share=share, pareto_k=k, seconds=seconds))
        start = flow.sample(args.chains, seed=args.seed + 1)
        for sampler, (kernel, times) in kernels(log_prob, flow).items():
            if sampler not in samplers:
                continue
            began = time.time()
            chains = inference.sample_chains(kernel, start, times * args.samples, args.burnin, seed=args.seed)
            seconds = time.time() - began
            if name == "funnel":
                drawn[sampler] = chains.states
            chains = inference.Chains(chains.states[..., compared], *list(vars(chains).values())[1:])
            row = dict(target=name, sampler=sampler, seconds=seconds, **row_of(chains, name, mean, sd))
            rows.append(row)
            errors = f"{row['error_of_mean']:+.1f} | {row['error_of_sd']:+.1f}"
            neck = f"{100 * row['neck']:.1f} +- {100 * row['neck_error']:.1f}" if name == "funnel" else ""
            print(
                f"| {name} | {sampler} | {row['effective_per_1000_gradients']:.2f} | {row['r_hat']:.3f} | "
                f"{errors} | {neck} | {row['divergent']} | {seconds:.0f} |",
                flush=True,
            )
    (out / "neutra.json").write_text(json.dumps(rows, indent=2))
    if drawn:
        print(f"The funnel's neck, v < -6, is {100 * NECK:.2f} % of the truth.")
        picture({name: np.asarray(x) for name, x in drawn.items() if "NUTS" not in name}, out / "funnel.png")
        print(out / "funnel.png")
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(run(sys.argv[1:]))
