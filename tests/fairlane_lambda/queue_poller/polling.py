"""Container of the function, its published values, and jobs to poll."""

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from threading import local
from typing import Any
from unittest.mock import patch

import fairlane_lambda
from fairlane_lambda.queue_poller import handler, pace
from fairlane_lambda.queue_poller.batch import Definitions
from tests.fairlane_lambda.queue_poller.fake_batch import FakeBatch, Record

NOW = 1_793_000_000_000
SECOND = 1_000
HOUR = 3_600 * SECOND
NAMES: Record = json.loads(Path(fairlane_lambda.__file__ or "").with_name("metrics.json").read_text())

Published = dict[tuple[str, str | None], dict[str, float]]


class Context:
    """Context with a list of remaining times in milliseconds. The last time repeats."""

    def __init__(self, *remaining: int) -> None:
        self._remaining = list(remaining)

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining.pop(0) if len(self._remaining) > 1 else self._remaining[0]


class Clock:
    """Replacement of the module `time`. A thread sleeps from the time that it read, so sleeps at the same time overlap."""

    def __init__(self) -> None:
        self.now = 0.0
        self._thread = local()

    def monotonic(self) -> float:
        self._thread.read = self.now
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now = max(self.now, self._thread.read + seconds)


class Container:
    """Warm container of the function."""

    def __init__(self, batch: Any, clock: Clock | None = None) -> None:
        self.batch = batch
        self._clock = clock or Clock()
        self._pace = pace.Pace()
        self.printed = ""
        self.logged = ""
        self._definitions = Definitions()

    def poll(self, *queues: Record, context: Context | None = None) -> Published:
        """Run one poll, and return the values by queue and share, and by metric."""
        handler._batch.cache_clear()
        out, log = StringIO(), StringIO()
        with (
            patch.object(handler, "_definitions", self._definitions),
            patch.object(handler, "_pace", self._pace),
            patch.object(pace, "time", self._clock),
            patch.object(handler, "_now", lambda: NOW),
            patch("boto3.client", lambda *_, **__: self.batch),
            redirect_stdout(out),
            redirect_stderr(log),
        ):
            handler.handler({"queues": list(queues)}, context or Context(300_000))
        handler._batch.cache_clear()
        self.printed, self.logged = out.getvalue(), log.getvalue()
        return _read(self.printed)


def _read(printed: str) -> Published:
    """Return the values in lines, and check each line against metrics.json."""
    published: Published = {}
    for line in printed.splitlines():
        record = json.loads(line)
        assert record["_aws"]["Timestamp"] == NOW - NOW % 60_000
        (directive,) = record["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == NAMES["namespace"] == "Fairlane"
        key = record["JobQueueName"], record.get("Share")
        per = "queue" if key[1] is None else "share"
        assert directive["Dimensions"] == [NAMES["dimensions"][per]]
        for metric in directive["Metrics"]:
            declared = NAMES["metrics"][metric["Name"]]
            assert declared["source"] == "queue_poller"
            assert metric["Unit"] == declared["unit"]
            assert per in declared["per"]
            assert record[metric["Name"]] >= 0
        names = {metric["Name"] for metric in directive["Metrics"]}
        assert record.keys() == {"_aws", *NAMES["dimensions"][per], *names}, (
            "every value has a metric, and every metric a value"
        )
        assert key not in published, "one line per queue and share"
        published[key] = {name: record[name] for name in names}
    return published


def poll(batch: FakeBatch, *queues: Record) -> Published:
    return Container(batch).poll(*queues)


def queue(name: str = "gpus", kind: str = "compute", **fields: Any) -> Record:
    return {"name": name, "kind": kind, "quota": False, "shares": {}, "limit": {}, "max_pages": 20} | fields


def definition_arn(number: int = 1) -> str:
    return f"arn:aws:batch:us-east-1:123456789012:job-definition/secret-definition:{number}"


def definition(number: int = 1, gpus: int | None = None, **fields: Any) -> Record:
    needs = [{"type": "VCPU", "value": "8"}] + ([{"type": "GPU", "value": str(gpus)}] if gpus is not None else [])
    return {
        "jobDefinitionName": "secret-definition",
        "jobDefinitionArn": definition_arn(number),
        "revision": number,
        "type": "container",
        "containerProperties": {
            "image": "secret-image",
            "command": ["secret-command"],
            "environment": [{"name": "secret-variable", "value": "secret-value"}],
            "resourceRequirements": needs,
        },
    } | fields


def job(number: int = 0, age: int = 0, share: str | None = None, **fields: Any) -> Record:
    """Return a compute job that was submitted `age` milliseconds ago."""
    record = _job(number, age) | {"jobDefinition": definition_arn()} | fields
    return record | {"shareIdentifier": share} if share else record


def service_job(
    number: int = 0, age: int = 0, share: str | None = None, quota: str | None = None, **usage: float
) -> Record:
    """Return a service job. `usage` is its instances by type: `p4d` is ml.p4d.24xlarge, `any` is any type."""
    types = {"p4d": "ml.p4d.24xlarge", "g6": "ml.g6.12xlarge", "any": "NUM_INSTANCES"}
    record = _job(number, age) | {
        "serviceJobType": "SAGEMAKER_TRAINING",
        "capacityUsage": units({types[name]: quantity for name, quantity in usage.items()}),
    }
    return record | ({"shareIdentifier": share} if share else {}) | ({"quotaShareName": quota} if quota else {})


def units(amounts: dict[str, float]) -> list[Record]:
    return [{"capacityUnit": unit, "quantity": quantity} for unit, quantity in amounts.items()]


def front(*ages: int) -> list[Record]:
    """Return jobs at the head of a queue, by their time there in milliseconds."""
    arn = "arn:aws:batch:us-east-1:123456789012:job/secret-id"
    return [{"jobArn": arn, "earliestTimeAtPosition": NOW - age} for age in ages]


def _job(number: int, age: int) -> Record:
    return {
        "jobArn": f"arn:aws:batch:us-east-1:123456789012:job/secret-id-{number}",
        "jobId": f"secret-id-{number}",
        "jobName": "secret-job",
        "statusReason": "secret-reason",
        "createdAt": NOW - age,
    }
