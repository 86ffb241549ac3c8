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
    """Of children that alarm from the first, second and third minute on, and one that has no data."""
    resources: dict[str, Any] = {
        f"Composite{number}": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": one}}
        for number, one in enumerate((rule, *others))
    }
    samples = Samples()
    for name, first in {"A": 1, "B": 2, "C": 3, "Silent": 6}.items():
        resources[name] = {"Type": "AWS::CloudWatch::Alarm", "Properties": PROPERTIES | {"MetricName": name}}
        for at in range(5 if first < 6 else 0):
            samples.add("N", name, {}, at * MINUTE, [at + 1 >= first])
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
def test_rules(rule: Any, minute: int | None) -> None:
    expected = [(0, INSUFFICIENT_DATA)] + ([(MINUTE, OK)] if minute != 1 else [])
    assert composite(rule)["Composite0"] == expected + ([(minute * MINUTE, ALARM)] if minute else [])


def test_composites_are_evaluated_after_their_children() -> None:
    found = composite('ALARM("Composite1")', others=('ALARM("Composite2")', 'ALARM("B")'))
    assert {tuple(found[f"Composite{number}"]) for number in range(3)} == {
        ((0, INSUFFICIENT_DATA), (MINUTE, OK), (2 * MINUTE, ALARM))
    }


def test_rules_in_a_circle_are_not_evaluated() -> None:
    found = composite('ALARM("Composite1")', others=('OK("Composite0")', 'ALARM("A")'))
    assert found.keys() == {"A", "B", "C", "Silent", "Composite2"}
    assert found.not_evaluated == {
        f"Composite{one}": f"alarm Composite{one}: its rule names what is not evaluated: Composite{other}"
        for one, other in ((0, 1), (1, 0))
    }


def test_a_rule_of_an_alarm_that_is_not_evaluated_is_not_evaluated() -> None:
    found = composite('ALARM("Composite1")', others=('ALARM("A") OR ALARM("Silent")', 'ALARM("A")'), broken="Silent")
    assert found.keys() == {"A", "B", "C", "Composite2"}
    assert found.not_evaluated.keys() == {"Silent", "Composite0", "Composite1"}


def test_a_composite_follows_its_children_there_and_back() -> None:
    """It is evaluated in whole minutes only, and from the first one on."""
    samples = Samples()
    for at, value in enumerate((0, 1, 0, 1, 1)):
        samples.add("N", "A", {}, at * MINUTE, [value])
    one = {"Type": "AWS::CloudWatch::Alarm", "Properties": PROPERTIES | {"MetricName": "A"}}
    rule = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": "NOT ALARM(A)"}}
    found = evaluate_alarms({"Resources": {"A": one, "Rule": rule}}, samples, start=30, end=5 * MINUTE)
    assert found["A"] == [(30, INSUFFICIENT_DATA), (60, OK), (120, ALARM), (180, OK), (240, ALARM)]
    assert found["Rule"] == [(30, INSUFFICIENT_DATA), (60, ALARM), (120, OK), (180, ALARM), (240, OK)]
    assert [found.state("Rule", at) for at in (59, 60, 179, 180)] == [INSUFFICIENT_DATA, ALARM, OK, ALARM]


@pytest.mark.parametrize(
    "rule",
    [
        'ALARM("unknown")', 'ALARM("A"', 'ALARM("A") OK("B")', "ALARM()", "", "MAYBE(A)", 'ALARM("A") AND', None,
        'AT_LEAST(x, ALARM, ("A"))', 'AT_LEAST(1, GREEN, ("A"))', 'AT_LEAST(1, ALARM, "A")', '"',
    ],
)  # fmt: skip
def test_rules_that_are_none_are_not_evaluated(rule: str | None) -> None:
    found = composite(rule)
    assert found.keys() == {"A", "B", "C", "Silent"}
    assert found.not_evaluated["Composite0"].startswith("alarm rule")


def test_rules_that_are_nested_too_deeply_are_not_evaluated() -> None:
    """Be they too deep to be read, or only to be evaluated."""
    found = composite("TRUE", others=tuple("(" * depth + "TRUE" + ")" * depth for depth in (*range(20, 500, 20), 5000)))
    assert found["Composite1"] == found["Composite0"]
    assert "Composite25" not in found
    reasons = {name: f"alarm {name}: its rule is nested too deeply" for name in found.not_evaluated}
    assert found.not_evaluated == reasons
    assert len(found) == 4 + 26 - len(reasons)
