import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane.cloudwatch.states import State, TreatMissingData, UnchangedState, evaluate_datapoints

OK, ALARM, INSUFFICIENT_DATA = State
POINTS = {"0": False, "X": True, "-": None}


def points_from(text: str) -> list[bool | None]:
    return [POINTS[mark] for mark in text.split()]


@pytest.mark.parametrize(
    ("datapoints", "points", "expected"),
    [
        (3, "0 - X - X", [OK, OK, OK, OK]),
        (3, "0 - - - -", [OK, OK, OK, OK]),
        (3, "- - - - -", [INSUFFICIENT_DATA, UnchangedState.IGNORED, ALARM, OK]),
        (3, "0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
        (3, "- - X - -", [ALARM, UnchangedState.IGNORED, ALARM, OK]),
        (2, "0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
        (2, "0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
        (2, "0 - X - -", [OK, OK, ALARM, OK]),
        (2, "- - - - 0", [OK, OK, ALARM, OK]),
        (2, "- - - X -", [ALARM, UnchangedState.IGNORED, ALARM, OK]),
    ],
)
def test_examples_of_the_aws_documentation(
    datapoints: int, points: str, expected: list[State | UnchangedState]
) -> None:
    assert [
        evaluate_datapoints(points_from(points), 3, datapoints, treatment) for treatment in TreatMissingData
    ] == expected


@pytest.mark.parametrize("points", ["- - - - X", "- - - X -", "- - - X X"])
@pytest.mark.parametrize("treatment", [TreatMissingData.MISSING, TreatMissingData.IGNORE])
def test_too_few_recent_breaching_points_are_undocumented(points: str, treatment: TreatMissingData) -> None:
    assert evaluate_datapoints(points_from(points), 3, 3, treatment) is UnchangedState.UNDOCUMENTED


def test_only_the_last_points_count_if_enough_points_exist() -> None:
    assert evaluate_datapoints(points_from("X X 0 0 0"), 3, 1, TreatMissingData.MISSING) is OK
    assert evaluate_datapoints(points_from("X 0 0 - X"), 3, 1, TreatMissingData.BREACHING) is ALARM
    assert evaluate_datapoints(points_from("X 0 0 - 0"), 3, 1, TreatMissingData.BREACHING) is OK


@given(
    points=st.lists(st.booleans(), min_size=1, max_size=8),
    treatment=st.sampled_from(TreatMissingData),
    data=st.data(),
)
def test_the_last_periods_decide_if_no_point_is_missing(
    points: list[bool], treatment: TreatMissingData, data: st.DataObject
) -> None:
    periods = data.draw(st.integers(1, len(points)))
    datapoints = data.draw(st.integers(1, periods))
    expected = ALARM if sum(points[-periods:]) >= datapoints else OK
    assert evaluate_datapoints(points, periods, datapoints, treatment) is expected
