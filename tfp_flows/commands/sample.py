"""tfp-flows sample: samples of a run as a picture and as an array, by class and by temperature where asked."""

import re

from tfp_flows.commands import directory, solvers, table_samples, texts

# Of a row, so that pictures stay readable; the array has all.
_MOST_COLUMNS = 40


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "sample",
        help="draw samples from a run into a picture and an .npy file",
        description="Draws samples into PATH.png and PATH.npy. A conditional run gives one row of samples a class, and "
        "PATH-labels.npy; several temperatures give one row each, with the same latents, and PATH-temperatures.npy. A "
        "run on audio gives spectrograms and PATH-000.wav, PATH-001.wav, ... too. With --to PATH.csv or .parquet a "
        "run on a table gives a table like its own: titles, order, types, labels.",
    )
    directory.add(command, check=_check, needs_data=False)
    command.add_argument(
        "--n",
        type=int,
        help="how many samples (default: 64; of audio 8), or with classes or several temperatures how many of each "
        "(default: 10; of audio 1)",
    )
    command.add_argument(
        "--class", "--classes", "--label", "--labels", dest="classes", metavar="K[,K...]",
        help="of a conditional run: the classes to draw, by their labels in the data or their names, in this order "
        "(default: all)",
    )  # fmt: skip
    command.add_argument(
        "--temperature", "--temperatures", dest="temperature", metavar="T[,T...]", default="1",
        help="of the latents: below 1 samples are closer to the middle and less varied (default: 1, as trained)",
    )  # fmt: skip
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed gives the same samples (default: 0)"
    )
    solvers.add(command)
    command.add_argument(
        "--seconds", type=float, help="of a run on audio: how long each sample is (default: its windows)"
    )
    command.add_argument(
        "--to",
        metavar="PATH",
        help="of the files, with or without ending (default: DIR/samples-SEED-TEMPERATURE); .csv, .tsv "
        "or .parquet of a run on a table",
    )
    command.add_argument(
        "--given", action="append", default=[], metavar="NAME=VALUE",
        help="of a run that is given columns: their values, one each, or a table of them; --n samples are drawn for "
        "each (default: those of the training data)",
    )  # fmt: skip
    command.set_defaults(run=run)


def _check(options, run):
    """Refuses without TensorFlow what no run, or not this one, has."""
    directory.at_least(1, n=options.n)
    directory.at_least(0, seed=options.seed)
    temperatures = texts.numbers(options.temperature, float, "--temperature")
    for temperature in temperatures:
        if not 0 <= temperature < float("inf"):
            raise ValueError(f"Expected --temperature to be a finite number of at least 0; got {temperature:g}.")
    if len(temperatures) > 1 and run.kind.value not in ("image", "audio"):
        raise ValueError(
            f"Expected one temperature for events that are neither images nor audio; got {options.temperature} and "
            f"events of shape {run.event_shape}."
        )
    if options.seconds is not None:
        _length(run, options)
    _classes(run, options)
    solvers.asked(run, options)
    table_samples.check(run, options, temperatures)


