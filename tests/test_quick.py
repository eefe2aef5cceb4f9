"""The quick tests are of every room, and what they are chosen by is there."""

import pathlib

import pytest

from tests import quick
from tests.cases import CASES

TESTS = pathlib.Path(__file__).resolve().parent


def test_every_room_is_listed():
    rooms = {path.parent.name for path in TESTS.glob("**/test_*.py")}
    assert rooms <= quick.ROOMS.keys()


def test_every_case_is_there():
    assert set(quick.CASES) <= CASES.keys()


@pytest.mark.parametrize("room", quick.ROOMS)
def test_every_beginning_is_that_of_a_test(room):
    folder = TESTS if room == "tests" else TESTS / room
    for beginning in quick.ROOMS[room]:
        file, _, test = beginning.partition("::")
        found = [path.read_text() for path in folder.glob(f"{file.removesuffix('.py')}*.py")] if folder.is_dir() else []
        assert not folder.is_dir() or any(f"def {test}" in text or f"class {test}" in text for text in found)


@pytest.mark.parametrize(
    "test, expected",
    [
        ("test_round_trip_and_log_det[float64-1e-09-1e-08-affine_half]", True),
        ("test_round_trip_and_log_det[float32-0.0001-0.0001-affine_half]", False),
        ("test_inside_other_bijectors[tfb.Invert in Chain-nested_chain]", True),
        ("test_eager_and_graph_agree[squeeze]", True),
        ("test_eager_and_graph_agree[squeeze_by_three]", False),
        ("test_eager_and_xla_agree[squeeze]", False),
    ],
)
def test_bijectors_are_chosen_by_case_in_float64_without_xla(test, expected):
    assert quick.is_quick(quick.BIJECTORS + test) == expected
