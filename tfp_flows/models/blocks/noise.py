"""The noise of a named model on integer data: uniform, or from a flow of its own that is trained with the model.

    features   ConvNet of the image, once                    (height, width, num_features)
    eps        standard logistic                             (height, width, channels)
    u          sigmoid(couplings(eps; features))             checkerboards in turn, affine or mixtures of logistics

At the start the couplings are about the identity and the sigmoid of a logistic variable is uniform: training begins
where uniform dequantization would. Flow++ itself pushes a normal variable, which begins elsewhere.
Ho, Chen, Srinivas, Duan and Abbeel, Flow++, arXiv:1902.00275, section 3.1 and appendix A.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors import Chain, Coupling, Sigmoid
from tfp_flows.dequantization import Gaussian, IntegerColumns, Uniform, Variational
from tfp_flows.models.blocks.precision import of_networks
from tfp_flows.networks import ConvNet
from tfp_flows.numerics.tensors import is_positive_integer
from tfp_flows.transforms import Affine, LogisticMixture

tfb, tfd = tfp.bijectors, tfp.distributions

KINDS = ("uniform", "variational")


def choose(kind, event_shape, num_bins, dtype="float32", integer_columns=None, noise_scale=None):
    """The dequantization of a model by its name.

    Args:
        kind: "uniform" or "variational", or with a noise_scale "gaussian", which is of continuous data too.
        event_shape: tuple of ints; (height, width, channels) for "variational".
        num_bins: int, levels of integer data, or None for continuous data.
        dtype: str, of the noise's own flow.
        integer_columns: as `uniform`.
        noise_scale: float > 0, standard deviation of Gaussian noise: of integers with all levels on [-1, 1], of others
            in their own unit. None where the model has none.

    Returns:
        `tfp_flows.dequantization.Uniform`, `Variational` or `Gaussian`, or None for continuous data.

    Raises:
        ValueError: for another name, variational noise on continuous data or on vectors, or a noise_scale that is no
            positive finite number.

    Example:
        >>> from tfp_flows.models.blocks import noise
        >>> type(noise.choose("variational", (4, 4, 1), 17)).__name__, noise.choose("uniform", (4, 4, 1), None)
        ('Variational', None)
    """
    known = KINDS if noise_scale is None else (*KINDS, "gaussian")
    if kind not in known:
        raise ValueError(f"Expected dequantization to be one of {list(known)}; got {kind!r}.")
    if kind == "gaussian":
        if not isinstance(noise_scale, (int, float)) or not 0 < noise_scale < float("inf"):
            raise ValueError(f"Expected noise_scale to be a positive finite number; got {noise_scale!r}.")
        if integer_columns is not None:
            raise ValueError(f"Expected uniform dequantization with integer_columns={integer_columns!r}; got {kind!r}.")
        return Gaussian(noise_scale * (1 if num_bins is None else num_bins / 2), num_bins)
    if num_bins is None and kind == "variational":
        raise ValueError("Expected num_bins, for integer data, with variational dequantization; got None.")
    if kind == "variational":
        return for_images(event_shape, num_bins, dtype=dtype)
    return uniform(event_shape, num_bins, integer_columns)


def uniform(event_shape, num_bins, integer_columns=None):
    """Noise that is not trained: of integers, of some columns of a table of reals, or none.

    Args:
        event_shape: tuple of ints.
        num_bins: int, levels of integer data, or None for continuous data.
        integer_columns: None, or the columns of continuous data that hold whole numbers.

    Raises:
        ValueError: for columns beside num_bins, of other events than vectors, or that are none of the table's.

    Example:
        >>> from tfp_flows.models.blocks import noise
        >>> noise.uniform((3,), None, [0, 2]).columns
        (0, 2)
    """
    if integer_columns is None:
        return None if num_bins is None else Uniform(num_bins)
    if num_bins is not None or len(event_shape) != 1:
        got = f"num_bins={num_bins}" if num_bins is not None else f"event_shape={tuple(event_shape)}"
        raise ValueError(f"Expected integer_columns with vectors of continuous data; got them with {got}.")
    return IntegerColumns(integer_columns, *event_shape)


def for_images(
    event_shape,
    num_bins,
    num_couplings=4,
    hidden_channels=64,
    num_features=32,
    num_components=None,
    log_scale_bound=2.0,
    dtype="float32",
    network=None,
):
    """Variational dequantization of images.

    Args:
        event_shape: tuple (height, width, channels), at least two pixels.
        num_bins: int >= 2, levels of the data.
        num_couplings: int.
        hidden_channels: int, of each coupling's network and of the features' one.
        num_features: int, channels of what the couplings see of the image.
        num_components: int > 1, of the mixtures of logistics of Flow++'s couplings; None for affine couplings.
        log_scale_bound: float, see `tfp_flows.transforms.Affine`.
        dtype: str, of the flow.
        network: None, or num_outputs, context_shape -> the network of a coupling, in the place of a `ConvNet`.

    Returns:
        `tfp_flows.dequantization.Variational`.

    Raises:
        ValueError: where the shape is no image's of two pixels at least, or a number is out of its range.

    Example:
        >>> from tfp_flows.models.blocks import noise
        >>> y, log_q = noise.for_images((4, 4, 1), 256)(tf.zeros([2, 4, 4, 1], tf.int32), seed=[0, 1])
        >>> y.shape.as_list(), bool(tf.reduce_all(tf.abs(log_q) < 1e-4))
        ([2, 4, 4, 1], True)
    """
    height, width, channels = shape = masks.image_shape(event_shape)
    for key, value in (("num_couplings", num_couplings), ("num_features", num_features)):
        if not is_positive_integer(value):
            raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
    transform = Affine(log_scale_bound)
    if num_components is not None:
        transform = LogisticMixture(num_components, log_scale_bound=log_scale_bound)
    couplings = []
    for passes in masks.alternating(masks.checkerboard(shape), num_couplings):
        context_shape = (height, width, num_features)
        num_outputs = channels * transform.num_params
        if network is None:
            conditioner = ConvNet(num_outputs, hidden_channels, context_shape=context_shape, dtype=of_networks(dtype))
        else:
            conditioner = network(num_outputs, context_shape)
        coupling = Coupling(passes, conditioner, transform, dtype=dtype)
        # A mixture is explicit from data to latent, and noise is only drawn: the other way round it needs no root.
        couplings.append(coupling if num_components is None else tfb.Invert(coupling))
    base = tfd.Independent(tfd.Logistic(tf.zeros(shape, dtype), tf.ones([], dtype)), 3)
    flow = tfd.TransformedDistribution(base, Chain([Sigmoid(event_ndims=3, dtype=dtype), *couplings]))
    features = ConvNet(
        num_features, hidden_channels, output_initializer="glorot_uniform", dtype=of_networks(dtype), name="features"
    )
    return Variational(num_bins, flow, features)
