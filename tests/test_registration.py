"""Every class has a registered name of its own, under which Keras finds it wherever `import tfp_flows` was said."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import tfp_flows
from tfp_flows import dynamics, networks, registration

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"


def registered_names(text):
    """(registered name, class) of each class with Keras' decorator in a file."""
    for node in ast.walk(ast.parse(text)):
        for call in getattr(node, "decorator_list", ()):
            if isinstance(call, ast.Call) and "register_keras_serializable" in ast.unparse(call.func):
                values = dict(zip(("package", "name"), call.args)) | {k.arg: k.value for k in call.keywords}
                values = {key: ast.literal_eval(value) for key, value in values.items()}
                yield f"{values['package']}>{values.get('name') or node.name}", node.name


def found():
    for path in sorted((ROOT / "tfp_flows").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield from ((name, f"{module}:{cls}") for name, cls in registered_names(path.read_text()))


def test_every_class_has_a_registered_name_of_its_own():
    names = [name for name, _ in found()]
    assert len(names) > 15 and sorted(names) == sorted(set(names))


def test_the_table_is_what_the_files_register():
    assert dict(found()) == registration.HOMES


def test_the_scan_reads_every_way_to_name_a_class():
    text = """
@keras.saving.register_keras_serializable(package="a")
class One: ...
@register_keras_serializable("a", name="two")
class Other: ...
@keras.saving.register_keras_serializable("b", "three")
@final
class Third: ...
class Fourth: ...
"""
    assert list(registered_names(text)) == [("a>One", "One"), ("a>two", "Other"), ("b>three", "Third")]


NETWORKS = {
    "MLP": (lambda: networks.MLP(3, (4,)), (2,)),
    "MADE": (lambda: networks.MADE(3, 2, (8,), output_initializer="glorot_uniform"), (3,)),
    "ConvNet": (lambda: networks.ConvNet(2, 4), (4, 4, 1)),
    "GatedAttention": (lambda: networks.GatedAttention(2, 4, 1, 2, output_initializer="glorot_uniform"), (4, 4, 1)),
    "ResNet": (lambda: networks.ResNet(2, 4, num_blocks=1), (4, 4, 1)),
    "PixelCNN": (lambda: networks.PixelCNN((4, 4, 1), 2, 4), (4, 4, 1)),
    "CausalTransformer": (
        lambda: networks.CausalTransformer((4, 2), 2, 8, 1, 2, output_initializer="glorot_uniform"),
        (4, 2),
    ),
    "Transformer": (lambda: networks.Transformer((4, 2), 2, 8, 1, 2, output_initializer="glorot_uniform"), (8,)),
    "WaveNet": (lambda: networks.WaveNet(2, (1, 2), 4, 4), (6,)),
}


# Of an event and a time.
TIMED = {
    "TimeMLP": lambda: networks.TimeMLP(2, (4,)),
    "PotentialField": lambda: networks.PotentialField(2, 4),
    "UNet": lambda: networks.UNet((4, 2, 1), 4, (1, 2), 1),
    "ProbabilityFlow": lambda: networks.ProbabilityFlow(
        networks.TimeMLP(2, (4,)), dynamics.paths.VarianceExploding(0.05, 7.0)
    ),
}


@pytest.mark.parametrize("name", TIMED)
def test_a_network_of_a_time_in_a_plain_model_comes_back(name, tmp_path):
    shape = (4, 2, 1) if name == "UNet" else (2,)
    inputs = keras.Input(shape), keras.Input(())
    model = keras.Model(inputs, TIMED[name]()(*inputs))
    random = np.random.default_rng(0)
    model.set_weights([w + random.normal(scale=0.1, size=w.shape) for w in model.get_weights()])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    given = [random.normal(size=(3, *shape)).astype("float32"), np.linspace(0, 1, 3, dtype="float32")]
    np.testing.assert_array_equal(model(given), again(given))
    assert np.ptp(model(given)) > 1e-3


def test_a_network_of_the_context_alone_comes_back(tmp_path):
    inputs = keras.Input((1,)), keras.Input((3,))
    network = networks.OfContext(networks.MLP(5, (4,), output_initializer="glorot_uniform"), (3,))
    model = keras.Model(inputs, network(inputs[0], context=inputs[1]))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    random = np.random.default_rng(0)
    x, context = random.normal(size=(2, 1)), random.normal(size=(2, 3))
    np.testing.assert_array_equal(model([x, context]), again([x, context]))
    np.testing.assert_allclose(model([x, context]), network.network(context.astype("float32")), rtol=1e-5)
    assert np.ptp(model([x, context])) > 1e-3
    for arguments, message in (
        (("mlp", (3,)), "Expected a Keras layer as network; got 'mlp'"),
        ((networks.MLP(5), None), r"Expected a context_shape \(m,\); got None"),
    ):
        with pytest.raises(ValueError, match=message):
            networks.OfContext(*arguments)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["Sequential", "Model"])
