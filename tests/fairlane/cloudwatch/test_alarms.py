import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fairlane.cloudwatch.alarms import evaluate_alarms
from fairlane.cloudwatch.metric_alarm import Alarm
from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.states import State
from fairlane.cloudwatch.template import template_text

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
    resource = {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}
    return {"Resources": {"Queue": {"Type": "AWS::Batch::JobQueue"}, "Alarm1": resource}}


def samples(points: Mapping[int, float], metric: str = "m", into: Samples | None = None) -> Samples:
    into = into or Samples()
    for time, value in points.items():
        into.add("N", metric, {"JobQueueName": template_text(QUEUE)}, time, [value])
    return into


def each_minute(*values: float | None, start: int = 0) -> dict[int, float]:
    return {start + minute * MINUTE: value for minute, value in enumerate(values) if value is not None}


def history(
    alarm: dict[str, Any],
    data: Samples,
    *,
    start: int = 0,
    end: int = 10 * MINUTE,
    evaluation_range: Callable[[int], int] = lambda periods: periods,
) -> list[tuple[int, State]]:
    result = evaluate_alarms(template(alarm), data, start=start, end=end, evaluation_range=evaluation_range)
    return [((time - start) // MINUTE, state) for time, state in result["Alarm1"]]


def test_an_alarm_has_insufficient_data_before_its_first_evaluation() -> None:
    result = history(properties(), samples(each_minute(1, 11, 11, 1, None, 1)), end=6 * MINUTE)
    expected = [(0, INSUFFICIENT_DATA), (1, OK), (2, ALARM), (4, OK), (5, INSUFFICIENT_DATA), (6, OK)]
    assert result == expected


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("GreaterThanThreshold", OK, OK, ALARM),
        ("GreaterThanOrEqualToThreshold", OK, ALARM, ALARM),
        ("LessThanThreshold", ALARM, OK, OK),
        ("LessThanOrEqualToThreshold", ALARM, ALARM, OK),
    ],
)
def test_the_value_is_compared_with_the_threshold(operator: str, below: State, equal: State, above: State) -> None:
    for value, expected in ((9, below), (10, equal), (11, above)):
        alarm = properties(ComparisonOperator=operator)
        assert history(alarm, samples({0: value}), end=MINUTE)[-1] == (1, expected)


def test_periods_slide_and_end_at_the_evaluation() -> None:
    """At 12:15 the 5-minute periods start at 12:00, 12:05 and 12:10; at 12:16 they start at 12:01, 12:06 and 12:11."""
    alarm = properties(Period=300, EvaluationPeriods=3, DatapointsToAlarm=1, TreatMissingData="notBreaching")
    result = history(alarm, samples({NOON: 11}), start=NOON, end=NOON + 20 * MINUTE)
    assert result == [(0, INSUFFICIENT_DATA), (1, ALARM), (16, OK)]


def test_a_period_is_not_aligned_to_multiples_of_its_length() -> None:
    alarm = properties(Statistic="Sum", Period=300)
    burst = samples({4 * MINUTE: 6, 5 * MINUTE: 6})
    result = history(alarm, burst, end=10 * MINUTE)
    assert result == [(0, INSUFFICIENT_DATA), (5, OK), (6, ALARM), (10, OK)]


def test_an_alarm_over_several_days_is_evaluated_at_whole_hours() -> None:
    """A job fails at 10:02. The next evaluation is at 11:00, and includes the failure."""
    ten = 10 * 24 * HOUR + 10 * HOUR
    alarm = properties(Statistic="Sum", Period=24 * HOUR, EvaluationPeriods=2, DatapointsToAlarm=1)
    quiet = samples({ten - day * 24 * HOUR - HOUR: 0 for day in range(5)} | {ten + 2 * MINUTE: 11})
    result = history(alarm, quiet, start=ten - MINUTE, end=ten + 2 * HOUR)
    assert result == [(0, INSUFFICIENT_DATA), (1, OK), (61, ALARM)]


def test_an_alarm_over_one_day_is_evaluated_every_minute() -> None:
    alarm = properties(Statistic="Sum", Period=24 * HOUR)
    result = history(alarm, samples({2 * MINUTE: 11}), end=5 * MINUTE)
    assert result == [(0, INSUFFICIENT_DATA), (3, ALARM)]


WARMING_UP = {"WarmUpPeriodDurationInMinutes": 5, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True}


@pytest.mark.parametrize("values", [(11,) * 10, (), (11, 11, 11)], ids=["always", "never", "first minutes"])
def test_a_new_alarm_is_not_evaluated_before_its_warm_up_ends(values: tuple[float, ...]) -> None:
    alarm = properties(WarmUpConfiguration=WARMING_UP, TreatMissingData="breaching")
    for start in (0, NOON):
        data = samples(each_minute(*values, start=start))
        assert history(alarm, data, start=start, end=start + 4 * MINUTE) == [(0, INSUFFICIENT_DATA)]
        assert history(alarm, data, start=start, end=start + 9 * MINUTE) == [(0, INSUFFICIENT_DATA), (5, ALARM)]


