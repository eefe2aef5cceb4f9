"""A model's recipe, suited to the data: steps are counted, not epochs, and few features take a small model."""

import math

from tfp_flows.catalog import MODELS
from tfp_flows.numerics.tensors import is_positive_integer

# An epoch ends with a validation and files: where it has few steps, this many epochs are enough.
_MOST_EPOCHS = 100
# Batches that leave at least so many steps an epoch, down to a batch that is still worth a step.
_LEAST_STEPS_PER_EPOCH, _LEAST_BATCH = 10, 16


def recipe_for(model, num_events, event_shape, batch_size=None, is_own=False, accumulate=None):
    """What a model is trained with on some data, where nothing is said.

    Args:
        model: str, a key of `tfp_flows.catalog.MODELS`.
        num_events: int, of the training split.
        event_shape: tuple.
        batch_size: int that is given, or None.
        is_own: bool, whether arguments of the model are given: then of what suits few features the steps alone are
            taken, for the model, its batches and its learning rate belong together.
        accumulate: int, batches that make a step, of which fewer are then in an epoch; None for 1.

    Returns:
        dict: what `tfp_flows.catalog.Entry` says of a recipe, that of the size of the data, with `epochs` and
        `patience` (both ints), `arguments` (a dict, of the model) and `minutes` (in which it is to be done, or None).

    Example:
        >>> from tfp_flows.runs.recipe import recipe_for
        >>> large, small = recipe_for("maf", 50_000, (20,)), recipe_for("maf", 300, (20,))
        >>> large["epochs"] * (50_000 // large["batch_size"]) - large["steps"] < 50_000 // large["batch_size"]
        True
        >>> small["batch_size"], small["epochs"]
        (30, 100)
    """
    recipe = {"optimizer": {}, "warmup_steps": 100, "arguments": {}, "minutes": None, **MODELS[model].recipe}
    sizes = recipe.pop("sizes", ())
    fitting = [more for most, more in sizes if math.prod(event_shape) <= most]
    more = dict(fitting[0]) if fitting else {}
    if is_own:
        more = {key: more[key] for key in ("steps", "minutes") if key in more}
    recipe |= more
    if len(event_shape) > 1:
        recipe["arguments"] = {}
    if not is_positive_integer(batch_size):
        # One that is refused is refused by name, with all the options.
        batch_size = min(recipe["batch_size"], max(num_events // _LEAST_STEPS_PER_EPOCH, _LEAST_BATCH))
    # Steps are counted: of several batches each, fewer of them are in an epoch.
    size = batch_size * (accumulate if is_positive_integer(accumulate) else 1)
    steps_per_epoch = max(num_events // size, 1)
    epochs = min(max(math.ceil(recipe["steps"] / steps_per_epoch), 1), _MOST_EPOCHS)
    # A quarter of the rate's fall: earlier the best weights are those of a rate that is still high.
    return {**recipe, "batch_size": batch_size, "epochs": epochs, "patience": max(10, epochs // 4)}
