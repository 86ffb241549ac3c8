import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane.cloudwatch.metric_math import evaluate
from fairlane.cloudwatch.samples import LabeledSeries, Series

MINUTE = 60
TIMES = [minute * MINUTE for minute in range(5)]
Points = list[float | None]


def series(points: Points) -> Series:
    return {time: point for time, point in zip(TIMES, points, strict=False) if point is not None}


def points(result: Series) -> Points:
    assert result.keys() <= set(TIMES)
    return [result.get(time) for time in TIMES]


SERIES = {
    "m1": series([1, 1, 0, 0, None]),
    "m2": series([30, None, 0, 0, 30]),
    "m3": series([0, 0, 20, None, 20]),
    "a": series([30, 20, 0, 0]),
    "b": series([20, None, 20, None]),
    "none": {},
}


def math_of(expression: str, **more: str) -> Series:
    result = evaluate(expression, SERIES, TIMES, period=MINUTE, expressions=more)
    assert isinstance(result, dict)
    return result


def number(expression: str) -> float | None:
    return math_of(f"TIME_SERIES({expression})").get(0)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a < b", [0, 0, 1, 0, None]),
        ("a >= 30", [1, 0, 0, 0, None]),
        ("a > 15 AND b > 15", [1, 0, 0, 0, None]),
        ("a > 15 && b > 15", [1, 0, 0, 0, None]),
        ("IF(m1, m2, m3)", [30, 0, 20, 0, None]),
        ("IF(m1, 5, m3)", [5, 5, 20, None, None]),
        ("IF(m1, m2, 5)", [30, 0, 5, 5, None]),
    ],
)
def test_documented_examples(expression: str, expected: Points) -> None:
    assert points(math_of(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", [50, 20, 20, 0, None]),
        ("b - a", [-10, -20, 20, 0, None]),
        ("a / b", [1.5, None, 0, None, None]),
        ("b / a", [pytest.approx(2 / 3), 0, None, None, None]),
        ("a / 0", [None] * 5),
        ("b + 1", [21, None, 21, None, None]),
        ("1 - b", [-19, None, -19, None, None]),
        ("-b", [-20, None, -20, None, None]),
        ("(0 - a) ^ 0.5", [None, None, 0, 0, None]),
        ("a == 20 OR b == 20", [1, 1, 1, 0, None]),
        ("a != b", [1, 1, 1, 0, None]),
        ("a + none", [30, 20, 0, 0, None]),
        ("IF(m1, m2)", [30, 0, None, None, None]),
        ("IF(m1, 1, 0)", [1, 1, 0, 0, None]),
        ("IF(a > 0, b / a)", [pytest.approx(2 / 3), 0, None, None, None]),
        ("IF(0, m2)", [None] * 5),
        ("IF(0, m2, m3)", [0, 0, 20, None, 20]),
        ("IF(-1, m2, m3)", [30, None, 0, 0, 30]),
        ("IF(MAX(none), m2, m3)", [None] * 5),
        ("FILL(b, 7)", [20, 7, 20, 7, 7]),
        ("FILL(none, 0)", [0] * 5),
        ("FILL(b, a)", [20, 20, 20, 0, None]),
        ("FILL(b, REPEAT)", [20] * 5),
        ("FILL(m2, LINEAR)", [30, 15, 0, 0, 30]),
        ("FILL(b, LINEAR)", [20, 20, 20, None, None]),
        ("FILL(b, MIN(none))", [20, None, 20, None, None]),
        ("a ^ 0", [1, 1, 1, 1, None]),
        ("MAX(none) ^ (a * 0)", [None] * 5),
        ("a ^ MAX(none)", [None] * 5),
        ("a > MAX(none)", [None] * 5),
        ("IF(a, MAX(none), b)", [None, None, 20, None, None]),
        ("(a + 1) ^ 250", [None, None, 1, 1, None]),
        ("b * 1e307 * 1e307", [None] * 5),
        ("DIFF((a - 15) * 1e307)", [None, -1e308, None, 0, None]),
        ("RUNNING_SUM(b * 8e306)", [1.6e308, None, None, None, None]),
        ("SUM([a, b])", [50, 20, 20, 0, None]),
        ("SUM([b])", [20, None, 20, None, None]),
        ("AVG([a, b])", [25, 10, 10, 0, None]),
        ("MAX([b, m3])", [20, 0, 20, None, 20]),
        ("MIN([b, m3])", [0, 0, 20, None, 20]),
        ("DATAPOINT_COUNT([a, b])", [2, 1, 2, 1, None]),
        ("SUM([a, b] * 2)", [100, 40, 40, 0, None]),
        ("SUM(a / [b, a])", [2.5, 1, 0, None, None]),
        ("SUM([])", [None] * 5),
        ("a - MAX(a)", [0, -10, -30, -30, None]),
        ("ABS(b - a)", [10, 20, 20, 0, None]),
        ("CEIL(b / 3)", [7, None, 7, None, None]),
        ("FLOOR(b / 3)", [6, None, 6, None, None]),
        ("DIFF(b)", [None, None, 0, None, None]),
        ("DIFF(a)", [None, -10, -20, 0, None]),
        ("RATE(a)", [None, -10 / 60, -20 / 60, 0, None]),
        ("RUNNING_SUM(b)", [20, None, 40, None, None]),
        ("a / PERIOD(a)", [0.5, 20 / 60, 0, 0, None]),
        ("TIME_SERIES(SUM(a) / DATAPOINT_COUNT(a))", [12.5] * 5),
        ("FIRST(SORT([b, a, none], SUM, DESC))", [30, 20, 0, 0, None]),
        ("LAST(SORT([b, a], SUM, DESC, 1))", [30, 20, 0, 0, None]),
        ("FIRST(SORT([b, a, none], MAX, ASC))", [20, None, 20, None, None]),
        ("FIRST(SLICE([a, b], 1))", [20, None, 20, None, None]),
        ("SUM(SLICE([a, b, m3], 0, 2))", [50, 20, 20, 0, None]),
        ("FIRST(REMOVE_EMPTY([none, a]))", [30, 20, 0, 0, None]),
        ("LAST([])", [None] * 5),
        ('SUM([METRICS("a"), METRICS("b")])', [50, 20, 20, 0, None]),
    ],
)
def test_operators_and_functions_with_missing_points(expression: str, expected: Points) -> None:
    assert points(math_of(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("8 - 4 - 2", 2),
        ("8 / 4 / 2", 1),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("2 ^ -1", 0.5),
        ("2 * -3", -6),
        ("--2", 2),
        ("1.5e1 + .5", 15.5),
        ("1 < 2 + 0", 1),
        ("1 OR 0 AND 0", 1),
        ("(1 || 0) && 0", 0),
        ("1 / 0", None),
        ("MAX(none) + 1", None),
        ("10 ^ 400", None),
        ("1e308 * 10", None),
        ("MAX(none) ^ 0", None),
        ("1 ^ MAX(none)", None),
        ("MAX(none) == MAX(none)", None),
        ("-MAX(none)", None),
        ("DATAPOINT_COUNT(none)", 0),
    ],
)
def test_operator_precedence_and_numbers(expression: str, expected: float | None) -> None:
    assert number(expression) == expected


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("5", "returns a number"),
        ("AVG(a)", "returns a number"),
        ("STDDEV(a)", "function STDDEV with 1 argument is not supported"),
        ("avg(a)", "avg"),
        ("IF(a)", "IF with 1 argument is"),
        ("zz + 1", "id zz is not defined: the defined ids are m1, m2"),
        ("a +", "unexpected end"),
        ("a b", "unexpected b"),
        ("(a", "unexpected end"),
        ("SUM([a b])", "unexpected b"),
        ("a ? 1", r"unexpected \?"),
        ("", "unexpected end"),
        ("[a, 5]", "time series only"),
        ("[a] + [b]", "an array supports only arithmetic"),
        ("[a] > 5", "an array supports only arithmetic"),
        ("IF([a], 1, 0)", "IF: got an array"),
        ("FILL(a, [b])", "FILL: got an array"),
        ("SUM(1)", "SUM"),
        ("RATE(1)", "a number"),
        ("FIRST(a)", "allowed: an array of time series"),
        ("TIME_SERIES(a)", "allowed: a number"),
        ("PERIOD(a + b)", "PERIOD"),
        ("SORT([a], STDDEV, ASC)", "SORT"),
        ("a + 'b'", "text 'b' is allowed only in METRICS and SEARCH"),
        ("SEARCH('x', 'Sum', 60)", "SEARCH is not allowed"),
        ("a + 1e400", "unexpected 1e400"),
        ("SUM([TIME_SERIES(1e308), TIME_SERIES(1e308)])", "a number is too large"),
        ("(" * 5000 + "a" + ")" * 5000, "nested too deeply"),
        ("-" * 5000 + "a", "nested too deeply"),
        ("a" + " + 1" * 5000, "nested too deeply"),
    ],
)
def test_invalid_expressions_are_refused(expression: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        evaluate(expression, SERIES, TIMES, period=MINUTE)


@pytest.mark.parametrize("period", ["0", "-60", "0.5", "1e300", "MAX(none)"])
def test_an_invalid_period_of_a_search_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="SEARCH: period: got"):
        evaluate(f"SEARCH('x', 'Sum', {period})", SERIES, TIMES, period=MINUTE, search=lambda *_: [])


