"""Contestants that JAX trains: every step, log_prob and draw is one jitted call; Adam is optax's."""

import abc

from benchmarks.contestant import Contestant


class JaxContestant(Contestant):
    packages = ("jax", "equinox", "optax")

    @abc.abstractmethod
    def make(self, key):
        """The model, an equinox pytree whose inexact arrays are trained."""

    @abc.abstractmethod
    def model_log_prob(self, model, x):
        """log_prob of a batch: (batch,)."""

    @abc.abstractmethod
    def model_sample(self, model, key):
        """Samples a batch: (batch, dims)."""

    def is_fixed(self, leaf):
        """Whether this node of the model is not trained, inexact or not."""
        return False

    def build(self):
        import equinox as eqx
        import jax
        import optax

        optimizer = optax.adam(self.settings.learning_rate)
        model = self.make(jax.random.key(0))
        self.weights, rest = eqx.partition(model, eqx.is_inexact_array, is_leaf=self.is_fixed)
        self.state = optimizer.init(self.weights)

        def whole(weights):
            return eqx.combine(weights, rest, is_leaf=self.is_fixed)

        def loss(weights, x):
            return -self.model_log_prob(whole(weights), x).mean()

        @eqx.filter_jit(donate="all-except-first")
        def step(x, weights, state):
            value, gradient = eqx.filter_value_and_grad(loss)(weights, x)
            updates, state = optimizer.update(gradient, state)
            return eqx.apply_updates(weights, updates), state, value

        self._step = step
        self._log_prob = eqx.filter_jit(lambda weights, x: self.model_log_prob(whole(weights), x))
        self._sample = eqx.filter_jit(lambda weights, key: self.model_sample(whole(weights), key))

    def tensor(self, x):
        import jax.numpy as jnp

        return jnp.asarray(x)

    def step(self, x):
        self.weights, self.state, loss = self._step(x, self.weights, self.state)
        return loss

    def score(self, x):
        return self._log_prob(self.weights, x)

    def draw(self, seed):
        import jax

        return self._sample(self.weights, jax.random.key(seed))

    @property
    def num_parameters(self):
        import jax

        return sum(leaf.size for leaf in jax.tree.leaves(self.weights))
