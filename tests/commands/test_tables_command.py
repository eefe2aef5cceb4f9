"""A messy table from the command line on: trained on, sampled as a table, scored row by row, served by titles."""

import datetime
import json
import pathlib

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from tfp_flows import cli, data, pictures, runs, serving

TINY = ["--set", "num_layers=1", "--set", "hidden_units=8", "--batch-size", "32", "--picture-every", "0", "--quiet",
        "--epochs", "2"]  # fmt: skip
TITLES = ["Nr", "Art", "Fläche (m²)", "Zimmer", "am", "Balkon"]


def table(path, n=200):
    random = np.random.default_rng(0)
    lines = ["# by hand", ";".join(TITLES)]
    for i in range(n):
        kind = random.choice(["flat", "house; large"])
        area = f"{random.normal(80, 20):.2f}".replace(".", ",") if i != 7 else "NA"
        day = f"{random.integers(1, 29)}.{random.integers(1, 13)}.2023"
        lines.append(f'{i};"{kind}";{area};{random.integers(1, 6)};{day};{random.choice(["yes", "no"])}')
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def train(path, name, *options):
    out = str(path / name)
    given = [word for option in options for word in ("--data-set", option)]
    argv = ["train", "maf", "--data", table(path / "t.csv"), "--out", out, *given, *TINY]
    assert cli.main([*argv, "--data-set", "missing=drop"]) == 0
    return out


@pytest.fixture(scope="module")
def run(path):
    drawn = []
    corner, pictures.corner = pictures.corner, lambda *args: drawn.append(args) or corner(*args)
    try:
        out = train(path, "run", "target=Art", "drop=Nr")
    finally:
        pictures.corner = corner
    ((events, reference, file, names, title),) = drawn
    assert names == ["Fläche (m²)", "Zimmer", "am", "Balkon"] and pathlib.Path(file).is_file()
    assert len(events) == len(reference) and (events[:, 3] == np.round(events[:, 3])).all()
    return out


def test_the_card_names_the_columns(run):
    card = json.loads((pathlib.Path(run) / "savedmodel/1/model_card.json").read_text())
    columns = {column["name"]: column["role"] for column in card["table"]["columns"]}
    assert columns == {title: "label" if title == "Art" else "event" for title in TITLES[1:]}


def test_samples_are_a_table_like_the_data(run, path):
    to = path / "s.csv"
    assert cli.main(["sample", run, "--n", "300", "--to", str(to)]) == 0
    lines = to.read_text().splitlines()
    assert lines[0] == ";".join(TITLES[1:]) and len(lines) == 301
    assert '"house; large";' in to.read_text() and '"flat"' not in to.read_text()
    # What was written is read as the data are, of the same kinds.
    again = data.tables.load.load(to, target="Art")[3]
    own = runs.Run(run).table
    assert [(c.name, c.role, c.kind and (c.kind.name, c.kind.format)) for c in again.columns] == [
        (c.name, c.role, c.kind and (c.kind.name, c.kind.format)) for c in own.columns
    ]
    assert cli.main(["sample", run, "--n", "3", "--label", "flat", "--to", str(path / "s.parquet")]) == 0
    found = parquet.read_table(path / "s.parquet")
    assert found["Art"].to_pylist() == ["flat"] * 3 and found.column_names == TITLES[1:]
    assert list(map(str, found.schema.types)) == ["string", "float", "int64", "date32[day]", "bool"]


