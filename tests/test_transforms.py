"""Every transform: the identity at raw = 0, log_det by automatic differentiation, both ways, and inside TFP."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import checks
from tfp_flows import transforms
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions
TRANSFORMS = {"shift": transforms.Shift(), "affine": transforms.Affine(), "affine_tight": transforms.Affine(0.5)}
each = pytest.mark.parametrize("name", TRANSFORMS)


def arguments(transform, n=50, scale=2.0):
    random = np.random.default_rng(0)
    return tf.constant(random.normal(size=n)), tf.constant(scale * random.normal(size=(n, transform.num_params)))


@each
def test_raw_zero_is_the_identity(name):
    z, raw = arguments(TRANSFORMS[name])
    for method in ("forward_and_log_det", "inverse_and_log_det"):
        x, log_det = getattr(TRANSFORMS[name], method)(z, tf.zeros_like(raw))
        checks.close(x, z, 1e-15)
        checks.close(log_det, tf.zeros_like(z), 1e-15)


@each
def test_round_trip_and_log_det(name):
    transform = TRANSFORMS[name]
    z, raw = arguments(transform)
    for there, back in (("forward", "inverse"), ("inverse", "forward")):
        with tf.GradientTape() as tape:
            tape.watch(z)
            x, log_det = getattr(transform, f"{there}_and_log_det")(z, raw)
        checks.close(getattr(transform, f"{back}_and_log_det")(x, raw)[0], z, 1e-9)
        checks.close(log_det, tf.math.log(tf.abs(tape.gradient(x, z))), 1e-9)


@each
def test_flags_tell_the_truth(name):
    transform = TRANSFORMS[name]
    z, raw = arguments(transform)
    _, one = transform.forward_and_log_det(z, raw)
    _, two = transform.forward_and_log_det(z + 1.0, raw)
    assert transform.is_affine == bool(np.allclose(one, two))
    assert transform.is_volume_preserving == bool(np.all(one.numpy() == 0))


def test_the_log_scale_is_bounded():
    transform = transforms.Affine(0.5)
    raw = tf.constant([[1e6, 0.0], [-1e6, 0.0]], tf.float64)
    _, log_det = transform.forward_and_log_det(tf.ones([2], tf.float64), raw)
    checks.close(log_det, [0.5, -0.5], 1e-12)


@each
def test_as_bijector_inside_tfp(name):
    transform = TRANSFORMS[name]
    made = tfb.AutoregressiveNetwork(params=transform.num_params, event_shape=[3], hidden_units=[8], activation="relu")
    maf = tfb.MaskedAutoregressiveFlow(bijector_fn=lambda x: transform.as_bijector(made(x)))
    flow = tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), 3), maf)
    x = tf.random.stateless_normal([4, 3], [0, 1])
    z = maf.inverse(x)
    assert np.abs(z - x).max() > 1e-3
    checks.close(maf.forward(tf.identity(z)), x, 1e-4)
    log_det = checks.jacobian_log_det(maf.inverse, x)
    base = tfd.Sample(tfd.Normal(0.0, 1.0), 3).log_prob(z)
    checks.close(flow.log_prob(tf.identity(x)), base + log_det, 1e-4)


@each
def test_as_bijector_inside_tfps_realnvp(name):
    transform = TRANSFORMS[name]
    net = MLP(2 * transform.num_params, (8,), output_initializer="glorot_uniform")

    def bijector_fn(x, output_units, **_):
        return transform.as_bijector(tf.reshape(net(x), [-1, output_units, transform.num_params]))

    realnvp = tfb.RealNVP(num_masked=1, bijector_fn=bijector_fn)
    x = tf.random.stateless_normal([4, 3], [0, 1])
    y = tf.function(realnvp.forward)(x)
    assert np.abs(y - x).max() > 1e-3
    checks.close(realnvp.inverse(y), x, 1e-4)
    log_det = realnvp.forward_log_det_jacobian(tf.identity(x), event_ndims=1)
    checks.close(tf.broadcast_to(log_det, [4]), checks.jacobian_log_det(realnvp.forward, x), 1e-4)


def test_a_family_needs_both_directions():
    class Half(transforms.Transform):
        def forward_and_log_det(self, z, raw):
            return z, tf.zeros_like(z)

    with pytest.raises(TypeError, match="abstract"):
        Half()


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan"), "2"])
def test_a_bound_that_is_none_is_refused(bound):
    with pytest.raises(ValueError, match=f"Expected log_scale_bound to be a positive finite number; got {bound!r}"):
        transforms.Affine(bound)
