import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane.cloudwatch.states import Kept, Missing, State, judged

OK, ALARM, INSUFFICIENT_DATA = State
POINTS = {"0": False, "X": True, "-": None}


def of(text: str) -> list[bool | None]:
    return [POINTS[mark] for mark in text.split()]


@pytest.mark.parametrize(
    ("datapoints", "points", "expected"),
    [
        (3, "0 - X - X", [OK, OK, OK, OK]),
        (3, "0 - - - -", [OK, OK, OK, OK]),
        (3, "- - - - -", [INSUFFICIENT_DATA, Kept.IGNORED, ALARM, OK]),
        (3, "0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
        (3, "- - X - -", [ALARM, Kept.IGNORED, ALARM, OK]),
        (2, "0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
        (2, "0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
        (2, "0 - X - -", [OK, OK, ALARM, OK]),
        (2, "- - - - 0", [OK, OK, ALARM, OK]),
        (2, "- - - X -", [ALARM, Kept.IGNORED, ALARM, OK]),
    ],
)
def test_documented_examples(datapoints: int, points: str, expected: list[State | Kept]) -> None:
    assert [judged(of(points), 3, datapoints, missing) for missing in Missing] == expected


@pytest.mark.parametrize("points", ["- - - - X", "- - - X -", "- - - X X"])
@pytest.mark.parametrize("missing", [Missing.MISSING, Missing.IGNORE])
def test_too_few_breaching_points_that_are_too_young_are_undocumented(points: str, missing: Missing) -> None:
    assert judged(of(points), 3, 3, missing) is Kept.UNDOCUMENTED


def test_only_the_last_points_count_where_there_are_enough() -> None:
    assert judged(of("X X 0 0 0"), 3, 1, Missing.MISSING) is OK
    assert judged(of("X 0 0 - X"), 3, 1, Missing.BREACHING) is ALARM
    assert judged(of("X 0 0 - 0"), 3, 1, Missing.BREACHING) is OK


@given(
    points=st.lists(st.booleans(), min_size=1, max_size=8),
    missing=st.sampled_from(Missing),
    data=st.data(),
)
def test_without_gaps_the_last_periods_decide(points: list[bool], missing: Missing, data: st.DataObject) -> None:
    periods = data.draw(st.integers(1, len(points)))
    datapoints = data.draw(st.integers(1, periods))
    expected = ALARM if sum(points[-periods:]) >= datapoints else OK
    assert judged(points, periods, datapoints, missing) is expected
