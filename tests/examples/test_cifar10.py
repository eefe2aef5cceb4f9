"""The example that decodes CIFAR-10's planes gives back the images, bit by bit."""

import importlib.util
import pathlib

import numpy as np

PATH = pathlib.Path(__file__).resolve().parents[2] / "examples" / "cifar10.py"


def test_decoding_undoes_the_differences(tmp_path):
    spec = importlib.util.spec_from_file_location("cifar10", PATH)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    red, green, blue = images.transpose(3, 0, 1, 2)
    planes = np.stack([red - green, green, blue - green])
    for axis in (2, 3):
        planes = np.diff(planes, axis=axis, prepend=np.zeros_like(np.take(planes, [0], axis)))
    np.savez(tmp_path / "part.npz", x=planes, y=np.array([3, 0, 9, 1], np.uint8))
    decoded, labels = example.read(tmp_path / "part.npz")
    np.testing.assert_array_equal(decoded, images)
    assert labels.tolist() == [3, 0, 9, 1]
