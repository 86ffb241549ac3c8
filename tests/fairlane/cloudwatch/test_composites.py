from typing import Any

import pytest

from fairlane.cloudwatch.alarms import History, evaluate_alarms
from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.states import State

OK, ALARM, INSUFFICIENT_DATA = State
MINUTE = 60
PROPERTIES = {
    "Namespace": "N",
    "Statistic": "Maximum",
    "Period": MINUTE,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}


def composite(rule: Any, *, others: tuple[Any, ...] = (), broken: str | None = None) -> History:
    """Evaluate composites over children A, B and C, in ALARM from minute 1, 2 and 3 on, and Silent, without data."""
    resources: dict[str, Any] = {
        f"Composite{number}": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": text}}
        for number, text in enumerate((rule, *others))
    }
    samples = Samples()
    for name, first in {"A": 1, "B": 2, "C": 3, "Silent": 6}.items():
        resources[name] = {"Type": "AWS::CloudWatch::Alarm", "Properties": PROPERTIES | {"MetricName": name}}
        for minute in range(5 if first < 6 else 0):
            samples.add("N", name, {}, minute * MINUTE, [minute + 1 >= first])
    resources["B"]["Properties"]["AlarmName"] = "named"
    if broken:
        del resources[broken]["Properties"]
    return evaluate_alarms({"Resources": resources}, samples, start=0, end=5 * MINUTE)


@pytest.mark.parametrize(
    ("rule", "minute"),
    [
        ('ALARM("A")', 1),
        ("ALARM(A)", 1),
        ('ALARM("named")', 2),
        ('ALARM("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:named")', 2),
        ({"Fn::Join": ["", ['(ALARM("', {"Fn::GetAtt": ["B", "Arn"]}, '") AND ALARM("', {"Ref": "C"}, '"))']]}, 3),
        ('ALARM("A") AND ALARM("B")', 2),
        ('ALARM("C") OR ALARM("A") AND ALARM("B")', 2),
        ('(ALARM("B") OR ALARM("A")) AND ALARM("C")', 3),
        ('NOT OK("B")', 2),
        ('NOT ALARM("Silent") AND ALARM("C")', 3),
        ('INSUFFICIENT_DATA("Silent")', 1),
        ("TRUE", 1),
        ("FALSE", None),
        ('OK("Silent")', None),
        ('AT_LEAST(2, ALARM, ("A", "B", "C"))', 2),
        ('AT_LEAST(3, ALARM, ("A", "B", "C"))', 3),
        ("AT_LEAST(50%, ALARM, (A, B, C, Silent))", 2),
        ('AT_LEAST(51%, ALARM, ("A", "B", "C", "Silent"))', 3),
        ('AT_LEAST(4, NOT OK, ("A", "B", "C", "Silent"))', 3),
    ],
)
def test_a_composite_enters_alarm_when_its_rule_becomes_true(rule: Any, minute: int | None) -> None:
    expected = [(0, INSUFFICIENT_DATA)] + ([(MINUTE, OK)] if minute != 1 else [])
    assert composite(rule)["Composite0"] == expected + ([(minute * MINUTE, ALARM)] if minute else [])


def test_composites_are_evaluated_after_their_children() -> None:
    result = composite('ALARM("Composite1")', others=('ALARM("Composite2")', 'ALARM("B")'))
    assert {tuple(result[f"Composite{number}"]) for number in range(3)} == {
        ((0, INSUFFICIENT_DATA), (MINUTE, OK), (2 * MINUTE, ALARM))
    }


def test_rules_that_refer_to_each_other_are_not_evaluated() -> None:
    result = composite('ALARM("Composite1")', others=('OK("Composite0")', 'ALARM("A")'))
    assert result.keys() == {"A", "B", "C", "Silent", "Composite2"}
    assert result.not_evaluated == {
        f"Composite{number}": f"alarm Composite{number}: the rule refers to alarms that are not evaluated: Composite{child}"
        for number, child in ((0, 1), (1, 0))
    }


def test_a_rule_that_refers_to_an_alarm_that_is_not_evaluated_is_not_evaluated() -> None:
    result = composite('ALARM("Composite1")', others=('ALARM("A") OR ALARM("Silent")', 'ALARM("A")'), broken="Silent")
    assert result.keys() == {"A", "B", "C", "Composite2"}
    assert result.not_evaluated.keys() == {"Silent", "Composite0", "Composite1"}


def test_a_composite_is_evaluated_at_each_state_change_of_its_children() -> None:
    """Evaluations are in whole minutes, from the first minute on."""
    samples = Samples()
    for minute, value in enumerate((0, 1, 0, 1, 1)):
        samples.add("N", "A", {}, minute * MINUTE, [value])
    child = {"Type": "AWS::CloudWatch::Alarm", "Properties": PROPERTIES | {"MetricName": "A"}}
    rule = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": "NOT ALARM(A)"}}
    result = evaluate_alarms({"Resources": {"A": child, "Rule": rule}}, samples, start=30, end=5 * MINUTE)
    assert result["A"] == [(30, INSUFFICIENT_DATA), (60, OK), (120, ALARM), (180, OK), (240, ALARM)]
    assert result["Rule"] == [(30, INSUFFICIENT_DATA), (60, ALARM), (120, OK), (180, ALARM), (240, OK)]
    assert [result.state("Rule", time) for time in (59, 60, 179, 180)] == [INSUFFICIENT_DATA, ALARM, OK, ALARM]


@pytest.mark.parametrize(
    "rule",
    [
        'ALARM("unknown")', 'ALARM("A"', 'ALARM("A") OK("B")', "ALARM()", "", "MAYBE(A)", 'ALARM("A") AND', None,
        'AT_LEAST(x, ALARM, ("A"))', 'AT_LEAST(1, GREEN, ("A"))', 'AT_LEAST(1, ALARM, "A")', '"',
    ],
)  # fmt: skip
def test_invalid_rules_are_not_evaluated(rule: str | None) -> None:
    result = composite(rule)
    assert result.keys() == {"A", "B", "C", "Silent"}
    assert result.not_evaluated["Composite0"].startswith("alarm rule")


def test_rules_that_are_nested_too_deeply_are_not_evaluated() -> None:
    """Some rules are too deep to parse, others only too deep to evaluate."""
    result = composite(
        "TRUE", others=tuple("(" * depth + "TRUE" + ")" * depth for depth in (*range(20, 500, 20), 5000))
    )
    assert result["Composite1"] == result["Composite0"]
    assert "Composite25" not in result
    reasons = {name: f"alarm {name}: the rule is nested too deeply" for name in result.not_evaluated}
    assert result.not_evaluated == reasons
    assert len(result) == 4 + 26 - len(reasons)