def test_the_series_of_an_array_are_labeled_with_their_ids() -> None:
    assert evaluate("[a, b * 2]", SERIES, TIMES, period=MINUTE) == [
        LabeledSeries("a", SERIES["a"]),
        LabeledSeries("", series([40, None, 40])),
    ]


def test_an_expression_can_refer_to_other_expressions() -> None:
    assert points(math_of("twice + 1", twice="once * 2", once="a")) == [61, 41, 1, 1, None]


def test_the_metrics_function_returns_no_expressions() -> None:
    result = evaluate("METRICS()", SERIES, TIMES, period=MINUTE, expressions={"e": "a * 2"})
    assert isinstance(result, list)
    assert [series.label for series in result] == [*SERIES]


def test_an_expression_that_refers_to_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="id e refers to itself"):
        math_of("e", e="f + 1", f="e + 1")


def test_a_search_is_resolved_with_its_own_period() -> None:
    searches = []

    def search(expression: str, statistic: str, period: int) -> list[LabeledSeries]:
        searches.append((expression, statistic, period))
        return [LabeledSeries("x", series([1, 2])), LabeledSeries("y", series([3]))]

    result = evaluate("SUM(SEARCH('{N} \"m\"', 'Sum', 300))", {}, TIMES, period=MINUTE, search=search)
    assert result == series([4, 2])
    evaluate("SEARCH('{N}', 'Average')", {}, TIMES, period=MINUTE, search=search)
    assert searches == [('{N} "m"', "Sum", 300), ("{N}", "Average", MINUTE)]


POINTS = st.lists(st.none() | st.integers(-100, 100), min_size=5, max_size=5)


@given(left=POINTS, right=POINTS)
def test_a_missing_point_is_zero_beside_a_point(left: Points, right: Points) -> None:
    series_by_id = {"l": series(left), "r": series(right)}
    both = [
        None if first is None and second is None else (first or 0) + (second or 0)
        for first, second in zip(left, right, strict=True)
    ]
    assert evaluate("l + r", series_by_id, TIMES, period=MINUTE) == series(both)
    assert evaluate("SUM([l, r])", series_by_id, TIMES, period=MINUTE) == series(both)


@given(values=POINTS)
def test_fill_leaves_no_gap_and_changes_no_point(values: Points) -> None:
    filled = evaluate("FILL(m, 7)", {"m": series(values)}, TIMES, period=MINUTE)
    assert filled == series([7 if value is None else value for value in values])
