"""One table of named models: every generic check runs over all of them. A new model is one entry here."""

import dataclasses
import functools

import keras
import numpy as np

import tfp_flows
from tests.checks import passes
from tfp_flows.catalog import MODELS


@dataclasses.dataclass(frozen=True)
class Case:
    """One small model, with data that it can learn something of in a few steps.

    Attributes:
        model: str, its name in the catalogue.
        event_shape: tuple.
        arguments: dict, of the model.
        learning_rate: float, of Adam.
        epochs: int, of 256 events in batches of 64.
        exact: float, what is left of a way to the latent and back in float64: of a differential equation its tolerance.
    """

    model: str
    event_shape: tuple
    arguments: dict
    learning_rate: float = 1e-2
    epochs: int = 4
    exact: float = 1e-9

    @property
    def num_bins(self):
        return self.arguments.get("num_bins")


IMAGE, AUDIO = (4, 4, 1), dict(dilations=(1, 2), hidden_channels=4, skip_channels=4)
# Quicker to trace than steps by tolerance.
# Few of them, between noise levels that are not far apart: an eager solution is a thousand small operations a step.
STEPS = dict(solver="dormand_prince", num_steps=6, s_min=0.2, s_max=4.0)
FEWER_STEPS = dict(solver="dormand_prince", num_steps=4)
TOKENS = dict(patch_size=2, channels=8, num_layers=1, num_heads=2)
SPLINE = dict(transform="spline", order="random", residual=True)

CASES = {
    "nice": Case("nice", (4,), dict(num_bins=17, num_layers=2, hidden_units=(8,))),
    "realnvp": Case("realnvp", (4,), dict(num_layers=2, hidden_units=(8,), actnorm=True)),
    "realnvp_image": Case("realnvp", IMAGE, dict(num_bins=17, num_scales=1, num_blocks=1, hidden_channels=4)),
    "realnvp_conditional": Case(
        "realnvp", (4,), dict(num_layers=2, hidden_units=(8,), context_shape=(3,), base="laplace")
    ),
    "glow": Case("glow", IMAGE, dict(num_bins=17, num_levels=1, num_steps=1, hidden_channels=4, base="student_t")),
    "glow_by_class": Case(
        "glow", IMAGE, dict(num_bins=17, num_levels=2, num_steps=1, hidden_channels=4, num_classes=2)
    ),
    "flowpp": Case(
        "flowpp",
        IMAGE,
        dict(
            num_bins=17,
            num_couplings=(1, 1, 1),
            num_components=2,
            hidden_channels=4,
            num_blocks=1,
            num_heads=2,
            dropout=0.0,
            dequantization="uniform",
            num_classes=2,
            base="logistic",
        ),
    ),
    "maf": Case("maf", (4,), dict(num_layers=2, hidden_units=(8,))),
    "maf_conditional": Case("maf", (4,), dict(num_layers=2, hidden_units=(8,), context_shape=(3,), **SPLINE)),
    "maf_image": Case("maf", IMAGE, dict(num_bins=17, num_layers=1, hidden_channels=4, num_blocks=1, kernel_size=3)),
    "iaf": Case("iaf", (4,), dict(num_layers=2, hidden_units=(8,), base="student_t")),
    "iaf_image": Case("iaf", IMAGE, dict(num_bins=17, num_layers=1, hidden_channels=4, num_blocks=1, kernel_size=3)),
    "nsf": Case("nsf", (4,), dict(num_layers=1, hidden_units=(8, 8), num_components=4, num_classes=2, base="logistic")),
    "nsf_autoregressive": Case(
        "nsf", (4,), dict(scheme="autoregressive", num_layers=1, hidden_units=(8, 8), linear="permutation", num_bins=17)
    ),
    "tarflow": Case("tarflow", IMAGE, dict(num_bins=17, num_blocks=2, base="laplace", **TOKENS)),
    "tarflow_by_class": Case(
        "tarflow", (4,), dict(num_blocks=2, num_classes=2, dequantization="gaussian", noise_scale=0.3, **TOKENS)
    ),
    "jet": Case("jet", IMAGE, dict(num_bins=17, num_couplings=2, context_shape=(3,), base="student_t", **TOKENS)),
    "planar_flow": Case("planar_flow", (4,), dict(num_layers=2)),
    "sylvester_conditional": Case(
        "planar_flow",
        (4,),
        dict(num_layers=1, kind="sylvester", num_hidden=2, hidden_units=(8,), context_shape=(3,)),
        learning_rate=3e-2,
    ),
    # What the data set is most of the way: the rest takes longer.
    "gaussianization": Case("gaussianization", (4,), dict(num_layers=3, num_components=4, base="student_t"), epochs=12),
    "gaussianization_image": Case(
        "gaussianization", IMAGE, dict(num_bins=17, num_layers=3, num_components=3, rotation="ica", patch_sizes=(2,))
    ),
    "wavenet": Case("wavenet", (12,), dict(num_layers=1, transform="mixture", num_components=2, **AUDIO)),
    "cnf": Case("cnf", (4,), dict(hidden_units=(8,), training_steps=3, base="laplace", **FEWER_STEPS), exact=1e-3),
    "flow_matching": Case(
        "flow_matching",
        (4,),
        dict(hidden_units=(16,), num_bins=17, num_classes=2, edges=(0, 8, 17)),
        epochs=10,
        exact=1e-3,
    ),
    "score_sde": Case(
        "score_sde",
        (4,),
        dict(hidden_units=(16,), context_shape=(3,), kind="variance_exploding", **STEPS),
        epochs=30,
        exact=1e-3,
    ),
    "ncsn": Case("ncsn", (4,), dict(hidden_units=(16,), num_levels=5, **STEPS), epochs=30, exact=1e-3),
    "parallel_wavenet": Case("parallel_wavenet", (12,), dict(num_layers=1, **AUDIO)),
}


def build(name, **arguments):
    """The model of a case, compiled, as it begins; with arguments beside the case's own."""
    keras.utils.set_random_seed(0)
    case = CASES[name]
    home = MODELS[case.model].home.partition(":")[2]
    model = getattr(tfp_flows, home)(case.event_shape, seed=3, **case.arguments, **arguments)
    model.compile(tfp_flows.training.FusedAdam(case.learning_rate))
    return model


def events(name, n=256, seed=0):
    """x, context: elements that depend on the one before, integers where the model has bins; context or None."""
    case, random = CASES[name], np.random.default_rng(seed)
    size = int(np.prod(case.event_shape))
    x = np.cumsum(random.normal(size=(n, size)), axis=1) / np.sqrt(np.arange(1, size + 1))
    labels = random.integers(0, 2, n)
    context = None
    if "num_classes" in case.arguments:
        context = labels
    elif "context_shape" in case.arguments:
        context = random.normal(size=(n, *case.arguments["context_shape"])).astype("float32")
    x = (2 * x + 1.5 * labels[:, None]).reshape(n, *case.event_shape)
    if case.num_bins:
        return np.clip(np.rint(x + 8), 0, case.num_bins - 1).astype("uint8"), context
    return x.astype("float32"), context


@functools.cache
def trained(name):
    """The model of a case, trained once for all tests, with its losses: before, and after each epoch."""
    model, (x, context) = build(name), events(name)
    model.initialize(x[:64], **({} if context is None else {"context": context[:64]}))
    before = model.evaluate(x, context, verbose=0, return_dict=True)["loss"]
    model.fit(*passes(CASES[name].epochs, x, context), batch_size=64, verbose=0)
    return model, before, model.evaluate(x, context, verbose=0, return_dict=True)["loss"]
