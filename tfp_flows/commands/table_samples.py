"""Samples of a run of a table as a table: `tfp-flows sample DIR --to samples.csv`."""

import numpy as np

# Rows drawn at a time, so that a million of them fit into memory.
_ROWS = 20_000


def check(run, options, temperatures):
    """Refuses without TensorFlow what is no run of a table, and values to be given that it does not take."""
    from tfp_flows.data.tables import writing

    is_asked = options.to is not None and writing.is_table(options.to)
    if options.given and not is_asked:
        raise ValueError("Expected --given beside --to PATH.csv or PATH.parquet of a run of a table; got another.")
    if not is_asked:
        return
    if run.table is None:
        raise ValueError(f"Expected a run of a table for --to {options.to}; got {options.dir!r}, whose data are none.")
    if len(temperatures) > 1:
        raise ValueError(f"Expected one temperature for a table; got {options.temperature}.")
    contexts(run, options)


def contexts(run, options):
    """What is given of the columns that the others are learned given: float64 array (rows, columns); None for nothing.

    Raises:
        ValueError: for what names no such column, or lacks one.
    """
    from tfp_flows.commands import texts
    from tfp_flows.data.tables.again import Again
    from tfp_flows.data.tables.reading import is_table

    if not options.given:
        return None
    columns = run.table.of("context")
    if not columns:
        raise ValueError("Expected --given of a run with context= or a real target=; got one that is given nothing.")
    if len(options.given) == 1 and "=" not in options.given[0] and is_table(options.given[0]):
        rows = [part.contexts for part in Again(options.given[0], run.table, roles=("context",)).rows()]
        return np.concatenate(rows)
    given = {name: value for name, value in (_assignment(pair, texts) for pair in options.given)}
    names = [column.name for column in columns]
    for name in given:
        if name not in names:
            raise ValueError(f"Expected --given of the columns {', '.join(names)}; got {name!r}.")
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(f"Expected --given NAME=VALUE of each of {', '.join(names)}; got none of {missing[0]!r}.")
    return np.array([[_number(given[column.name], column) for column in columns]])


def write(run, model, options, classes, temperature):
    """Draws --n samples into the table that --to names, and prints its path."""
    from tfp_flows.data.tables import writing
    from tfp_flows.files import replacing

    schema = run.table
    n = 1000 if options.n is None else options.n
    given = _given(run, model, options, classes, n)
    with replacing(options.to) as part:
        with writing.writer(part, schema.dialect, schema.has_titles, schema) as put:
            size = n if given is None else len(given)
            for i, begin in enumerate(range(0, size, _ROWS)):
                context = None if given is None else given[begin : begin + _ROWS]
                put(_draw(model, schema, min(_ROWS, size - begin), context, options.seed, i, temperature))
    print(options.to)


def _draw(model, schema, n, context, seed, i, temperature):
    from tfp_flows.training.sample_pictures import sample_events

    events = sample_events(model, n, seed if i == 0 else (i, seed), temperature, context)
    has_label = bool(schema.of("label"))
    if model.num_classes is None:
        # Labels that were not learned are none of the samples'.
        return (schema.without("label") if has_label else schema).table(events, contexts=context)
    from tfp_flows.data import Labels

    labels = model.class_labels or Labels(range(model.num_classes))
    return schema.table(events, labels=labels.decode(context))


def _given(run, model, options, classes, n):
    """What each sample is given: classes (rows,) or contexts (rows, columns); None for nothing.

    Of classes or values that were asked for n samples each; else as often as the training data have them.
    """
    from tfp_flows.runs import labels

    if model.num_classes is not None and options.classes is not None:
        return np.repeat(np.array(classes, np.int32), n)
    asked = contexts(run, options)
    if asked is not None:
        return np.repeat(asked.astype(model.dtype), n, axis=0)
    if model.num_classes is None and not model.takes_context:
        return None
    known = labels.context(model, run.load_data(), "train")
    return known[np.random.default_rng([options.seed, 1]).integers(0, len(known), n)]


def _assignment(pair, texts):
    name, equals, value = pair.partition("=")
    if not equals:
        raise ValueError(f"Expected --given NAME=VALUE or a table; got {pair!r}.")
    return name, value


def _number(text, column):
    """A value as the column has it: a number, a date, a word."""
    import pyarrow as pa

    from tfp_flows.data.tables import values
    from tfp_flows.data.tables.dialect import Dialect

    found = None
    for dialect in (Dialect(), Dialect(";", ",")):
        found = values.numbers(pa.array([text]), column.kind, dialect) if found is None else found
    if found is None:
        raise ValueError(f"Expected --given {column.name}= of the kind {column.kind.name}; got {text!r}.")
    return float(found[0])
