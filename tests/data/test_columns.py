"""Constant columns, few values, whole numbers and copies are said before a density is fitted."""

import numpy as np
import pytest

from tfp_flows.data import columns

RANDOM = np.random.default_rng(0)
N = 500
REALS = RANDOM.normal(size=(N, 3))
SPIKE = np.where(RANDOM.random(N) < 0.2, 0.0, RANDOM.normal(size=N))


def with_column(values, at=1):
    return np.insert(REALS, at, values, axis=1)


def test_of_reals_nothing_is_said():
    assert columns.remarks(REALS) == [] and columns.whole(REALS) == ()
    # Rounded to a hundredth a normal column has hundreds of values.
    assert columns.remarks(with_column(np.round(REALS[:, 0], 2) + REALS[:, 1] * 1e-3)) == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_numbers_are_found_wherever_they_stand(dtype):
    x = with_column(RANDOM.poisson(4.0, N), 0)
    x = np.append(x, RANDOM.choice([-1.0, 1.0], N)[:, None], axis=1).astype(dtype)
    assert columns.whole(x) == (0, 4)
    (sentence,) = columns.remarks(x)
    assert "Columns 0, 4 (from 0) of whole numbers" in sentence and "integer_columns=(0, 4)" in sentence
    assert columns.remarks(x, (0, 4)) == []
    # Identifiers come once each, and numbers of 30 bits are far apart beside bins of width 1.
    assert columns.whole(with_column(RANDOM.permutation(N))) == columns.whole(with_column(2.0**30 * x[:, 0])) == ()


@pytest.mark.parametrize(
    "values, sentence",
    [
        (SPIKE, "Column 1 (from 0) is 0 in"),
        (RANDOM.choice([0.1, 0.2, 0.35], N), "Column 1 (from 0) is 0."),
        (1e-7 * REALS[:, 2] - 4.0, "Columns 1 and 3 (from 0) are copies of each other"),
        (-3.0 * REALS[:, 0], "Columns 0 and 1 (from 0) are copies of each other"),
    ],
)
def test_few_values_and_copied_columns_are_named(values, sentence):
    (said,) = columns.remarks(with_column(values))
    assert sentence in said and "without bound" in said


def test_titles_are_said_where_they_are_known():
    x, titles = with_column(SPIKE), ["a", "b", "c d", "e"]
    x[:, 3] = -3.0 * x[:, 0]
    said = columns.remarks(
        np.concatenate([x, np.tile(RANDOM.choice([1.0, 2.0], N), (2, 1)).T], 1), names=[*titles, "f", "g"]
    )
    assert [sentence.split(":")[0] for sentence in said[:1]] == ["Columns 'f', 'g' of whole numbers"]
    assert said[1].startswith("Column 'b' is 0 in ") and said[2].startswith("Columns 'a' and 'e' are copies of each")
    assert not any("from 0" in sentence for sentence in said)


def test_nearly_copied_columns_are_not():
    assert columns.remarks(with_column(REALS[:, 0] + 1e-4 * REALS[:, 1])) == []


def test_copied_events_are_counted():
    (said,) = columns.remarks(np.concatenate([REALS, REALS[:50]]))
    assert said.startswith("50 of 550 events are copies of others")


def test_constant_columns_are_refused():
    x = with_column(-2.5, 2).astype("float32")
    with pytest.raises(ValueError, match=r"that vary in x, .* got column 2 \(from 0\), always -2.5: leave it out"):
        columns.check_constant(x.min(0), x.max(0))
    columns.check_constant(REALS.min(0), REALS.max(0))
