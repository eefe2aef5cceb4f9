"""Tables as people have them: what is found in them, what is asked of them, and what each refusal names."""

import gzip
import warnings

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.data.test_data import sentence
from tfp_flows import data
from tfp_flows.data import tables
from tfp_flows.data.tables import dialect, reading, text
from tfp_flows.data.tables.load import load


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


DROP = {"missing": "drop"}
PAIR = [[3.25, 7.0], [-1.5, 0.5]] * 9
# name -> (content, options, the numbers)
READ = {
    "semicolons": ("x;y\n" + "3.25;7\n-1.5;.5\n" * 9, {}, PAIR),
    "decimal commas": ("x;y\n" + "3,25;7\n-1,5;,5\n" * 9, {}, PAIR),
    "tabs": ("x\ty\n" + "3.25\t7\n-1.5\t.5\n" * 9, {}, PAIR),
    "bars": ("x|y\n" + "3.25|7\n-1.5|.5\n" * 9, {}, PAIR),
    "blanks": ("x   y\n" + "3.25   7\n  -1.5 .5\n" * 9, {}, PAIR),
    "quoted decimal commas": ("x,y\n" + '"3,25",7\n"-1,5","0,5"\n' * 9, {}, PAIR),
    "one column": ("x\n" + "3,25\n" * 9, {"decimal": "comma"}, [[3.25]] * 9),
    "thousands": ("x,y\n" + '"1,234,567",2.5\n"1,234",2\n' * 9, {}, [[1234567, 2.5], [1234, 2]] * 9),
    "points": ("x;y\n" + "1.234,5;2\n999;-0,5\n" * 9, {}, [[1234.5, 2], [999, -0.5]] * 9),
    "blanks as thousands": ("x;y\n" + "12 345,5;2\n1\u00a0234;0,5\n" * 9, {}, [[12345.5, 2], [1234, 0.5]] * 9),
    "apostrophes": ("x,y\n" + "12'345.5,2\n1'234,0.5\n" * 9, {}, [[12345.5, 2], [1234, 0.5]] * 9),
    "ambiguous, given": ("x;y\n" + "1,234;2\n" * 9, {"thousands": ","}, [[1234, 2]] * 9),
    "ambiguous, given otherwise": ("x;y\n" + "1,234;2\n" * 9, {"decimal": ","}, [[1.234, 2]] * 9),
    "Excel's line": ("sep=;\nx;y\n" + "3,25;7\n-1,5;,5\n" * 9, {}, PAIR),
    "UTF-16": (("x;y\n" + "3,25;7\n-1,5;,5\n" * 9).encode("utf-16"), {}, PAIR),
    "another encoding": (("größe;y\n" + "3,25;7\n-1,5;,5\n" * 9).encode("cp1252"), {"encoding": "cp1252"}, PAIR),
    "booleans": ("x,y\n" + "yes,1.5\nNo,2\n" * 9, {}, [[1, 1.5], [0, 2]] * 9),
    "dates": ("x,y\n" + "2024-03-02,1.5\n2024-02-28,2\n" * 9, {}, [[3, 1.5], [0, 2]] * 9),
    "German dates": ("x,y\n" + "2.3.2024,1.5\n28.2.2024,2\n" * 9, {}, [[3, 1.5], [0, 2]] * 9),
    "American dates": ("x,y\n" + "3/2/2024,1.5\n2/28/2024,2\n" * 9, {}, [[3, 1.5], [0, 2]] * 9),
    "times": ("x,y\n" + "2024-03-02 12:00,1.5\n2024-02-28 06:00,2\n" * 9, {}, [[3.5, 1.5], [0.25, 2]] * 9),
    "dates without titles": ("2024-03-02,5\n" + "2024-02-28,2.5\n" * 9, {}, [[3, 5], *[[0, 2.5]] * 9]),
    "gaps": ("x,y\n" + "3.25,7\nNA,2\n-1.5,.5\n2,\n" * 9, DROP, PAIR),
    "other gaps": ("x,y\n" + "3.25,7\n-999,2\n-1.5,.5\n2,unknown\n" * 9, DROP | {"na": [-999, "unknown"]}, PAIR),
    "kept by title": ("x,t,y\n" + "3.25,a,7\n-1.5,b,.5\n" * 9, {"columns": ["y", "x"]}, PAIR),
    "kept by number": ("x,t,y\n" + "3.25,a,7\n-1.5,b,.5\n" * 9, {"columns": [1, -1]}, PAIR),
    "left out": ("x,t,y\n" + "3.25,a,7\n-1.5,b,.5\n" * 9, {"drop": "t"}, PAIR),
    "a note over two lines": ("x,t,y\n" + '3.25,"a, and\nb",7\n-1.5,b,.5\n' * 9, {"drop": "t"}, PAIR),
    "a gap in what is left out": ("x,t,y\n" + "3.25,,7\n-1.5,,.5\n" * 9, {"drop": "t"}, PAIR),
    "comments within": ("x;y\n" + "3,25;7\n# no\n-1,5;,5\n" * 9, {}, PAIR),
    "signed": ("x,y\n" + "1,-2\n3,4\n" * 9, {}, [[1, -2], [3, 4]] * 9),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
@pytest.mark.filterwarnings("ignore:.*have a gap and are left out")
def test_what_a_table_holds_is_found(case, tmp_path):
    content, options, expected = READ[case]
    events, _, _, schema = load(write(tmp_path / "t.csv", content), **options)
    assert events.tolist() == expected and len(schema.names) == len(expected[0])


REFUSED = {
    "ambiguous commas": ("x;y\n" + "1,234;2\n" * 9, {}, "got '1,234' in line 2, column 1 (decimal=comma where its"),
    "ambiguous dates": ("x,y\n" + "1/2/2024,1\n" * 9, {}, "got '1/2/2024' in line 2, column 1 (days and"),
    "gaps": ("x,y\n" + "1,2\n" * 8 + ",3\n4,?\n", {}, "got '' in line 10, column 1 (2 of 10 lines have a gap: "),
    "a column of gaps": ("x,y\n" + "1,\n" * 9, {}, "9 of 9 lines have a gap: drop=y leaves out the column"),
    "nothing but gaps": ("x,y\n" + "1,\n,2\n" * 9, {"missing": "drop"}, "all 18 lines have one: drop="),
    "text": ("x,y\n" + "1,red\n" * 9, {}, "got 'red' in line 2, column 2 (drop=y leaves the column out, target=y"),
    "text in a context": ("x,y\n" + "1,red\n" * 9, {"context": "y"}, "(target=y takes one column of text as classes"),
    "a word": ("x,y\n" + "1,2\n" * 9 + "1,two\n", {}, "got 'two' in line 11, column 2 (mend the cell, na=two takes"),
    "a broken date": ("x,y\n" + "1,2024-01-02\n" * 9 + "1,soon\n", {}, "Expected dates in {}; got 'soon' in line 11"),
    "after two lines in one": ("x,t\n" + '1,"a\nb"\n' * 5 + "z,c\n", {"drop": "t"}, "got 'z' in line 12, column 1"),
    "no such column": ("mass,y\n" + "1,2\n" * 9, {"drop": "mas"}, "got 'mas' (did you mean 'mass'?)"),
    "no such number": ("x,y\n" + "1,2\n" * 9, {"columns": 3}, "a column's number, 1..2, in {}; got 3"),
    "several in one string": ("x,y\n" + "1,2\n" * 9, {"drop": "x, y"}, "got 'x, y' (several are a list: ['x', 'y'])"),
    "a title that comes twice": ("x,x\n" + "1,2\n" * 9, {"drop": "x"}, "got 'x' (which comes twice: its number says"),
    "nothing left": ("x,y\n" + "1,2\n" * 9, {"drop": ["x", "y"]}, "Expected a column of numbers beside"),
    "two places": ("x,y\n" + "1,2\n" * 9, {"target": "x", "drop": "x"}, "in one place; got 'x' in drop too"),
    "two targets": ("x,y\n" + "1,2\n" * 9, {"target": ["x", "y"]}, "Expected one column as target of {} (context= t"),
    "label and target": ("x,y,z\n" + "1,2,3\n" * 9, {"target": "x", "label": "y"}, "Expected label or target of {}"),
    "what to do with gaps": ("x,y\n" + "1,2\n" * 9, {"missing": "mean"}, "missing to be refuse or drop; got 'mean'"),
    "no sign": ("x,y\n" + "1,2\n" * 9, {"delimiter": "::"}, "Expected delimiter to be a sign or one of comma, semi"),
    "the same signs": ("x;y\n" + "1;2\n" * 9, {"decimal": ",", "thousands": ","}, "got ',' for both"),
    "no encoding": ("x,y\n" + "1,2\n" * 9, {"encoding": "utf-9"}, "Expected encoding to name one"),
    "too few cells": ("x;y\n" + "1;2\n" * 9 + "3\n", {}, "Expected 2 columns in every line of {}; got 1 in line 11"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_names_the_place_and_the_way_out(case, tmp_path):
    content, options, message = REFUSED[case]
    path = write(tmp_path / "t.csv", content)
    with pytest.raises(ValueError) as error:
        load(path, **options)
    assert message.format(path) in sentence(error)


def test_what_is_left_out_is_counted_and_an_index_is_named(tmp_path):
    path = write(tmp_path / "t.csv", "x,y\n" + "1.5,2\n,2\nNA,?\n" * 9)
    with pytest.warns(UserWarning, match="18 of 27 lines of .*t.csv have a gap and are left out: 18 in 'x', 9 in 'y'"):
        assert len(load(path, missing="drop")[0]) == 9
    rows = np.random.default_rng(0).permutation(30)
    path = write(path, "id,y\n" + "".join(f"{i},{i % 7}.5\n" for i in rows))
    with pytest.warns(
        UserWarning, match="Column 'id' of .*t.csv numbers the lines, 0 to 29, each once: .* drop=id leav"
    ):
        assert load(path)[0].shape == (30, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(path, drop="id")[0].shape == (30, 1)


def test_a_target_is_classes_or_a_context_and_contexts_stand_beside_their_events(tmp_path):
    lines = [f"{i}.5,{'ab'[i % 2]},{i % 3},{i / 4}" for i in range(40)]
    path = write(tmp_path / "t.csv", "\n".join(["x,text,whole,real", *lines]))
    for target, classes in (("text", ("a", "b")), ("whole", (0, 1, 2))):
        d = data.load(path, target=target, columns="x")
        assert d.class_labels.values == classes and d.contexts is None and d.is_conditional
        for split in data.dataset.SPLITS:
            i = (getattr(d, split)[:, 0] - 0.5).astype(int)
            assert d.labels[split].tolist() == (i % len(classes)).tolist()
    for options in ({"target": "real"}, {"context": ["real", "whole"]}):
        d = data.load(path, drop="text", **options, num_train=7)
        assert d.labels is None and d.is_conditional and len(d.train) == 7
        for split in data.dataset.SPLITS:
            i = (getattr(d, split)[:, 0] - 0.5).astype(int)
            place = [column.name for column in d.table.of("context")].index("real")
            np.testing.assert_allclose(d.contexts[split][:, place], i / 4)
    assert not data.load(path, label="text").is_conditional


def test_parquet_tsv_and_gzip_hold_what_the_text_holds(tmp_path):
    random = np.random.default_rng(1)
    table = pa.table(
        {
            "x": random.normal(size=60), "n": random.integers(0, 9, 60), "ok": random.random(60) < 0.5,
            "day": np.datetime64("2024-02-28") + random.integers(0, 9, 60), "kind": random.choice(["a", "b"], 60),
            "kept": pa.array(random.choice(["a", "b"], 60)).dictionary_encode(),
        }
    )  # fmt: skip
    rows = [",".join(map(str, row.values())) for row in table.to_pylist()]
    lines = "\n".join([",".join(table.column_names), *rows])
    parquet.write_table(table, tmp_path / "t.parquet")
    write(tmp_path / "t.tsv", lines.replace(",", "\t"))
    write(tmp_path / "t.csv.gz", gzip.compress(lines.encode()))
    options = dict(drop="kept", label="kind")
    found = [load(tmp_path / name, **options) for name in ("t.parquet", "t.tsv", "t.csv.gz")]
    found.append(load(table, **options))
    for events, labels, _, schema in found:
        np.testing.assert_array_equal(events, found[0][0])
        assert labels.tolist() == table["kind"].to_pylist()
        assert [c.kind and c.kind.name for c in schema.columns] == ["real", "integer", "boolean", "date", None]
    assert load(table, columns="x", label="kept")[1].tolist() == table["kept"].to_pylist()
    with pytest.raises(ValueError, match="Expected numbers in the frame; got 'a' in row 1, column 5 .drop=kind"):
        load(table.replace_schema_metadata().set_column(4, "kind", pa.array(["a"] * 60)), name="the frame")
    with pytest.raises(
        ValueError, match="Expected numbers in .*; got '' in row 2, column 1 .2 of 3 lines have one: drop=x"
    ):
        load(pa.table({"x": [1.5, None, float("nan")]}), name="the frame")
    with pytest.raises(ValueError, match="Expected delimiter with a table of text only"):
        load(tmp_path / "t.parquet", delimiter=";")
    write(tmp_path / "t.parquet", "no")
    with pytest.raises(ValueError, match="Expected a Parquet file at"):
        load(tmp_path / "t.parquet")


def test_a_data_frame_is_read_as_its_file(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.5, 2.5, 3.0, 4.5] * 5, "kind": ["a", "b", "a", "b"] * 5}, index=range(5, 25))
    d = data.load(frame, target="kind")
    assert d.name == "the data frame" and d.class_labels.values == ("a", "b") and d.event_shape == (1,)
    with pytest.raises(ValueError, match="Expected options of the data frame among .*; got 'targt'"):
        data.load(frame, targt="kind")


@pytest.mark.parametrize("kind", ["arrow", "csv", "parquet", "pandas"])
def test_several_columns_of_one_title_are_each_their_own(kind, tmp_path):
    first, second = np.arange(60.0) / 8, np.arange(60.0) / -4
    table = pa.table([first, second], names=["a", "a"])
    if kind == "csv":
        table = write(tmp_path / "t.csv", "a,a\n" + "".join(f"{x},{y}\n" for x, y in zip(first, second)))
    elif kind == "parquet":
        parquet.write_table(table, tmp_path / "t.parquet")
        table = tmp_path / "t.parquet"
    elif kind == "pandas":
        table = pytest.importorskip("pandas").DataFrame(np.stack([first, second], 1), columns=["a", "a"])
    events, _, _, schema = load(table)
    np.testing.assert_array_equal(events, np.stack([first, second], 1))
    assert [column.name for column in schema.columns] == ["a", "a"]


def test_a_table_is_read_in_blocks(tmp_path, monkeypatch):
    """Lines are whole, quoted cells too, and their numbers go on."""
    monkeypatch.setattr(text, "BLOCK", 64)
    path = write(
        tmp_path / "t.csv", "x,t\n" + "".join(f'{i},"a\n,b"\n' if i % 5 == 0 else f"{i},c\n" for i in range(99))
    )
    table = reading.TextTable(path)
    batches = list(table.batches())
    assert len(batches) > 5 and [int(x) for batch in batches for x in batch.columns[0].to_pylist()] == list(range(99))
    lines = [batch.line(i) for batch in batches for i in range(len(batch))]
    assert lines[:3] == ["line 2", "line 4", "line 5"] and lines[-1] == f"line {99 + 21}"


def test_other_numbers_of_a_dialect():
    assert dialect.Dialect(";", ",", ".").plain("-1.234.567,5e3") == "-1234567.5e3"
    assert dialect.Dialect(",", ".", ",").plain("12,34") == "12,34"
    assert dialect.Dialect(";", ",").canonical('"1,5";a,b;;"x;y"') == '"1.5","a,b",,"x;y"'
    assert dialect.find(["a;b", "1;2"]) == dialect.Dialect(";") and tables.__doc__
