import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fairlane.cloudwatch.alarms import evaluate_alarms
from fairlane.cloudwatch.metric_alarm import Alarm
from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.states import State
from fairlane.cloudwatch.template import plain

OK, ALARM, INSUFFICIENT_DATA = State
MINUTE = 60
HOUR = 3600
NOON = 12 * HOUR
QUEUE = {"Ref": "Queue"}


def properties(**more: Any) -> dict[str, Any]:
    return {
        "Namespace": "N",
        "MetricName": "m",
        "Dimensions": [{"Name": "JobQueueName", "Value": QUEUE}],
        "Statistic": "Maximum",
        "Period": MINUTE,
        "EvaluationPeriods": 1,
        "Threshold": 10,
        "ComparisonOperator": "GreaterThanThreshold",
    } | more


def query(name: str, metric: str, period: int = MINUTE) -> dict[str, Any]:
    dimensions = [{"Name": "JobQueueName", "Value": QUEUE}]
    stat = {"Metric": {"Namespace": "N", "MetricName": metric, "Dimensions": dimensions}, "Period": period}
    return {"Id": name, "MetricStat": stat | {"Stat": "Sum"}, "ReturnData": False}


def math_properties(expression: str, *more: dict[str, Any], **other: Any) -> dict[str, Any]:
    metrics = [{"Id": "e", "Expression": expression}, query("failed", "Failed"), query("all", "All"), *more]
    alarm = properties(Metrics=metrics) | other
    return {name: value for name, value in alarm.items() if name in other or name not in {"Namespace", "Period"}}


def template(alarm: dict[str, Any]) -> dict[str, Any]:
    tried = {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}
    return {"Resources": {"Queue": {"Type": "AWS::Batch::JobQueue"}, "Tried": tried}}


def samples(points: Mapping[int, float], metric: str = "m", into: Samples | None = None) -> Samples:
    into = into or Samples()
    for time, value in points.items():
        into.add("N", metric, {"JobQueueName": plain(QUEUE)}, time, [value])
    return into


def each_minute(*values: float | None, start: int = 0) -> dict[int, float]:
    return {start + at * MINUTE: value for at, value in enumerate(values) if value is not None}


