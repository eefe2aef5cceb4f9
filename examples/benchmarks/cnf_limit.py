"""The limit of continuous time: as many evaluations of the network as our solver takes, and no solver around them.

Each is fed with what the one before it gives. Training: those of 8 steps of Runge and Kutta, forwards and backwards;
log_prob: the value with its exact divergence; sample: the value alone. How many the last two take is counted on the
first batch, of a field that is not trained: tolerances ask for more of one that is.
"""

from benchmarks.keras_contestant import KerasContestant, density_model


class CnfLimit(KerasContestant):
    note = "the velocity network alone, as often as ours asks it"
    is_density = False

    def make(self):
        import tensorflow as tf

        from tfp_flows import dynamics, networks

        settings = self.settings
        network = networks.TimeMLP(settings.dims, settings.hidden, "tanh")
        network.build((None, settings.dims))
        tolerance = settings.tolerance
        solver = dynamics.Solver(rtol=tolerance, atol=tolerance)
        x = tf.constant(settings.batches()[0])
        count = int(dynamics.solve(lambda t, x: network(x, t), x, 1.0, 0.0, solver).num_evaluations)
        self.note += f": {count} times by tolerance"
        tangents = tf.eye(settings.dims)[:, None, :]

        def with_divergence(times):
            def log_prob(x):
                vectors = tf.broadcast_to(tangents, [settings.dims, tf.shape(x)[0], settings.dims])

                def body(k, x, total):
                    t = tf.fill(tf.shape(x)[:1], tf.cast(k, x.dtype) / times)
                    value, products = network.jvp(x, t, vectors)
                    return k + 1, x + value / times, total + tf.einsum("ibi->b", products)

                given = 0, x, tf.zeros(tf.shape(x)[:1])
                _, x, total = tf.while_loop(lambda k, *_: k < times, body, given, maximum_iterations=times)
                return total - tf.reduce_sum(x**2, -1)

            return log_prob

        def sample(seed):
            def body(k, x):
                t = tf.fill([settings.batch], tf.cast(k, x.dtype) / count)
                return k + 1, x + network(x, t) / count

            z = tf.random.stateless_normal([settings.batch, settings.dims], seed)
            return tf.while_loop(lambda k, x: k < count, body, (0, z), maximum_iterations=count)[1]

        model = density_model([network], with_divergence(32))
        return model, self.graph(with_divergence(count)), self.graph(sample)