def test_samples_of_the_warm_up_count_after_the_warm_up() -> None:
    alarm = properties(WarmUpConfiguration=WARMING_UP, EvaluationPeriods=3)
    result = history(alarm, samples(each_minute(11, 11, 11, 11, 11, 11, 1)), end=7 * MINUTE)
    assert result == [(0, INSUFFICIENT_DATA), (5, ALARM), (7, OK)]


def test_a_warm_up_does_not_delay_other_alarms() -> None:
    alarms = template(properties(WarmUpConfiguration=WARMING_UP))
    alarms["Resources"]["Other"] = template(properties())["Resources"]["Alarm1"]
    result = evaluate_alarms(alarms, samples(each_minute(*[11] * 10)), start=0, end=9 * MINUTE)
    assert result == {
        "Alarm1": [(0, INSUFFICIENT_DATA), (5 * MINUTE, ALARM)],
        "Other": [(0, INSUFFICIENT_DATA), (MINUTE, ALARM)],
    }


@pytest.mark.parametrize(
    ("days", "start", "due"),
    [
        (1, 0, [300, 360, 420]),
        (1, 30, [360, 420]),  # The alarm is created between two minutes; the warm-up lasts five whole minutes.
        (2, 0, [3600, 7200]),
        (2, 3300, [3600, 7200]),
        (2, 3301, [7200]),
    ],
)
def test_an_alarm_is_due_each_minute_or_each_hour_after_its_warm_up(days: int, start: int, due: list[int]) -> None:
    alarm = Alarm.from_template(
        "Alarm1", properties(Period=24 * HOUR, EvaluationPeriods=days, WarmUpConfiguration=WARMING_UP)
    )
    assert [time for time in range(0, due[-1] + 1, MINUTE) if alarm.is_due(time, start)] == due


def test_datapoints_to_alarm_may_be_fewer_than_the_evaluation_periods() -> None:
    alarm = properties(EvaluationPeriods=3, DatapointsToAlarm=2)
    result = history(alarm, samples(each_minute(0, 0, 11, 0, 11, 0, 0)), end=7 * MINUTE)
    assert result == [(0, INSUFFICIENT_DATA), (1, OK), (5, ALARM), (6, OK)]


def test_missing_data_breach_only_if_the_whole_evaluation_range_is_empty() -> None:
    alarm = properties(TreatMissingData="breaching")
    result = history(alarm, samples({0: 1}), evaluation_range=lambda periods: periods + 2)
    assert result == [(0, INSUFFICIENT_DATA), (1, OK), (4, ALARM)]


def test_the_default_evaluation_range_for_three_periods_is_five_periods() -> None:
    alarms = template(properties(EvaluationPeriods=3, TreatMissingData="breaching"))
    result = evaluate_alarms(alarms, samples({0: 1, 60: 1, 120: 1}), start=0, end=10 * MINUTE)
    assert result["Alarm1"] == [(0, INSUFFICIENT_DATA), (MINUTE, OK), (8 * MINUTE, ALARM)]


def test_evaluations_that_aws_does_not_document_are_recorded() -> None:
    alarms = template(properties(EvaluationPeriods=2))
    result = evaluate_alarms(alarms, samples({0: 11}), start=0, end=2 * MINUTE, evaluation_range=lambda n: n + 2)
    assert result == {"Alarm1": [(0, INSUFFICIENT_DATA), (2 * MINUTE, ALARM)]}
    assert result.undocumented == {("Alarm1", MINUTE)}


def test_late_samples_do_not_change_earlier_states() -> None:
    data = samples(each_minute(1, 1, 1))
    data.add("N", "m", {"JobQueueName": template_text(QUEUE)}, MINUTE, [11], arrival=170)
    total = properties(Period=2 * MINUTE, Statistic="Sum", TreatMissingData="ignore")
    assert history(total, data, end=4 * MINUTE) == [(0, INSUFFICIENT_DATA), (1, OK), (3, ALARM), (4, OK)]
    assert history(properties(), data, end=3 * MINUTE) == [(0, INSUFFICIENT_DATA), (1, OK)]


def test_an_alarm_on_metric_math() -> None:
    data = samples(each_minute(0, 5, None, 5), "Failed")
    samples(each_minute(10, 10, 10, None), "All", data)
    rate = math_properties(
        "IF(all > 0, 100 * share)", {"Id": "share", "Expression": "failed / all", "ReturnData": False}
    )
    result = history(rate, data, end=4 * MINUTE)
    assert result == [(0, INSUFFICIENT_DATA), (1, OK), (2, ALARM), (3, OK), (4, INSUFFICIENT_DATA)]


