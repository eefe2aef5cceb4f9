"""Tables as programs write them: titles that are numbers, units, comments, commas at the end, columns of indices."""

import numpy as np
import pytest

from tests.data.test_data import sentence
from tfp_flows import cli, data
from tfp_flows.data import cells

RNG = np.random.default_rng(11)
REALS = RNG.normal(size=(23, 4)).round(3) + 0.0001  # a point in every number
COUNTS = RNG.integers(40, 400, (23, 4))
WIDE = RNG.integers(2, 1700, (23, 4))  # years are not far beyond them
LARGE = RNG.integers(1400, 2900, (23, 2))


def text(top, table, *, index=None, end=""):
    lines = [",".join(map(str, row)) + end for row in table.tolist()]
    if index is not None:
        lines = [f"{i},{line}" for i, line in zip(index, lines)]
    return "\n".join([*top.split("|"), *lines]) + "\n"


def load(tmp_path, content, **options):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = data.load(path, **{"dtype": "float64", **options})
    return sorted(np.concatenate([found.train, found.validation, found.test]).tolist())


READ = {
    "years": (text("1987,1988,1989,1990", REALS), REALS),
    "years above counts": (text("2003,2004,2005,2006", COUNTS), COUNTS),
    "years above wide counts": (text("2003,2004,2005,2006", WIDE), WIDE),
    "two years above wide counts": (text("2014,2016", WIDE[:, :2]), WIDE[:, :2]),
    "years downwards": (text("2006,2005,2004,2003", COUNTS), COUNTS),
    "every fifth year": (text("1990,1995,2000,2005", COUNTS), COUNTS),
    "two years": (text("1990,1991", COUNTS[:, :2]), COUNTS[:, :2]),
    "years as floats": (text("2003.0,2004.0,2005.0,2006.0", COUNTS), COUNTS),
    "years, all quoted": (text('"1990","1991"', LARGE), LARGE),
    "years by an index": (text(",2011,2012,2013,2014", REALS, index=range(23)), REALS),
    "years by a name": (text("plot,2011,2012", LARGE, index=COUNTS[:, 0]), np.c_[COUNTS[:, 0], LARGE]),
    "wavelengths": (text("4000,4100,4200,4300", REALS), REALS),
    "pandas' numbers": (text(",".join(map(str, range(12))), np.tile(COUNTS, 3)), np.tile(COUNTS, 3)),
    "pandas' numbers by an index": (text(",0,1", LARGE, index=range(23)), LARGE),
    "pandas' index": (text(",a,b", LARGE, index=range(23)), LARGE),
    "pandas' index, twice": (text("Unnamed: 0.1,Unnamed: 0,a", LARGE[:, :1], index=[f"{i},{i}" for i in range(23)]),
                             LARGE[:, :1]),
    "R's row names": (text('"","a","b"', LARGE, index=[f'"{i}"' for i in range(1, 24)]), LARGE),
    "no titles": (text("0.5,1.25,-3.5,0.125", REALS), np.vstack([[0.5, 1.25, -3.5, 0.125], REALS])),
    "whole numbers without titles": (text("212,57,399,41", COUNTS), np.vstack([[212, 57, 399, 41], COUNTS])),
    "numbers that go on": (text("0,1,2", np.arange(3, 33).reshape(-1, 3)), np.arange(33).reshape(-1, 3)),
    "a column called nan": (text("nan,inf,x,NaN", REALS), REALS),
    "a quoted nan alone": (text('"nan"', REALS[:, :1]), REALS[:, :1]),
    "units": (text("a,b,c,d|(m),kg,°C,-", REALS), REALS),
    "units, some empty": (text("a,b,c,d|m/s,,%,", REALS), REALS),
    "comments": (text("# by hand, 2019|  // two|a,b,c,d|% 1,2,3", REALS) + "#1,2,3,4\n", REALS),
    "comments alone": (text("# 3,4|# 5", COUNTS).replace("\n", "\n//\n"), COUNTS),
    "comma at every end": (text("a,b,c,d,", REALS, end=","), REALS),
    "comma after titles": (text("a,b,c,d,", REALS), REALS),
    "comma after numbers": (text("a,b,c,d", REALS, end=","), REALS),
    "commas without titles": (text("1.5,2.5,3.5,9.5,,", REALS, end=",,"), np.vstack([[1.5, 2.5, 3.5, 9.5], REALS])),
    "Excel's line": (text("sep=,|a,b,c,d", REALS), REALS),
    "mark, returns and blanks": (
        ("\ufeff" + text('"a" , b,c,"d"', REALS)).replace("\n", "\r\n\r\n").encode(), REALS),
    "quoted numbers": (text("a,b", LARGE).replace(",", '","').replace("\n", '"\n"').encode()[:-1].join([b'"', b""]),
                       LARGE),
    "equal titles": (text("x,x,x,x", REALS), REALS),
    "chemistry": (text("Na,K,Ca,Cl", COUNTS), COUNTS),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_what_stands_around_numbers_is_left_out(case, tmp_path):
    content, expected = READ[case]
    assert load(tmp_path, content) == sorted(expected.astype(float).tolist())


UNSURE = {
    "years among such numbers": (text("2019,2020", LARGE), "'2019' in line 1, column 1"),
    "pandas' numbers": (text("0,1,2,3", REALS), "'0' in line 1, column 1"),
    "two of them": (text("# note|0,1", RNG.integers(0, 2, (9, 2))), "'0' in line 2, column 1"),
    "one year": (text("1999", REALS[:, :1]), "'1999' in line 1"),
    "one year above counts": (text("1999", COUNTS[:, :1]), "'1999' in line 1"),
    "quantiles above counts": (text("0.05,0.95", LARGE), "'0.05' in line 1"),
    "levels": (text("10,20,30,40", COUNTS), "'10' in line 1"),
    "nan": (text("nan", REALS[:, :1]), "'nan' in line 1, column 1"),
    "NA": (text("NA,NA", LARGE), "'NA' in line 1, column 1"),
    "windows of a count": (text(",".join(map(str, range(9))), LARGE[:, :1] + np.arange(9)), "'0' in line 1, column 1"),
    "infinities": (text("inf,-Inf", LARGE), "'inf' in line 1, column 1"),
    "an empty corner": (text(",2001,2005,2011,2013", REALS, index=[f"{x}.5" for x in COUNTS[:, 0]]), "'' in line 1"),
}


@pytest.mark.parametrize("case", UNSURE)
def test_in_doubt_the_user_says_what_it_is(case, tmp_path):
    content, place = UNSURE[case]
    with pytest.raises(ValueError) as error:
        load(tmp_path, content)
    text = sentence(error)
    assert "header=True" in text and f"{tmp_path / 't.csv'}" in text and place in text


def test_the_option_decides(tmp_path, capsys):
    content = text("2019,2020", LARGE)
    assert load(tmp_path, content, header=True) == sorted(LARGE.tolist())
    assert load(tmp_path, content, header=False) == sorted([[2019, 2020], *LARGE.tolist()])
    assert load(tmp_path, text("nan,2020|mm,K", LARGE), header=True) == sorted(LARGE.tolist())
    with pytest.raises(ValueError, match="Expected numbers in .*; got 'a' in line 1, column 1"):
        load(tmp_path, text("a,b", LARGE), header=False)
    with pytest.raises(ValueError, match="Expected header to be True, False or None; got 'yes'"):
        load(tmp_path, content, header="yes")
    np.save(tmp_path / "a.npy", LARGE)
    with pytest.raises(ValueError, match="Expected header with a table only .*; got "):
        data.load(tmp_path / "a.npy", header=True)


def test_the_command_line_has_the_option(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text(text("2019,2020", LARGE))
    command = ["train", "nice", "--data", str(path), "--out", str(tmp_path / "run"), "--quiet"]
    assert cli.main(command) == 2
    assert "header=True takes the line as titles" in capsys.readouterr().err
    # Taken for an event; that nice is then refused something else is what shows it.
    assert cli.main([*command, "--data-set", "header=false", "--data-set", "num_bins=7"]) == 2
    assert "Expected integers in [0, 7)" in capsys.readouterr().err


REFUSED = {
    "decimal commas": ("x\n" + "3,25\n" * 9, "Expected 1 columns in every line of {}; got 2 in line 2"),
    "thousands": ("x\n" + "31,250\n" * 9, "Expected 1 columns in every line of {}; got 2 in line 2"),
    "quoted thousands": ("x,y\n" + '"31,250",1\n' * 9, "got '31,250' in line 2, column 1"),
    "other thousands": ("x,y\n" + "1,31_250\n" * 9, "got '31_250' in line 2, column 2"),
    "an empty cell": ("x,y\n" + "1,2\n" * 9 + ",5\n", "got '' in line 11, column 1"),
    "an empty column": ("x,y\n" + "1,\n" * 9, "got '' in line 2, column 2"),
    "an empty last cell": ("1,2\n" * 5 + "1,\n" * 9, "got '' in line 6, column 2"),
    "an empty line of a sheet": ("x,y\n" + "1,2\n" * 9 + ",\n", "got '' in line 11, column 1"),
    "an empty cell in quotes": ('x,y\n1,1\n"",3\n' + "2,2\n" * 9, "got '' in line 3, column 1"),
    "an empty cell of one column": ("1\n2\n,\n" + "5\n" * 9, "got '' in line 3, column 1"),
    "NA": ("x,y\n" + "1,2\n" * 9 + "1,NA\n", "got 'NA' in line 11, column 2"),
    "NA in the first line": ("NA,4\n" + "1,2\n" * 9, "got 'NA' in line 1, column 1"),
    "null": ("x,y\n" + "1,null\n" * 9, "got 'null' in line 2, column 2"),
    "a question mark": ("x,y\n" + "1,2\n" * 9 + "?,2\n", "got '?' in line 11, column 1"),
    "a long line": ("x,y\n" + "1,2\n" * 9 + "1,2,3\n", "Expected 2 columns in every line of {}; got 3 in line 11"),
    "row names": ('"x"\n' + '"1",3\n' * 9, "Expected 1 columns in every line of {}; got 2 in line 2"),
    "an index out of order": (",x\n" + "4,2\n1,3\n" * 9, "Expected a title above column 1 of {}"),
    "dates": (
        "day,2019,2020\n" + "2019-01-01,1,2\n" * 9 + "May,2,3\n",
        "Expected dates in {}; got 'May' in line 11, c",
    ),
    "a broken first line": ("3,x1,8\n" + "4,5,9\n7,8,1\n" * 9, "got 'x1' in line 1, column 2 (header=True takes"),
    "a broken first cell": ("n.a.,30,8\n" + "4,5,9\n7,88,1\n" * 9, "got 'n.a.' in line 1, column 1 (header=True takes"),
    "a quote left open": ("x,y\n" + '"1,2\n3",4\n' * 9, "got '1,2\\n3' in line 2, column 1"),
    "text": ("x\nred\n" + "blue\n" * 9, "got 'red' in line 2, column 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_of_numbers_is_named(case, tmp_path):
    content, message = REFUSED[case]
    with pytest.raises(ValueError) as error:
        load(tmp_path, content)
    assert message.format(tmp_path / "t.csv") in sentence(error)


def test_only_ascii_numbers_are_numbers():
    assert all(map(cells.is_number, ["1", "+1.", "-.5e-3", "007", "1E5"]))
    assert not any(map(cells.is_number, ["", ".", "1_0", "0x1", "\u0661", "1e", "1 2", "nan", "1d5"]))
