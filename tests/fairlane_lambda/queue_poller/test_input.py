"""Input of the schedule."""

from typing import Any

import pytest

from fairlane_lambda.queue_poller.handler import handler
from tests.fairlane_lambda.queue_poller.polling import Context, queue


@pytest.mark.parametrize("event", [None, [], {}, {"queues": {}}, "queues"])
def test_the_input_must_name_queues(event: object) -> None:
    with pytest.raises(ValueError, match="the input must be"):
        handler(event, Context(300_000))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, r"queues\[1\]\.name must be a queue name, got ''"),
        ({"name": 5}, r"queues\[1\]\.name must be"),
        ({"kind": "batch"}, r"queues\[1\]\.kind must be service or compute, got 'batch'"),
        ({"kind": []}, r"queues\[1\]\.kind must be"),
        ({"quota": "yes"}, r"queues\[1\]\.quota must be true or false, got 'yes'"),
        ({"shares": ["a"]}, r"queues\[1\]\.shares must be an object"),
        ({"shares": {"a": 5}}, r"queues\[1\]\.shares\.a must be an object of amounts by capacity unit, got 5"),
        ({"shares": {"a": {"VCPU": -1}}}, r"queues\[1\]\.shares\.a\.VCPU must be a number, 0 or more, got -1"),
        ({"limit": {"VCPU": True}}, r"queues\[1\]\.limit\.VCPU must be a number"),
        ({"limit": {"VCPU": float("inf")}}, r"queues\[1\]\.limit\.VCPU must be a number"),
        ({"limit": {"VCPU": float("nan")}}, r"queues\[1\]\.limit\.VCPU must be a number"),
        ({"limit": None}, r"queues\[1\]\.limit must be an object"),
        ({"instance_type": 5}, r"queues\[1\]\.instance_type must be a string, got 5"),
        ({"max_pages": 0}, r"queues\[1\]\.max_pages must be a whole number, 1 or more, got 0"),
        ({"max_pages": 1.5}, r"queues\[1\]\.max_pages must be"),
        ({"max_pages": True}, r"queues\[1\]\.max_pages must be"),
        ({"name": "first"}, "2 queues are named 'first': give each queue once"),
    ],
)
def test_an_invalid_queue_is_refused_before_any_poll(
    changes: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=message):
        handler({"queues": [queue("first"), queue("second") | changes]}, Context(300_000))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("field", ["name", "kind", "quota", "shares", "limit", "max_pages"])
def test_only_the_instance_type_may_be_missing(field: str) -> None:
    record = queue()
    del record[field]
    with pytest.raises(ValueError, match=rf"queues\[0\]\.{field}"):
        handler({"queues": [record]}, Context(300_000))


def test_a_queue_must_be_an_object() -> None:
    with pytest.raises(ValueError, match=r"queues\[0\] must be an object, got 'gpus'"):
        handler({"queues": ["gpus"]}, Context(300_000))