def test_metric_math_over_metrics_without_samples() -> None:
    filled = math_properties("FILL(failed, 0) + FILL(all, 11)")
    assert history(filled, Samples(), end=MINUTE)[-1] == (1, ALARM)
    assert history(math_properties("failed + all"), Samples(), end=MINUTE)[-1] == (0, INSUFFICIENT_DATA)


def test_a_single_labeled_metric_is_a_query() -> None:
    only = query("m1", "m") | {"ReturnData": True, "Label": "queue"}
    assert history(math_properties("", Metrics=[only]), samples({0: 11}), end=MINUTE)[-1] == (1, ALARM)


def test_a_percentile_with_few_samples_can_be_ignored() -> None:
    percentile = {name: value for name, value in properties().items() if name != "Statistic"}
    data = Samples()
    data.add("N", "m", {"JobQueueName": "${Queue}"}, 0, [11] * 19)
    data.add("N", "m", {"JobQueueName": "${Queue}"}, MINUTE, [11] * 20)
    percentile_alarm = percentile | {"ExtendedStatistic": "p50"}
    assert history(percentile_alarm, data, end=2 * MINUTE) == [(0, INSUFFICIENT_DATA), (1, ALARM)]
    ignored = percentile_alarm | {"EvaluateLowSampleCountPercentile": "ignore"}
    result = history(ignored, data, end=2 * MINUTE, evaluation_range=lambda periods: periods + 1)
    assert result == [(0, INSUFFICIENT_DATA), (2, ALARM)]


@pytest.mark.parametrize(
    ("statistic", "minimum"), [("p99", 1000), ("p95", 200), ("p50", 20), ("p10", 100), ("p99.9", 10_000)]
)
def test_minimum_samples_of_a_percentile(statistic: str, minimum: int) -> None:
    alarm = properties(ExtendedStatistic=statistic, EvaluateLowSampleCountPercentile="ignore")
    assert Alarm.from_template("Alarm1", alarm).minimum_samples == minimum


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
        (properties(Period=10), "periods: got .10., allowed: one multiple of 60 seconds"),
        (properties(Period=0), "periods"),
        (
            properties(Period=24 * HOUR, EvaluationPeriods=8),
            "EvaluationPeriods: got 8, allowed: 1 to 7, at most one week",
        ),
        (properties(Period={"Ref": "Period"}), "alarm Alarm1: int"),
        (properties(Threshold={"Ref": "Threshold"}), "alarm Alarm1: float"),
        (
            properties(ComparisonOperator="GreaterThanUpperThreshold"),
            "'GreaterThanUpperThreshold' is missing or not supported",
        ),
        (properties(Metrics=["m1"]), "alarm Alarm1: 'str'"),
        (properties(ExtendedStatistic="p100", EvaluateLowSampleCountPercentile="ignore"), "alarm Alarm1: .*zero"),
        (math_properties("(" * 5000 + "all" + ")" * 5000), "nested too deeply"),
        ({}, "'ExtendedStatistic' is missing"),
        (math_properties("all", query("m3", "m", 300)), "periods"),
        (math_properties("all", query("m3", "m") | {"ReturnData": True}), "ReturnData is true for e, m3"),
        (math_properties("all", Metrics=[query("m1", "m")]), "ReturnData is true for no id"),
        (math_properties("METRICS()"), "returns an array"),
        (math_properties("MAX(all)"), "returns a number"),
        (math_properties("SEARCH('{N}', 'Sum')"), "SEARCH is not allowed"),
        (properties(TreatMissingData="guess"), "guess"),
    ],
)
def test_alarms_that_are_not_supported_are_not_evaluated(alarm: dict[str, Any], problem: str) -> None:
    data = samples(each_minute(11), "All")
    samples(each_minute(11), into=data)
    alarms = template(alarm)
    alarms["Resources"]["Other"] = template(properties())["Resources"]["Alarm1"]
    result = evaluate_alarms(alarms, data, start=0, end=MINUTE)
    assert result == {"Other": [(0, INSUFFICIENT_DATA), (MINUTE, ALARM)]}
    assert result.not_evaluated.keys() == {"Alarm1"}
    assert re.search(problem, result.not_evaluated["Alarm1"])


def test_an_alarm_whose_evaluation_fails_late_has_no_states() -> None:
    """The state in the first minute is undocumented. In the second minute the minimum is missing, which is an error."""
    odd = math_properties("FIRST(SLICE([all], MIN(all) - 11))", EvaluationPeriods=2)
    data = samples({0: 11}, "All")
    for end, undocumented, evaluated in ((MINUTE, {("Alarm1", MINUTE)}, {"Alarm1"}), (2 * MINUTE, set(), set())):
        result = evaluate_alarms(template(odd), data, start=0, end=end, evaluation_range=lambda n: n - 1)
        assert (result.undocumented, {*result}) == (undocumented, evaluated)
