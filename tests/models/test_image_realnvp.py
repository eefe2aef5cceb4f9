"""RealNVP on images: built as the paper's figure, learns, and comes back from disk."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import bijectors, data
from tfp_flows.models.blocks.multi_scale_realnvp import default_num_scales, multi_scale_realnvp

pytestmark = pytest.mark.usefixtures("untraced")


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", flatten=False)


def build(**options):
    keras.utils.set_random_seed(0)
    small = dict(num_bins=17, num_blocks=1, hidden_channels=12, alpha=0.01)
    flow = tfp_flows.RealNVP((8, 8, 1), **{**small, **options})
    flow.compile(tfp_flows.training.FusedAdam(3e-3))
    return flow


def parts_of(level, kind):
    return [part for part in level.bijectors if isinstance(part, kind)]


def test_layers_are_those_of_the_figure():
    scales = multi_scale_realnvp((16, 8, 3), num_blocks=1, hidden_channels=2)
    assert scales.latent_shapes == ((8, 4, 6), (8, 4, 6))
    first, last = scales.levels
    kinds = [type(part).__name__ for part in first.bijectors]
    three = ["Coupling", "BatchNorm"] * 3
    assert kinds == [*three, "Squeeze", *three, "_Invert", "Squeeze"]
    assert [type(part).__name__ for part in last.bijectors] == ["Coupling", "BatchNorm"] * 4
    masks = [part.mask for part in parts_of(first, bijectors.Coupling)]
    for even, odd in ((masks[0], masks[1]), (masks[1], masks[2]), (masks[3], masks[4]), (masks[4], masks[5])):
        np.testing.assert_array_equal(even, ~odd)
    rows, columns = np.indices((16, 8))
    np.testing.assert_array_equal(masks[0], np.repeat(((rows + columns) % 2 == 0)[..., None], 3, axis=-1))
    np.testing.assert_array_equal(masks[3][0, 0], [True] * 6 + [False] * 6)
    widths = [part.conditioner.hidden_channels for part in parts_of(first, bijectors.Coupling)]
    assert widths == [2, 2, 2, 4, 4, 4]
    assert [part.conditioner.hidden_channels for part in parts_of(last, bijectors.Coupling)] == [4] * 4


def test_what_is_factored_out_is_every_other_pixel():
    """At the start and without batch normalisation the flow only moves pixels."""
    scales = multi_scale_realnvp((8, 8, 1), num_scales=2, num_blocks=1, hidden_channels=2, batch_norm=False)
    image = tf.reshape(tf.range(64.0), [1, 8, 8, 1])
    z = scales.inverse(image).numpy().ravel()
    rows, columns = np.divmod(z.astype(int), 8)
    assert sorted(z) == list(range(64))
    assert ((rows + columns)[:32] % 2 == 1).all() and ((rows + columns)[32:] % 2 == 0).all()


@pytest.mark.parametrize(
    "shape, expected", [((32, 32, 3), 4), ((64, 64, 3), 5), ((28, 28, 1), 3), ((8, 8, 1), 2), ((7, 9, 1), 1)]
)
def test_scales_follow_the_papers_rule(shape, expected):
    assert default_num_scales(shape) == expected


@pytest.mark.parametrize(
    "options",
    [
        dict(scale_penalty=0.01),
        dict(scale_penalty=0.0, num_scales=1, batch_norm=False, weight_norm=False, edges=(0, 1, 17)),
    ],
)
def test_it_learns_and_comes_back(options, digits, tmp_path):
    """What fit logs beside the nll is the penalty times the squares of the lengths of normalised weights."""
    flow = build(**options)
    flow.initialize(digits.train)
    logs = flow.evaluate(digits.test, verbose=0, return_dict=True)
    before, penalty = logs["bits_per_dim"], logs["loss"] - logs["nll"]
    lengths = [v for v in flow.trainable_variables if v.path.endswith("/g")]
    assert len(lengths) == (10 * 6 if options["scale_penalty"] else 0)
    expected = options["scale_penalty"] * sum(float(np.sum(np.square(v.numpy()))) for v in lengths)
    np.testing.assert_allclose(penalty, expected, rtol=1e-3)
    flow.fit(digits.train, epochs=3, batch_size=64, verbose=0)
    state = [v.numpy() for v in flow.variables]
    after = flow.evaluate(digits.test, verbose=0, return_dict=True)["bits_per_dim"]
    assert after < before - 0.3
    z = flow.encode(digits.test[:9])
    np.testing.assert_allclose(flow.decode(z), digits.test[:9] + 0.5, atol=1e-2)
    flow.sample(3, seed=0)
    for now, then in zip(flow.weights, state[: len(flow.weights)]):
        np.testing.assert_array_equal(now, then)
    flow.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(digits.test[:9]), flow.log_prob(digits.test[:9]))


@pytest.mark.parametrize(
    "shape, options, message",
    [
        ((8, 8, 1), dict(num_layers=3), "Expected, for images, options among .* got 'num_layers'"),
        ((8,), dict(num_scales=3), "Expected, for vectors, options among .* got 'num_scales'"),
        ((8, 8, 1), dict(num_scales=0), "Expected num_scales to be a positive integer or None; got 0"),
        ((12, 12, 1), dict(num_scales=4), "Expected height and width that are multiples of 8 to squeeze"),
        ((8, 8, 1), dict(num_blocks=0), "Expected num_blocks to be a positive integer; got 0"),
        ((8, 8, 1), dict(scale_penalty=-1.0), "Expected scale_penalty to be a finite number of at least 0; got -1.0"),
        ((1, 1, 3), {}, "Expected an image of at least two pixels"),
        ((8, 8), {}, "Expected event_shape"),
        ((8,), dict(num_bins=17, dequantization="variational"), "Expected"),
        ((8, 8, 1), dict(num_bins=17, edges=(0, 16)), "Expected edges from 0 to num_bins=17"),
    ],
)
def test_bad_arguments_are_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        tfp_flows.RealNVP(shape, **options)
