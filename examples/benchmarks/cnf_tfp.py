"""TensorFlow Probability's `tfb.FFJORD` over its Dormand-Prince solver, with the exact trace and its adjoint."""

from benchmarks.keras_contestant import KerasContestant, density_model


class CnfTFP(KerasContestant):
    packages = ("tensorflow-probability", "tensorflow", "keras")
    note = "tfb.FFJORD with tfp.math.ode.DormandPrince, exact trace"

    def make(self):
        import keras
        import tensorflow as tf
        import tensorflow_probability as tfp

        tfb, tfd = tfp.bijectors, tfp.distributions
        settings = self.settings

        # The network of ours: the time at every layer, with its waves, and what is 0 at the start.
        from tfp_flows.networks import TimeMLP

        network = TimeMLP(settings.dims, settings.hidden, "tanh")
        network.build((None, settings.dims))

        def velocity(t, x):
            return network(x, tf.fill(tf.shape(x)[:1], tf.cast(t, x.dtype)))

        solver = tfp.math.ode.DormandPrince(rtol=settings.tolerance, atol=settings.tolerance)
        bijector = tfb.FFJORD(
            velocity, ode_solve_fn=solver.solve, trace_augmentation_fn=tfb.ffjord.trace_jacobian_exact
        )
        base = tfd.MultivariateNormalDiag(tf.zeros(settings.dims), tf.ones(settings.dims))
        flow = tfd.TransformedDistribution(base, bijector)

        class Held(keras.layers.Layer):
            """What Keras sees of it."""

            def __init__(self):
                super().__init__()
                self.network = network

        model = density_model([Held()], flow.log_prob)
        sample = lambda seed: flow.sample(settings.batch, seed=seed)
        return model, self.graph(flow.log_prob), self.graph(sample)
