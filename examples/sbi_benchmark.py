"""Amortised neural posterior estimation on five tasks of the benchmark of simulation-based inference, beside its NPE.

    COMMAND   pip download sbibm==1.1.0 --no-deps --dest FOLDER && python3 -m zipfile -e FOLDER/sbibm-*.whl FOLDER
              python3 examples/sbi_benchmark.py FOLDER            (--tasks, --simulations, --observations, --minutes)
    EXPECTED  a line a task and number of simulations: C2ST to the reference posteriors, mean of the observations with
              its standard error, beside that of the benchmark's NPE; 0.5 is perfect
    TIME      of training a minute or two a line; of the test's classifiers, an observation, some seconds of two
              dimensions and minutes of ten

One flow a line, of the same settings for all tasks: a MAF of splines of the parameters given the observation, bounded
parameters by their prior's own bijector; a tenth of the simulations lowers the rate and stops the training.
Lueckmann et al., arXiv:2101.04653: the figures beside are means of ten observations of its neural spline flow.

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

if __name__ == "__main__" and not environment.is_entered():
    environment.enter(__file__, sys.argv[1:])

import keras  # noqa: E402
import numpy as np  # noqa: E402
from benchmarks import sbi_tasks  # noqa: E402

import tfp_flows  # noqa: E402
from tfp_flows import inference  # noqa: E402

# task -> C2ST of the benchmark's NPE of 1,000 and of 10,000 simulations.
PUBLISHED = {
    "two_moons": {1000: 0.725, 10_000: 0.606},
    "gaussian_linear": {1000: 0.694, 10_000: 0.552},
    "gaussian_mixture": {1000: 0.731, 10_000: 0.661},
    "slcp": {1000: 0.975, 10_000: 0.901},
    "bernoulli_glm": {1000: 0.863, 10_000: 0.678},
}


class Deadline(keras.callbacks.Callback):
    """Stops after so many minutes."""

    def __init__(self, minutes):
        super().__init__()
        self.end = time.time() + 60 * minutes

    def on_epoch_end(self, epoch, logs=None):
        if time.time() > self.end:
            self.model.stop_training = True


def fit(prior, simulator, num_simulations, minutes, seed=0):
    """The flow, trained on so many simulations."""

    def seeded(parameters, seed):
        return simulator(parameters, np.random.default_rng(seed))

    parameters, observations = inference.simulate(prior, seeded, num_simulations, seed=seed, verbose=0)
    keras.utils.set_random_seed(seed)
    flow = tfp_flows.MAF(
        parameters.shape[1:], num_layers=4, transform="spline", hidden_units=(64, 64), activation="tanh",
        context_shape=observations.shape[1:], preprocessing=prior.experimental_default_event_space_bijector(),
    )  # fmt: skip
    flow.compile(tfp_flows.training.FusedAdam(2e-3))
    held = num_simulations // 10
    callbacks = [
        keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.4, patience=6, min_lr=1e-5),
        Deadline(minutes),
        keras.callbacks.EarlyStopping("val_loss", patience=20, restore_best_weights=True),
    ]
    flow.fit(
        parameters[held:], observations[held:], validation_data=(parameters[:held], observations[:held]),
        batch_size=50 if num_simulations < 5000 else 100, epochs=1000, verbose=0, callbacks=callbacks,
    )  # fmt: skip
    return flow


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="of the unpacked wheel of sbibm")
    parser.add_argument("--tasks", default=",".join(sbi_tasks.TASKS), help="names, with commas between")
    parser.add_argument("--simulations", default="1000,10000", help="how many, with commas between")
    parser.add_argument("--observations", type=int, default=10, help="the first so many of the benchmark's ten")
    parser.add_argument("--minutes", type=float, default=5.0, help="of one training, at most")
    args = parser.parse_args()
    for task in args.tasks.split(","):
        files = sbi_tasks.Files(args.folder, task)
        prior, simulator = sbi_tasks.task(task, files)
        for num_simulations in map(int, args.simulations.split(",")):
            begun = time.time()
            flow = fit(prior, simulator, num_simulations, args.minutes)
            trained, scores = time.time() - begun, []
            for k in range(1, args.observations + 1):
                observation, reference = files.observation(k)
                scores.append(inference.c2st(reference, flow.sample(len(reference), seed=k, context=observation[0])))
            error = np.std(scores, ddof=1) / len(scores) ** 0.5 if len(scores) > 1 else float("nan")
            beside = PUBLISHED[task].get(num_simulations, float("nan"))
            print(
                f"{task:17} {num_simulations:7,} simulations: C2ST {np.mean(scores):.3f} +- {error:.3f} of "
                f"{len(scores)}, published NPE {beside:.3f}; training {trained:.0f} s, all {time.time() - begun:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