def history(
    alarm: dict[str, Any],
    given: Samples,
    *,
    start: int = 0,
    end: int = 10 * MINUTE,
    evaluation_range: Callable[[int], int] = lambda periods: periods,
) -> list[tuple[int, State]]:
    found = evaluate_alarms(template(alarm), given, start=start, end=end, evaluation_range=evaluation_range)
    return [((at - start) // MINUTE, state) for at, state in found["Tried"]]


def test_an_alarm_has_insufficient_data_until_it_is_evaluated() -> None:
    found = history(properties(), samples(each_minute(1, 11, 11, 1, None, 1)), end=6 * MINUTE)
    expected = [(0, INSUFFICIENT_DATA), (1, OK), (2, ALARM), (4, OK), (5, INSUFFICIENT_DATA), (6, OK)]
    assert found == expected


@pytest.mark.parametrize(
    ("operator", "below", "at", "above"),
    [
        ("GreaterThanThreshold", OK, OK, ALARM),
        ("GreaterThanOrEqualToThreshold", OK, ALARM, ALARM),
        ("LessThanThreshold", ALARM, OK, OK),
        ("LessThanOrEqualToThreshold", ALARM, ALARM, OK),
    ],
)
def test_the_value_is_compared_with_the_threshold(operator: str, below: State, at: State, above: State) -> None:
    for value, expected in ((9, below), (10, at), (11, above)):
        alarm = properties(ComparisonOperator=operator)
        assert history(alarm, samples({0: value}), end=MINUTE)[-1] == (1, expected)


def test_windows_slide_and_end_at_the_evaluation() -> None:
    """At 12:15 the points of 5 minutes are those of 12:00, 12:05 and 12:10; at 12:16 those of 12:01, 12:06 and 12:11."""
    alarm = properties(Period=300, EvaluationPeriods=3, DatapointsToAlarm=1, TreatMissingData="notBreaching")
    found = history(alarm, samples({NOON: 11}), start=NOON, end=NOON + 20 * MINUTE)
    assert found == [(0, INSUFFICIENT_DATA), (1, ALARM), (16, OK)]


def test_a_window_may_hold_what_no_aligned_period_would() -> None:
    alarm = properties(Statistic="Sum", Period=300)
    burst = samples({4 * MINUTE: 6, 5 * MINUTE: 6})
    found = history(alarm, burst, end=10 * MINUTE)
    assert found == [(0, INSUFFICIENT_DATA), (5, OK), (6, ALARM), (10, OK)]


def test_alarms_over_days_look_once_an_hour_at_whole_hours() -> None:
    """A job fails at 10:02; what is evaluated at 10:03 ends at 10:00, and only 11:00 sees the failure."""
    ten = 10 * 24 * HOUR + 10 * HOUR
    alarm = properties(Statistic="Sum", Period=24 * HOUR, EvaluationPeriods=2, DatapointsToAlarm=1)
    quiet = samples({ten - day * 24 * HOUR - HOUR: 0 for day in range(5)} | {ten + 2 * MINUTE: 11})
    found = history(alarm, quiet, start=ten - MINUTE, end=ten + 2 * HOUR)
    assert found == [(0, INSUFFICIENT_DATA), (1, OK), (61, ALARM)]


def test_an_alarm_over_one_day_is_evaluated_every_minute() -> None:
    alarm = properties(Statistic="Sum", Period=24 * HOUR)
    found = history(alarm, samples({2 * MINUTE: 11}), end=5 * MINUTE)
    assert found == [(0, INSUFFICIENT_DATA), (3, ALARM)]


WARMING_UP = {"WarmUpPeriodDurationInMinutes": 5, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True}


@pytest.mark.parametrize("values", [(11,) * 10, (), (11, 11, 11)], ids=["all along", "never", "at first"])
def test_a_new_alarm_is_not_evaluated_before_its_warm_up_ends(values: tuple[float, ...]) -> None:
    alarm = properties(WarmUpConfiguration=WARMING_UP, TreatMissingData="breaching")
    for start in (0, NOON):
        given = samples(each_minute(*values, start=start))
        assert history(alarm, given, start=start, end=start + 4 * MINUTE) == [(0, INSUFFICIENT_DATA)]
        assert history(alarm, given, start=start, end=start + 9 * MINUTE) == [(0, INSUFFICIENT_DATA), (5, ALARM)]


def test_what_was_published_in_the_warm_up_counts_after_it() -> None:
    alarm = properties(WarmUpConfiguration=WARMING_UP, EvaluationPeriods=3)
    found = history(alarm, samples(each_minute(11, 11, 11, 11, 11, 11, 1)), end=7 * MINUTE)
    assert found == [(0, INSUFFICIENT_DATA), (5, ALARM), (7, OK)]


def test_other_alarms_do_not_wait_for_one_that_warms_up() -> None:
    alarms = template(properties(WarmUpConfiguration=WARMING_UP))
    alarms["Resources"]["Other"] = template(properties())["Resources"]["Tried"]
    found = evaluate_alarms(alarms, samples(each_minute(*[11] * 10)), start=0, end=9 * MINUTE)
    assert found == {
        "Tried": [(0, INSUFFICIENT_DATA), (5 * MINUTE, ALARM)],
        "Other": [(0, INSUFFICIENT_DATA), (MINUTE, ALARM)],
    }


@pytest.mark.parametrize(
    ("days", "since", "due"),
    [
        (1, 0, [300, 360, 420]),
        (1, 30, [360, 420]),  # it came into being between two minutes, and waits for five whole ones
        (2, 0, [3600, 7200]),
        (2, 3300, [3600, 7200]),
        (2, 3301, [7200]),
    ],
)
def test_when_an_alarm_is_due(days: int, since: int, due: list[int]) -> None:
    alarm = Alarm.from_template(
        "Tried", properties(Period=24 * HOUR, EvaluationPeriods=days, WarmUpConfiguration=WARMING_UP)
    )
    assert [at for at in range(0, due[-1] + 1, MINUTE) if alarm.is_due(at, since)] == due


def test_some_of_the_periods_may_do() -> None:
    alarm = properties(EvaluationPeriods=3, DatapointsToAlarm=2)
    found = history(alarm, samples(each_minute(0, 0, 11, 0, 11, 0, 0)), end=7 * MINUTE)
    assert found == [(0, INSUFFICIENT_DATA), (1, OK), (5, ALARM), (6, OK)]


def test_breaching_counts_only_once_the_whole_range_is_empty() -> None:
    alarm = properties(TreatMissingData="breaching")
    found = history(alarm, samples({0: 1}), evaluation_range=lambda periods: periods + 2)
    assert found == [(0, INSUFFICIENT_DATA), (1, OK), (4, ALARM)]


def test_the_range_is_five_periods_for_three_by_default() -> None:
    alarms = template(properties(EvaluationPeriods=3, TreatMissingData="breaching"))
    found = evaluate_alarms(alarms, samples({0: 1, 60: 1, 120: 1}), start=0, end=10 * MINUTE)
    assert found["Tried"] == [(0, INSUFFICIENT_DATA), (MINUTE, OK), (8 * MINUTE, ALARM)]


def test_what_aws_does_not_say_is_told() -> None:
    alarms = template(properties(EvaluationPeriods=2))
    found = evaluate_alarms(alarms, samples({0: 11}), start=0, end=2 * MINUTE, evaluation_range=lambda n: n + 2)
    assert found == {"Tried": [(0, INSUFFICIENT_DATA), (2 * MINUTE, ALARM)]}
    assert found.undocumented == {("Tried", MINUTE)}


def test_late_data_change_no_past_decision() -> None:
    given = samples(each_minute(1, 1, 1))
    given.add("N", "m", {"JobQueueName": plain(QUEUE)}, MINUTE, [11], arrival=170)
    seen = properties(Period=2 * MINUTE, Statistic="Sum", TreatMissingData="ignore")
    assert history(seen, given, end=4 * MINUTE) == [(0, INSUFFICIENT_DATA), (1, OK), (3, ALARM), (4, OK)]
    assert history(properties(), given, end=3 * MINUTE) == [(0, INSUFFICIENT_DATA), (1, OK)]


def test_metric_math() -> None:
    given = samples(each_minute(0, 5, None, 5), "Failed")
    samples(each_minute(10, 10, 10, None), "All", given)
    rate = math_properties(
        "IF(all > 0, 100 * share)", {"Id": "share", "Expression": "failed / all", "ReturnData": False}
    )
    found = history(rate, given, end=4 * MINUTE)
    assert found == [(0, INSUFFICIENT_DATA), (1, OK), (2, ALARM), (3, OK), (4, INSUFFICIENT_DATA)]


def test_metric_math_over_nothing() -> None:
    filled = math_properties("FILL(failed, 0) + FILL(all, 11)")
    assert history(filled, Samples(), end=MINUTE)[-1] == (1, ALARM)
    assert history(math_properties("failed + all"), Samples(), end=MINUTE)[-1] == (0, INSUFFICIENT_DATA)


def test_a_labelled_metric_is_a_query_too() -> None:
    only = query("m1", "m") | {"ReturnData": True, "Label": "of the queue"}
    assert history(math_properties("", Metrics=[only]), samples({0: 11}), end=MINUTE)[-1] == (1, ALARM)


def test_a_percentile_of_few_samples_may_be_ignored() -> None:
    percentile = {name: value for name, value in properties().items() if name != "Statistic"}
    given = Samples()
    given.add("N", "m", {"JobQueueName": "${Queue}"}, 0, [11] * 19)
    given.add("N", "m", {"JobQueueName": "${Queue}"}, MINUTE, [11] * 20)
    judged = percentile | {"ExtendedStatistic": "p50"}
    assert history(judged, given, end=2 * MINUTE) == [(0, INSUFFICIENT_DATA), (1, ALARM)]
    ignored = judged | {"EvaluateLowSampleCountPercentile": "ignore"}
    found = history(ignored, given, end=2 * MINUTE, evaluation_range=lambda periods: periods + 1)
    assert found == [(0, INSUFFICIENT_DATA), (2, ALARM)]


@pytest.mark.parametrize(
    ("statistic", "fewest"), [("p99", 1000), ("p95", 200), ("p50", 20), ("p10", 100), ("p99.9", 10_000)]
)
def test_fewest_samples(statistic: str, fewest: int) -> None:
    alarm = properties(ExtendedStatistic=statistic, EvaluateLowSampleCountPercentile="ignore")
    assert Alarm.from_template("Tried", alarm).fewest_samples == fewest


@pytest.mark.parametrize(
    ("alarm", "problem"),
    [
        (properties(ThresholdMetricId="band"), "ThresholdMetricId"),
        (properties(EvaluationWindow={"WallClockWindow": {}}), "EvaluationWindow"),
        (properties(WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 5}), "may end early"),
        (
            properties(WarmUpConfiguration=WARMING_UP | {"OnlyStartEvaluatingAfterWarmUpPeriodEnds": False}),
            "may end early",
        ),
        (properties(Period=10), "periods"),
        (properties(Period=0), "periods"),
        (properties(Period=24 * HOUR, EvaluationPeriods=8), "EvaluationPeriods"),
        (properties(Period={"Ref": "Period"}), "alarm Tried: int"),
        (properties(Threshold={"Ref": "Threshold"}), "alarm Tried: float"),
        (properties(ComparisonOperator="GreaterThanUpperThreshold"), "'GreaterThanUpperThreshold' is missing or not"),
        (properties(Metrics=["m1"]), "alarm Tried: 'str'"),
        (properties(ExtendedStatistic="p100", EvaluateLowSampleCountPercentile="ignore"), "alarm Tried: .*zero"),
        (math_properties("(" * 5000 + "all" + ")" * 5000), "nested too deeply"),
        ({}, "'ExtendedStatistic' is missing"),
        (math_properties("all", query("m3", "m", 300)), "periods"),
        (math_properties("all", query("m3", "m") | {"ReturnData": True}), "ReturnData: got e, m3"),
        (math_properties("all", Metrics=[query("m1", "m")]), "ReturnData: got none"),
        (math_properties("METRICS()"), "an array"),
        (math_properties("MAX(all)"), "a number"),
        (math_properties("SEARCH('{N}', 'Sum')"), "SEARCH is not allowed"),
        (properties(TreatMissingData="guess"), "guess"),
    ],
)
def test_what_is_not_evaluated(alarm: dict[str, Any], problem: str) -> None:
    given = samples(each_minute(11), "All")
    samples(each_minute(11), into=given)
    alarms = template(alarm)
    alarms["Resources"]["Other"] = template(properties())["Resources"]["Tried"]
    found = evaluate_alarms(alarms, given, start=0, end=MINUTE)
    assert found == {"Other": [(0, INSUFFICIENT_DATA), (MINUTE, ALARM)]}
    assert found.not_evaluated.keys() == {"Tried"}
    assert re.search(problem, found.not_evaluated["Tried"])


def test_nothing_is_kept_of_an_alarm_that_fails_on_some_data_only() -> None:
    """In the first minute AWS does not say what becomes of it; in the second there is no minimum to reckon with."""
    odd = math_properties("FIRST(SLICE([all], MIN(all) - 11))", EvaluationPeriods=2)
    given = samples({0: 11}, "All")
    for end, undocumented, left in ((MINUTE, {("Tried", MINUTE)}, {"Tried"}), (2 * MINUTE, set(), set())):
        found = evaluate_alarms(template(odd), given, start=0, end=end, evaluation_range=lambda n: n - 1)
        assert (found.undocumented, {*found}) == (undocumented, left)
