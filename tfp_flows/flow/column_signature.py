"""The signature of a table's columns: each by its name, as its rows have them.

    log_prob_columns   one float tensor (batch,) for each column of the event and of the context, or the labels (batch,)
                       as the data have them                        -> log_prob (batch,), nats per event

It says of a row what `tfp-flows score` writes beside it: a density in the units of the columns; of whole numbers, which
are rounded to these, per bin of width 1. Dates are days since the first that the data had, booleans 1 and 0. A title
that cannot be the name of an argument is mapped, see `tfp_flows.data.tables.arguments`; the model card says how.
"""

from collections.abc import Sequence

import tensorflow as tf

from tfp_flows.data.tables.arguments import arguments
from tfp_flows.data.tables.schema import CONTEXT, EVENT, LABEL, Column, Schema
from tfp_flows.flow import context as contexts
from tfp_flows.flow.signatures import concrete, inputs

NAME = "log_prob_columns"


def named(model, columns):
    """The columns that a flow's table has, by the names of their arguments.

    Args:
        model: `tfp_flows.Flow`.
        columns: `Schema`, or the titles as strings, those of the event first and then those of the context or of the
            labels; None for a flow of anything else.

    Returns:
        name -> `Column`, in the order of the table; None where the columns have no titles.

    Raises:
        ValueError: where they are not those of the flow's events and contexts.
    """
    if columns is None or (isinstance(columns, Schema) and not columns.has_titles):
        return None
    shape = tuple(model.event_shape)
    given = contexts.context_shape(model) if model.takes_context and model.num_classes is None else ()
    if len(shape) != 1 or given is None or len(given) > 1:
        raise ValueError(f"Expected columns for a flow of vectors, given vectors or classes; got one of {shape}.")
    role = CONTEXT if model.num_classes is None else LABEL
    more = (given[0] if given else 0) if role == CONTEXT else 1
    found = columns.columns if isinstance(columns, Schema) else _of_titles(columns, shape[0], role)
    # A table may have labels beside what the flow learned.
    found = [column for column in found if column.role != LABEL or role == LABEL]
    of_events = sum(column.role == EVENT for column in found)
    if (of_events, len(found) - of_events) != (shape[0], more):
        what = "of labels" if role == LABEL else "of the context"
        raise ValueError(
            f"Expected {shape[0]} columns of the event and {more} {what}; got {of_events} and {len(found) - of_events}."
        )
    return dict(zip(arguments([column.name for column in found]), found))


def trace(model, functions, columns):
    """The signature, around the one that scores in the same SavedModel.

    Args:
        model: `tfp_flows.Flow`.
        functions: traced functions by their names, as `tfp_flows.flow.signatures` gave them.
        columns: as `named` gave them.

    Returns:
        A `tf.types.experimental.ConcreteFunction`; None where the flow cannot score.
    """
    score = functions.get("log_prob" if model.num_bins is None else "score")
    if score is None:
        return None
    dtype = inputs(functions["log_prob"])["x"].dtype
    specs = inputs(score)

    def log_prob_columns(**columns_by_name):
        of = lambda role: [columns_by_name[name] for name, column in columns.items() if column.role == role]
        x = tf.stack(of(EVENT), axis=1)
        given = {"context": tf.stack(of(CONTEXT), axis=1)} if of(CONTEXT) else {}
        given |= {"context": labels for labels in of(LABEL)}
        if model.num_bins is not None:
            # Beyond the bins on either side, where there is no density; a cast of NaN could be any number.
            x = tf.where(tf.math.is_nan(x), -tf.ones([], dtype), tf.clip_by_value(tf.round(x), -1, model.num_bins))
            x = tf.cast(x, tf.int32)
        return {"log_prob": score(x=x, **given)["log_prob"]}

    kinds = {name: specs["context"].dtype if column.role == LABEL else dtype for name, column in columns.items()}
    return concrete(log_prob_columns, [tf.TensorSpec([None], kinds[name], name) for name in columns])


def meaning(column):
    """What the values of a column are, for the model card; None of labels, which the flow knows."""
    if column.role == LABEL:
        return None
    kind = "real" if column.kind is None else column.kind.name
    if kind in ("date", "time"):
        unit = f"days since {column.kind.origin}"
    elif kind == "boolean":
        no, yes = column.kind.words or ("false", "true")
        unit = f"1 for {yes}, 0 for {no}"
    else:
        unit = "in the data's own unit" if kind == "real" else "whole numbers"
    return f"column {column.name!r}, {unit}"


def _of_titles(titles, size, role):
    are_titles = isinstance(titles, Sequence) and not isinstance(titles, str)
    if not are_titles or not all(isinstance(title, str) and title.strip() for title in titles):
        raise ValueError(f"Expected columns as the titles of a table's, or its schema; got {titles!r}.")
    if len(set(titles)) < len(titles):
        twice = next(title for title in titles if titles.count(title) > 1)
        raise ValueError(f"Expected a different title for each column; got {twice!r} twice.")
    return [Column(title, EVENT if j < size else role) for j, title in enumerate(titles)]