def run(options):
    """Writes the arrays and the picture, and prints where they are."""
    import numpy as np

    from tfp_flows import pictures, runs, training, wav
    from tfp_flows.data.tables import writing
    from tfp_flows.files import replacing
    from tfp_flows.training.sample_pictures import sample_rate, titles

    run = runs.Run(options.dir)
    temperatures = texts.numbers(options.temperature, float, "--temperature")
    model = _load(run, options)
    sampler = solvers.asked(run, options)
    if sampler is not None:
        from tfp_flows.flow import named_sampler

        model.sampler = named_sampler(*sampler)
    classes = _classes(run, options)
    if options.to is not None and writing.is_table(options.to):
        table_samples.write(run, model, options, classes, temperatures[0])
        return
    if run.table is not None and model.takes_context and classes is None:
        raise ValueError("Expected --to PATH.csv or PATH.parquet for a run that is given columns; got another.")
    kind = run.kind
    is_image, is_audio = kind is pictures.Kind.IMAGE, kind is pictures.Kind.AUDIO
    arrays, names = _draw(model, options, classes, temperatures, (8, 1) if is_audio else (64, 10))
    to = texts.without_ending(options.to or run.path / _name(options, temperatures), ".png", ".npy", ".wav")
    for ending, array in arrays.items():
        with replacing(to.with_name(f"{to.name}{ending}.npy")) as part:
            np.save(part, array)
        print(f"{to}{ending}.npy")
    picture, events = to.with_name(to.name + ".png"), arrays[""]
    if is_audio:
        names = None if names is None else np.repeat(names, len(events) // len(names))
        audio = wav.from_events(events, model.num_bins)
        rate = sample_rate(model)
        _write_audio(audio, rate, to)
        print(pictures.spectrograms(audio, rate, picture, names))
    elif names is not None and is_image:
        rows = events.reshape(len(names), -1, *model.event_shape)[:, :_MOST_COLUMNS]
        print(pictures.rows(rows, names, picture, model.num_bins, _title(model, arrays, rows.shape[1])))
    elif names is not None and run.table is not None:
        print(pictures.corner(events, None, picture, run.table.names, titles(names)))
    elif is_image or names is not None:
        title = None if names is None else titles(names)
        print(pictures.samples(events, picture, levels=model.num_bins, title=title))
    else:
        # A cloud wants more points than were asked for.
        temperature = temperatures[0]
        names = None if run.table is None else run.table.names
        own = dict(temperature=temperature, seed=options.seed, names=names)
        print(training.draw_samples(model, picture, len(events), **own))


def _load(run, options):
    """The model of the run, of the length that is asked for."""
    return run.load_model() if options.seconds is None else run.load_model(event_shape=(_length(run, options),))


def _length(run, options):
    """How many audio samples --seconds are.

    Raises:
        ValueError: of a run that is none on audio, or out of range.
    """
    rate = run.config.arguments.get("sample_rate")
    if rate is None:
        raise ValueError(f"Expected --seconds with a run on audio only; got {options.dir!r}, which is none.")
    if not 0 < options.seconds < 3600 or round(options.seconds * rate) < 2:
        raise ValueError(f"Expected --seconds to be above 0 and below 3600; got {options.seconds:g}.")
    return round(options.seconds * rate)


def _write_audio(audio, rate, to):
    """A WAV file for each recording."""
    from tfp_flows import wav

    for i, recording in enumerate(audio):
        wav.write(to.with_name(f"{to.name}-{i:03d}.wav"), recording, rate)
    print(f"{to}-000.wav" + (f" ... {to}-{len(audio) - 1:03d}.wav" if len(audio) > 1 else ""))


def _draw(model, options, classes, temperatures, defaults):
    """Arrays by the ending of their file's name, row by row, and the names of the rows (None where there are none)."""
    import numpy as np

    from tfp_flows.training.sample_pictures import sample_classes, sample_events

    alone, each = defaults
    if len(temperatures) > 1:
        n = each if options.n is None else options.n
        labels = None if classes is None else np.resize(classes, n)
        rows = [sample_events(model, n, options.seed, temperature, labels) for temperature in temperatures]
        arrays = {"": np.concatenate(rows), "-temperatures": np.repeat(temperatures, n)}
        if labels is not None:
            arrays["-labels"] = np.tile(_labels(model).decode(labels), len(temperatures))
        return arrays, [f"temperature {temperature:g}" for temperature in temperatures]
    if classes is not None:
        n = each if options.n is None else options.n
        rows = sample_classes(model, n, classes, options.seed, temperatures[0])
        arrays = {"": rows.reshape(-1, *model.event_shape), "-labels": np.repeat(_labels(model).decode(classes), n)}
        return arrays, [model.class_title(k) for k in classes]
    n = alone if options.n is None else options.n
    return {"": sample_events(model, n, options.seed, temperatures[0])}, None


def _title(model, arrays, num_columns):
    """Where rows are temperatures, the classes of the columns."""
    if "-temperatures" not in arrays or "-labels" not in arrays:
        return None
    labels = _labels(model)
    names = [labels.title(k) for k in labels.encode(arrays["-labels"][:num_columns])]
    return names[0] if len(set(names)) == 1 else f"classes {', '.join(name.removeprefix('class ') for name in names)}"


def _classes(run, options):
    """The classes to draw; None for a run that knows none."""
    labels = run.class_labels
    if labels is None:
        if options.classes is not None:
            raise ValueError(
                "Expected --class with a conditional run only (tfp-flows train ... --conditional); got "
                f"{options.dir!r}, which knows no classes."
            )
        return None
    return list(range(len(labels))) if options.classes is None else labels.read(options.classes)


def _labels(model):
    """What stands for the classes of a model."""
    from tfp_flows.data import Labels

    return model.class_labels or Labels(range(model.num_classes))


def _name(options, temperatures):
    name = f"samples-{options.seed}-{'-'.join(f'{temperature:g}' for temperature in temperatures)}"
    if options.seconds is not None:
        name += f"-{options.seconds:g}s"
    asked = [options.solver, options.steps, None if options.guidance is None else f"guidance-{options.guidance:g}"]
    name = "-".join([name, *(str(part) for part in asked if part is not None)])
    if options.classes is None:
        return name
    # Of labels that are text, what no file system minds.
    plain = re.sub(r"[^-.=@()\w]+", "-", options.classes)
    return f"{name}-class-{plain}"[:100]
