"""What the columns of a flow's events are called, where they are a table's: sentences about them say it."""

from collections.abc import Sequence


class HasColumnTitles:
    """The part of a flow that knows the titles of its table.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=8)
        >>> flow.column_titles = ["mass", "radius"]
        >>> flow.column_titles
        ('mass', 'radius')
    """

    @property
    def column_titles(self) -> tuple[str, ...] | None:
        """Tuple of str, one a column of the event; None, the default, where nobody told.

        Raises:
            ValueError: where it is set to anything else.
        """
        return vars(self).get("_column_titles")

    @column_titles.setter
    def column_titles(self, titles: Sequence[str] | None):
        if titles is not None:
            are_titles = not isinstance(titles, str) and all(isinstance(title, str) for title in titles)
            if not are_titles or self.event_shape != (len(titles),):
                raise ValueError(f"Expected column_titles, one for each of {self.event_shape}; got {titles!r}.")
            titles = tuple(titles)
        # Past Keras, which tracks what it finds in containers.
        vars(self)["_column_titles"] = titles