def test_scores_stand_beside_their_rows(run, path, capsys):
    to = path / "scored.parquet"
    assert cli.main(["score", run, str(path / "t.csv"), "--to", str(to), "--batch-size", "64"]) == 0
    assert "199 rows, log_prob " in capsys.readouterr().out
    scored = parquet.read_table(to)
    assert scored.column_names == [*TITLES, "log_prob"] and scored["log_prob"].null_count == 1
    assert scored["log_prob"][7].as_py() is None and scored["Fläche (m²)"][7].as_py() == "NA"
    model = runs.Run(run).load_model()
    events, labels, _, _ = data.tables.load.load(path / "t.csv", missing="drop", drop="Nr", target="Art")
    expected = np.asarray(model.log_prob(events.astype("float32"), context=labels))
    np.testing.assert_allclose(np.delete(scored["log_prob"].to_numpy(), 7), expected, rtol=1e-4)
    served = serving.load(pathlib.Path(run) / "savedmodel")
    assert served.card["columns"] == dict(zip(["Art", "Flache_m2", "Zimmer", "am", "Balkon"], TITLES[1:]))
    assert "days since 2023-" in served.card["signatures"]["log_prob_columns"]["inputs"]["am"]["meaning"]
    rows = dict(zip(TITLES[2:], events.T), Art=labels)
    np.testing.assert_allclose(served.log_prob_columns(rows), expected, rtol=1e-4)
    # In another order, with other signs, and as text again.
    rows = pa.table({"Zimmer": [3, 2], "Balkon": [True, False], "Art": ["flat"] * 2, "more": ["a;b", "c"],
                     "am": [datetime.date(2023, 4, 5)] * 2, "Fläche (m²)": [80.5, 70.0]})  # fmt: skip
    csv.write_csv(rows, path / "other.csv")
    parquet.write_table(rows, path / "other.parquet")
    for ending in ("csv", "parquet"):
        assert cli.main(["score", run, str(path / f"other.{ending}"), "--to", str(path / f"{ending}.csv")]) == 0
    one, two = (csv.read_csv(path / f"{ending}.csv")["log_prob"].to_numpy() for ending in ("csv", "parquet"))
    np.testing.assert_allclose(one, two, rtol=1e-5)
    day = (np.datetime64("2023-04-05") - np.datetime64(runs.Run(run).table.columns[3].kind.origin)).astype(int)
    expected = model.log_prob(np.array([[80.5, 3, day, 1], [70, 2, day, 0]], "float32"), context=["flat"] * 2)
    np.testing.assert_allclose(one, expected, rtol=1e-4)


@pytest.mark.parametrize(
    "change, message",
    [
        (("flat", "flt"), "labels among 'flat', 'house; large' in 'Art' of {}; got 'flt' in line "),
        (("Zimmer", "Zimer"), "Expected a column 'Zimmer' in {}, as the run's table has it; got a table without one"),
        (("yes", "maybe"), "Expected yes or no in 'Balkon' of {}; got 'maybe' in line "),
        (("2023", "23"), "Expected dates, written %d.%m.%Y in 'am' of {}; got "),
    ],
)
def test_what_cannot_be_scored_is_named(run, path, capsys, change, message):
    file = path / "changed.csv"
    file.write_text((path / "t.csv").read_text().replace(*change))
    assert cli.main(["score", run, str(file), "--to", str(path / "no.csv")]) == 2
    assert message.format(file) in capsys.readouterr().err and not (path / "no.csv").exists()


def test_a_run_that_is_given_columns(path, capsys):
    run = train(path, "given", "context=Zimmer,am", "drop=Nr,Art")
    metrics = json.loads((pathlib.Path(run) / "metrics.json").read_text())
    assert metrics["given"] == ["Zimmer", "am"] and np.isfinite(metrics["gaussian"]["nll"])
    to = str(path / "given.csv")
    asked = ["--given", "Zimmer=4", "--given", "am=3.4.2023"]
    assert cli.main(["sample", run, "--n", "5", "--to", to, *asked]) == 0
    lines = pathlib.Path(to).read_text().splitlines()
    assert len(lines) == 6 and all(";4;03.04.2023;" in line for line in lines[1:])
    assert cli.main(["sample", run, "--n", "2", "--to", str(path / "more.csv"), "--given", to]) == 0
    assert len((path / "more.csv").read_text().splitlines()) == 11
    assert cli.main(["score", run, to, "--to", str(path / "back.csv")]) == 0
    assert "5 rows, log_prob" in capsys.readouterr().out
    for argv, message in (
        (["--given", "Zimmer=4"], "Expected --given NAME=VALUE of each of Zimmer, am; got none of 'am'"),
        (["--given", "Zimer=4"], "Expected --given of the columns Zimmer, am; got 'Zimer'"),
        (
            ["--given", "Zimmer=many", "--given", "am=3.4.2023"],
            "Expected --given Zimmer= of the kind integer; got 'man",
        ),
    ):
        assert cli.main(["sample", run, "--to", to, *argv]) == 2
        assert message in capsys.readouterr().err
