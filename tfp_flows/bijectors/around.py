"""Bijectors around another one, which change what it is given and not the shapes of events."""


class Around:
    """A mixin for bijectors whose events are those of `self.bijector`."""

    def _forward_event_shape(self, shape):
        return self.bijector.forward_event_shape(shape)

    def _inverse_event_shape(self, shape):
        return self.bijector.inverse_event_shape(shape)

    def _forward_event_shape_tensor(self, shape):
        return self.bijector.forward_event_shape_tensor(shape)

    def _inverse_event_shape_tensor(self, shape):
        return self.bijector.inverse_event_shape_tensor(shape)
