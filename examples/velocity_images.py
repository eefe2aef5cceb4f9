"""A run of continuous time on images: how few steps do for a sample and for a density; samples by class with guidance.

    COMMAND   tfp-flows train flow_matching --data mnist --data-set flatten=False --data-set num_test=200 --conditional
                  --set patch_size=2 --set hidden_channels=64 --set rtol=1e-4 --set atol=1e-4 --batch-size 128
                  --minutes 25 --out runs/velocity-mnist
              python3 examples/velocity_images.py runs/velocity-mnist
    EXPECTED  a table: evaluations of the network, Frechet distance of 2,000 samples, bits per dimension of some test
              images with two standard errors; guidance.png in the run's folder, a row a class for each weight
    TIME      15 minutes on two CPU cores, after the training

The distance is that of Frechet, between normals fitted to 64 features of the samples and of the test images: the last
hidden layer of a small convolutional classifier of the training images, in their standard deviations. Of as few test
images as the digits have, two halves are farther from each other. Bits per dimension have one sample of the
dequantization noise and one probe of the divergence an event; in few steps they are no likelihood, and can be too low.

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

SAMPLES = 2000
# (name, steps), of `tfp_flows.flow.named_sampler`: 4 to 100 evaluations each.
SAMPLERS = [
    ("euler", 4), ("euler", 20), ("euler", 100), ("heun", 2), ("heun", 10), ("heun", 50), ("rk4", 1), ("rk4", 5),
    ("rk4", 25),
]  # fmt: skip
OF_SCORES = [("ddim", 4), ("ddim", 20), ("ddim", 100), ("ancestral", 100), ("predictor_corrector", 50)]
WEIGHTS = (1.0, 2.0, 4.0)


def features_of(data, labels, levels):
    """A function of images -> (n, 64), learned with the labels of the data."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    body = keras.Sequential([
        keras.Input(data.shape[1:]), layers.Rescaling(1 / (levels - 1)),
        layers.Conv2D(16, 3, 2, activation="relu"), layers.Conv2D(32, 3, 2, activation="relu"), layers.Flatten(),
        layers.Dense(64, activation="relu"),
    ])  # fmt: skip
    model = keras.Sequential([body, layers.Dense(int(labels.max()) + 1)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    # Two epochs of MNIST, more of fewer images.
    model.fit(data, labels, batch_size=128, epochs=max(2, 120_000 // len(data)), verbose=0)
    predict = lambda images: body.predict(images.astype("float32"), batch_size=500, verbose=0).astype("float64")
    known = predict(data)
    # Each feature in its own standard deviations; one that is never used stays 0.
    scale = known.std(0)
    return lambda images: predict(images) / (scale + 1e-9 + (scale < 1e-6))


def frechet(a, b):
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) of features (n, 64)."""
    import numpy as np

    ca, cb = np.cov(a.T), np.cov(b.T)
    # The eigenvalues of a product of two covariances are real and not negative, but for rounding.
    root = np.sqrt(np.clip(np.linalg.eigvals(ca @ cb).real, 0, None)).sum()
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(ca) + np.trace(cb) - 2 * root)


def run(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dir", help="a run of continuous time on images, by class")
    parser.add_argument("--scored", type=int, default=100, help="test images whose bits are told (default: 100)")
    args = parser.parse_args(argv)

    import numpy as np

    from tfp_flows import data, pictures, runs, training
    from tfp_flows.bijectors import solving
    from tfp_flows.catalog import MODELS
    from tfp_flows.dynamics import Solver
    from tfp_flows.flow import named_sampler

    run = runs.Run(args.dir)
    flow, options = run.load_model(), {**run.config.data_options}
    options.pop("num_test", None)
    dataset = data.load(run.config.data, **options)
    labels = dataset.labels["test"]
    features = features_of(np.asarray(dataset.train), np.asarray(dataset.labels["train"]), flow.num_bins)
    known = features(np.asarray(dataset.test))
    half = len(known) // 2
    print(f"Frechet distance of two halves of the test images: {frechet(known[:half], known[half:]):.2f}")
    drawn = np.random.default_rng(0).choice(labels, SAMPLES)
    x, c = np.asarray(dataset.test[: args.scored]), labels[: args.scored]
    own = flow.sampler
    print("| sampler | evaluations | Frechet distance | bits per dimension, +- 2 standard errors |", flush=True)
    print("| --- | ---: | ---: | ---: |", flush=True)
    more = OF_SCORES if "ddim" in MODELS[run.config.model].samplers else []
    if run.config.model == "ncsn":
        more = [*more, (None, None)]
    for name, steps in [*SAMPLERS, *more]:
        flow.sampler = own if name is None else named_sampler(name, steps)
        samples = np.concatenate(
            [training.sample_events(flow, 500, (k, 1), context=drawn[500 * k : 500 * k + 500]) for k in range(4)]
        )
        row = [f"{name} of {steps} steps" if name else "its own", "", f"{frechet(features(samples), known):.2f}", "-"]
        if (name, steps) in SAMPLERS:
            solver = Solver(name, steps)
            row[1] = str(solver.evaluations)
            with solving(solver):
                nll = training.nll_per_event(flow, x, c)
            bits = nll / np.prod(flow.event_shape) / np.log(2)
            row[3] = f"{bits.mean():.3f} +- {2 * bits.std(ddof=1) / np.sqrt(len(bits)):.3f}"
        elif name:
            row[1] = str(steps * (2 if name == "predictor_corrector" else 1) + 1)
        print("| " + " | ".join(row) + " |", flush=True)
    drawn = []
    for weight in WEIGHTS:
        # Traced once for all classes.
        flow.sampler = named_sampler("heun", 20, weight)
        drawn.append(training.sample_classes(flow, 12, range(flow.num_classes), 3))
    rows = np.stack(drawn, axis=1).reshape(-1, 12, *flow.event_shape)
    names = [f"{flow.class_title(k)}, guidance {weight:g}" for k in range(flow.num_classes) for weight in WEIGHTS]
    print(pictures.rows(rows, names, run.path / "guidance.png", flow.num_bins))
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(run(sys.argv[1:]))
