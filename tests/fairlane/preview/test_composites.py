from typing import Any

import pytest

from fairlane.preview._alarms import History, evaluate_alarms
from fairlane.preview._samples import Samples
from fairlane.preview._states import State

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


def composite(rule: Any, *, others: tuple[Any, ...] = ()) -> History:
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


def test_rules_in_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match=r"in a circle: Composite"):
        composite('ALARM("Composite1")', others=('OK("Composite0")',))


@pytest.mark.parametrize(
    "rule",
    [
        'ALARM("unknown")', 'ALARM("A"', 'ALARM("A") OK("B")', "ALARM()", "", "MAYBE(A)", 'ALARM("A") AND',
        'AT_LEAST(x, ALARM, ("A"))', 'AT_LEAST(1, GREEN, ("A"))', 'AT_LEAST(1, ALARM, "A")', '"',
    ],
)  # fmt: skip
def test_rules_that_are_none_are_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="alarm rule"):
        composite(rule)
