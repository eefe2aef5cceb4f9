"""Glow on CIFAR-10, of a size for two CPU cores.

COMMAND   CIFAR10_DIR=FOLDER python3 examples/cifar10.py     (without CIFAR10_DIR: through TensorFlow Datasets)
EXPECTED  runs/glow-cifar10: 3.88 bits per dimension on the first 1,000 test images, pictures of samples, a SavedModel
TIME      18 minutes on two CPU cores, after the environment is made (several minutes, once)

FOLDER holds train_1.npz .. train_5.npz of 10,000 images each and test_1k.npz: x (3, n, 32, 32) uint8, the planes
R - G, G and B - G, differenced along columns and rows modulo 256, and y (n,), the labels. Validation is the last 5,000
of train_5. The images are decoded to runs/cifar10.npz, of which any `tfp-flows train` can take them. Further arguments
go to `tfp-flows train`, where they win.

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

OPTIONS = (
    "--epochs 2 --batch-size 16 --learning-rate 2e-3 --picture-every 1 --set num_levels=3 --set num_steps=4 "
    "--set hidden_channels=64 --set kernel_sizes=3,3,1 --set coupling=mixture --set num_components=4"
)


def read(path):
    """Images (n, 32, 32, 3) uint8 and labels (n,) of one file."""
    import numpy as np

    with np.load(path, allow_pickle=False) as archive:
        # Sums wrap around as the differences did.
        planes = archive["x"].cumsum(2, dtype=np.uint8).cumsum(3, dtype=np.uint8)
        labels = archive["y"]
    planes[0] += planes[1]
    planes[2] += planes[1]
    return planes.transpose(1, 2, 3, 0), labels


def decode(folder, to):
    """Writes all splits, with labels, as one .npz that `tfp_flows.data.load` reads."""
    import numpy as np

    from tfp_flows import files

    parts = [read(folder / f"train_{i}.npz") for i in range(1, 6)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts))
    x_test, y_test = read(folder / "test_1k.npz")
    with files.replacing(to) as part:
        np.savez(
            part, x_train=x[:45000], y_train=y[:45000], x_val=x[45000:], y_val=y[45000:], x_test=x_test, y_test=y_test
        )


def run(argv):
    from tfp_flows import cli

    data = "cifar10"
    if os.environ.get("CIFAR10_DIR"):
        folder, to = pathlib.Path(os.environ["CIFAR10_DIR"]), pathlib.Path("runs/cifar10.npz")
        missing = [path for path in (folder / "train_1.npz", folder / "test_1k.npz") if not path.is_file()]
        if missing:
            print(f"Expected CIFAR10_DIR to be a folder with train_1.npz .. and test_1k.npz; got no {missing[0]}.")
            return 2
        if not to.exists():
            decode(folder, to)
        data = str(to)
    return cli.main(["train", "glow", "--data", data, "--out", "runs/glow-cifar10", *OPTIONS.split(), *argv])


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    sys.exit(run(sys.argv[1:]))
