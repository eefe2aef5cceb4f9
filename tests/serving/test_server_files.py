"""What a model server is told: parsed by the server's own protos, and of a kind that its versions can be loaded by."""

import pathlib
import re

import pytest

from tests.served import contents, gaussian
from tfp_flows import serving
from tfp_flows.serving.load import load


@pytest.fixture
def base(tmp_path):
    serving.export(gaussian(), tmp_path / "gaussian")
    (tmp_path / "pictures" / "1").mkdir(parents=True)  # no model
    return tmp_path


def configured(base):
    """name -> folder below base, as the server reads models.config."""
    text_format = pytest.importorskip("google.protobuf.text_format")
    proto = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    config = text_format.Parse((base / "models.config").read_text(), proto.ModelServerConfig())
    assert all(model.model_platform == "tensorflow" for model in config.model_config_list.config)
    found = {model.name: pathlib.PurePath(model.base_path) for model in config.model_config_list.config}
    return {name: base / path.relative_to("/models") for name, path in found.items()}


def test_each_model_is_listed_and_none_is_batched(base):
    before = contents(base / "gaussian")
    assert serving.server_files(base) == ["gaussian"]
    assert configured(base) == {"gaussian": base / "gaussian"}
    assert contents(base / "gaussian") == before
    compose = (base / "compose.yaml").read_text()
    assert "batching" not in compose and "{{" not in compose
    assert "image: tensorflow/serving:${TF_SERVING_TAG:-latest}-gpu\n" in compose
    assert "- --model_config_file=/models/models.config\n" in compose and '[".:/models:ro"]' in compose


def test_the_batched_twin_has_parameters_and_no_warmup(base):
    before = contents(base / "gaussian")
    for size in (64, 32):  # a second time with other parameters
        names = serving.server_files(base, batching=True, max_batch_size=size)
    assert names == ["gaussian", "gaussian-batched"]
    assert {name: (folder / "1").is_dir() for name, folder in configured(base).items()} == dict.fromkeys(names, True)
    assert contents(base / "gaussian") == before
    twin = contents(base / "gaussian-batched" / "1")
    parameters = twin.pop("batching_params.pbtxt").decode()
    assert dict(re.findall(r"(\w+) \{ value: (\d+) \}", parameters))["max_batch_size"] == "32"
    # Who batches and warms up with `sample` does not load.
    assert twin == {name.removeprefix("1/"): value for name, value in before.items() if "assets.extra" not in name}
    flags = {"    - --enable_batching", "    - --enable_per_model_batching_parameters"}
    assert flags < set((base / "compose.yaml").read_text().splitlines())
    served = load(base / "gaussian-batched")
    assert served.log_prob([[0.0, 1.0]]).shape == (1,)
    # Of the next version too, beside the former one.
    serving.export(gaussian(), base / "gaussian", warmup=False)
    serving.server_files(base, batching=True)
    assert sorted(entry.name for entry in (base / "gaussian-batched").iterdir()) == ["1", "2"]


@pytest.mark.parametrize(("options", "message"), [
    ({"max_batch_size": 0}, "Expected max_batch_size to be an integer of at least 1; got 0"),
    ({"batch_timeout_micros": -1}, "Expected batch_timeout_micros to be an integer of at least 0; got -1"),
    ({}, "Expected a folder of exported models, each with a numbered version; got"),
])  # fmt: skip
def test_refusals(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        serving.server_files(tmp_path / "nowhere", **options)
    assert not any(tmp_path.iterdir())
