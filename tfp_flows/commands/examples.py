"""Examples of a run's data, chosen by index or drawn by a seed, with their contexts."""

import pathlib


def add_split(command):
    """Adds the option that names the split."""
    # As `tfp_flows.data.dataset.SPLITS`, which help does not wait for.
    command.add_argument(
        "--split",
        choices=("train", "validation", "test"),
        default="test",
        help="which part of the data (default: test)",
    )


def unit(model):
    """What a difference of events is measured in, to be put behind it."""
    return "" if model.num_bins is None else f" of {model.num_bins} levels"


def context(model, dataset, split, indices):
    """The labels of examples for a class-conditional model, an int32 array (n,); None for another."""
    from tfp_flows.runs import labels

    context = labels.context(model, dataset, split)
    return None if context is None else context[indices]


def check_indices(indices, dataset, split):
    """Refuses indices that the split does not have.

    Raises:
        ValueError: naming the first of them.
    """
    size = len(getattr(dataset, split))
    for i in indices:
        if not 0 <= i < size:
            raise ValueError(f"Expected indices of the {split} split, 0..{size - 1}; got {i}.")


def draw_indices(n, each, dataset, split, seed):
    """n times `each` different examples of a split, by a seed: an int array (n, each).

    Raises:
        ValueError: where the split has not so many, or the seed is negative.
    """
    import numpy as np

    size = len(getattr(dataset, split))
    if not 1 <= n <= size // each:
        raise ValueError(f"Expected --n to be within 1..{size // each}; got {n}.")
    if seed < 0:
        raise ValueError(f"Expected --seed to be at least 0; got {seed}.")
    return np.random.default_rng(seed).permutation(size)[: n * each].reshape(n, each)


def centre(model, x):
    """Events as the model's own reals: integers at the centres of their bins."""
    import numpy as np

    # That of columns of whole numbers has them at the centres of their bins already.
    centre = getattr(model.dequantization, "centre", lambda x: x)
    return np.asarray(centre(x), np.float64)


def picture(path):
    """The path of a picture, whose format is PNG whatever it is called."""
    path = pathlib.Path(path)
    return path if path.suffix.lower() == ".png" else path.with_name(path.name + ".png")


def require_images(run):
    """Refuses a run whose events are no images, without TensorFlow.

    Raises:
        ValueError: naming their shape.
    """
    from tfp_flows import pictures

    if run.kind is not pictures.Kind.IMAGE:
        raise ValueError(f"Expected a run of images to draw; got events of shape {run.event_shape}.")
