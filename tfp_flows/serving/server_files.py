"""Files for a model server beside exported models: its list of models, its batching, and a compose file.

    base/models.config                          which models, by their folders' names
    base/compose.yaml                           the official image tensorflow/serving, on CPUs or GPUs
    base/NAME-batched/N/batching_params.pbtxt   with batching: each model once more, batched

A server that batches puts requests to one signature together along their first dimension and refuses scalars, which
`sample` takes, and with them its warm-up. So a server of these files is told to batch by model
(`--enable_per_model_batching_parameters`): a version without batching_params.pbtxt is not batched and answers
everything. The batched twin beside it, the same files without warm-up, is for the many small requests to `log_prob`,
`score`, `encode` and `decode`. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil

from tfp_flows.files import replacing
from tfp_flows.serving.versions import numbers, unpublished

TWIN = "-batched"
_MODEL = """  config {{
    name: {name}
    base_path: {path}
    model_platform: "tensorflow"
  }}
"""
# One thread a processor, which is the server's default.
_BATCHING = """max_batch_size {{ value: {size} }}
batch_timeout_micros {{ value: {micros} }}
max_enqueued_batches {{ value: 1000 }}
"""
_COMPOSE = """# docker compose --profile cpu up      (or: --profile gpu, which needs NVIDIA's container toolkit)
# REST at http://localhost:8501, gRPC at localhost:8500. TF_SERVING_TAG=... chooses the image's version.
x-serving: &serving
  command:
    - --model_config_file=/models/models.config
    - --model_config_file_poll_wait_seconds=60{batching}
  ports: ["8500:8500", "8501:8501"]
  volumes: [".:/models:ro"]
  restart: unless-stopped

services:
  serving:
    <<: *serving
    profiles: [cpu]
    image: tensorflow/serving:${{TF_SERVING_TAG:-latest}}
  serving-gpu:
    <<: *serving
    profiles: [gpu]
    image: tensorflow/serving:${{TF_SERVING_TAG:-latest}}-gpu
    deploy:
      resources:
        reservations:
          devices:
            - {{driver: nvidia, count: 1, capabilities: [gpu]}}
"""


def server_files(
    base: str | os.PathLike, *, batching: bool = False, max_batch_size: int = 256, batch_timeout_micros: int = 1000
) -> list[str]:
    """Writes what TensorFlow Serving needs to serve all models in a folder.

    Written anew, the files are replaced. New versions of a model are found by the server itself; of a batched twin
    once this is called again.

    Args:
        base: the folder that holds the folders of exported models, each with its numbered versions.
        batching: whether each model is served a second time, as NAME-batched, batched.
        max_batch_size: int, events that the server puts into one batch at most; one request may have no more.
        batch_timeout_micros: int, microseconds that the first request of a batch waits for others.

    Returns:
        List of the names of the models that are served.

    Raises:
        ValueError: if `base` holds no exported model, or a number is out of range.

    Example:
        >>> import tempfile
        >>> import tensorflow_probability as tfp
        >>> import tfp_flows
        >>> flow = tfp_flows.Flow(tfp.distributions.MultivariateNormalDiag([0.0, 0.0], [1.0, 2.0]))
        >>> base = tempfile.mkdtemp()
        >>> version = tfp_flows.serving.export(flow, base + "/gaussian", warmup=False)
        >>> tfp_flows.serving.server_files(base, batching=True)
        ['gaussian', 'gaussian-batched']
    """
    base = pathlib.Path(os.fspath(base))
    _check("max_batch_size", max_batch_size, 1)
    _check("batch_timeout_micros", batch_timeout_micros, 0)
    models = _models(base)
    own = [name for name in models if not name.endswith(TWIN) or name.removesuffix(TWIN) not in models]
    if not own:
        raise ValueError(f"Expected a folder of exported models, each with a numbered version; got {str(base)!r}.")
    names = list(own)
    if batching:
        parameters = _BATCHING.format(size=max_batch_size, micros=batch_timeout_micros)
        for name in own:
            _write_twin(base / name, base / f"{name}{TWIN}", parameters)
            names.append(f"{name}{TWIN}")
    entries = "".join(_MODEL.format(name=json.dumps(name), path=json.dumps(f"/models/{name}")) for name in names)
    flags = ("--enable_batching", "--enable_per_model_batching_parameters") if batching else ()
    _write(base / "models.config", f"model_config_list {{\n{entries}}}\n")
    _write(base / "compose.yaml", _COMPOSE.format(batching="".join(f"\n    - {flag}" for flag in flags)))
    return names


def _check(name, value, least):
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"Expected {name} to be an integer of at least {least}; got {value!r}.")


def _models(base):
    """Names of the folders that hold a numbered version."""
    if not base.is_dir():
        return []
    folders = sorted(entry for entry in base.iterdir() if entry.is_dir())
    return [
        folder.name
        for folder in folders
        if any((folder / version / "saved_model.pb").is_file() for version in numbers(folder).values())
    ]


def _write_twin(model, twin, parameters):
    """The latest version of a model once more, of the same number, as one that is batched."""
    found = numbers(model)
    name = found[max(found)]
    if not (twin / name).is_dir():
        with unpublished(twin) as folder:
            # Its warm-up would ask for samples, which a batched version refuses, and with them itself.
            shutil.copytree(
                model / name, folder, ignore=shutil.ignore_patterns("assets.extra"), copy_function=_link,
                dirs_exist_ok=True,
            )  # fmt: skip
            _write(folder / "batching_params.pbtxt", parameters)
            folder.rename(twin / name)
    _write(twin / name / "batching_params.pbtxt", parameters)


def _link(source, target):
    """A second name of a file, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write(path, text):
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