def test_a_network_in_a_plain_model_comes_back(name, kind, tmp_path):
    assert tfp_flows.models  # both WaveNets are registered
    make, shape = NETWORKS[name]
    inputs, network = keras.Input(shape), make()
    if kind == "Sequential":
        model = keras.Sequential([inputs, network])
    else:
        model = keras.Model(inputs, network(inputs))
    random = np.random.default_rng(0)
    model.set_weights([w + random.normal(scale=0.1, size=w.shape) for w in model.get_weights()])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert any(type(layer) is type(network) for layer in again.layers)
    x = random.normal(size=(3, *shape)).astype("float32")
    np.testing.assert_array_equal(model(x), again(x))
    assert np.ptp(model(x)) > 1e-3


def test_every_network_that_is_public_has_a_case():
    assert {*NETWORKS, *TIMED, "WeightNormConv2D", "OfContext"} == set(networks.__all__)


def run(code, *arguments):
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


LOAD = """
import glob, sys
objects = keras.saving.get_custom_objects()
assert "tfp_flows.models" not in sys.modules and "tensorflow_probability" not in sys.modules
for path in sorted(glob.glob(sys.argv[1] + "/*.keras")):
    model = keras.models.load_model(path)
    assert type(model).__module__.startswith("tfp_flows.models"), model
    assert objects["tfp_flows>" + type(model).__name__] is type(model)
    assert type(model.optimizer) is objects["tfp_flows>FusedAdam"] and int(model.optimizer.iterations) == 2
    print(type(model).__name__)
"""


@pytest.mark.parametrize("imports", ["import tfp_flows, keras", "import keras, tfp_flows"])
def test_files_load_in_a_process_that_only_imports_the_package(imports):
    names = run(imports + LOAD, FIXTURES).split()
    assert len(names) == len(list(FIXTURES.glob("*.keras"))) and {"RealNVP", "WaveNet"} <= set(names)


OBJECTS = """
import sys, json, keras, tfp_flows
objects, configs = keras.saving.get_custom_objects(), json.load(open(sys.argv[1]))
class Mine(keras.layers.Dense):
    pass
assert "tfp_flows.networks.mlp" not in sys.modules
dense = keras.saving.serialize_keras_object(Mine(2))
assert type(keras.saving.deserialize_keras_object(dense, custom_objects={"Mine": Mine})) is Mine
with keras.saving.custom_object_scope({"tfp_flows>MLP": Mine}):
    assert keras.saving.get_registered_object("tfp_flows>MLP") is Mine
assert "tfp_flows.networks.mlp" not in sys.modules
for name, config in configs.items():
    made = keras.saving.deserialize_keras_object(config)
    assert keras.saving.get_registered_name(type(made)) == name and objects[name] is type(made), name
    assert json.loads(json.dumps(keras.saving.serialize_keras_object(made))) == config, name
"""


def test_everything_that_is_registered_is_found_by_its_name(tmp_path):
    """Layers, metrics and optimizers one by one, in a process that has imported none of them."""
    made = [make() for make, _ in NETWORKS.values()] + [make() for make in TIMED.values()]
    made += [networks.OfContext(networks.MLP(2, (3,)), (4,))]
    made += [networks.WeightNormConv2D(2), tfp_flows.metrics.BitsPerDim(4), tfp_flows.training.FusedAdam(1e-2)]
    made += [tfp_flows.optimizers.WarmupCosine(1e-2, 10)]
    configs = {keras.saving.get_registered_name(type(one)): keras.saving.serialize_keras_object(one) for one in made}
    models = {name for name, home in registration.HOMES.items() if ".models." in home}
    assert set(configs) | models == set(registration.HOMES)
    path = tmp_path / "configs.json"
    path.write_text(json.dumps(configs))
    run(OBJECTS, path)


def test_a_room_of_the_package_may_be_imported_first():
    """Keras comes in the middle of it: the stand-ins are given while the real classes are on their way."""
    run("""
import tfp_flows.networks.mlp, tfp_flows.networks.wavenet, keras
from tfp_flows import networks
objects = keras.saving.get_custom_objects()
assert objects["tfp_flows>MLP"] is networks.MLP and objects["tfp_flows.networks>WaveNet"] is networks.WaveNet
assert "not yet imported" in repr(objects["tfp_flows>WaveNet"])
from tfp_flows.models import WaveNet
assert objects["tfp_flows>WaveNet"] is WaveNet is not networks.WaveNet
""")


def test_without_wrapt_the_package_is_imported_all_the_same():
    """As `python3 tests/run.py` does in a Python that has nothing installed."""
    run("import sys; sys.modules['wrapt'] = None; from tfp_flows import environment; print(environment.__name__)")
