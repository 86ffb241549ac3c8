"""How many calls of AWS Batch's API a poll makes, Fairlane's and one written by hand, of the client of the tests."""

from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from types import SimpleNamespace
from typing import Any
from unittest import mock

import handwritten_exporter

from fairlane_lambda.queue_poller import handler as queue_poller
from fairlane_lambda.queue_poller._batch import Definitions

Fields = dict[str, Any]

_CLIENT = "tests.fairlane_lambda.queue_poller.fake_batch"
MAX_PAGES = 20
_ALL_PAGES = 10_000
_DEFINITION = "arn:aws:batch:us-east-1:111122223333:job-definition/train:1"


class _Counting:
    """A client of AWS Batch that counts calls, and describes jobs, which that of the tests does not."""

    def __init__(self, client: Any) -> None:
        self.calls: list[str] = []  # which threads may add to
        self._client = client

    def __getattr__(self, operation: str) -> Callable[..., Fields]:
        def call(**request: Any) -> Fields:
            self.calls.append(operation)
            if operation == "describe_jobs":
                return {"jobs": [{"jobId": job, "status": "RUNNABLE"} for job in request["jobs"]]}
            if operation == "describe_service_job":
                return {"jobId": request["jobId"], "status": "RUNNABLE"}
            answer: Fields = getattr(self._client, operation)(**request)
            return answer

        return call


def polls(kind: str, queues: int, runnable: int) -> tuple[int, int, int]:
    """Calls in one poll.

    Args:
        kind: of the queues, service or compute.
        queues: how many.
        runnable: jobs in state RUNNABLE in each.

    Returns:
        Those of Fairlane with its limit of pages, those without it, and those by hand.

    Raises:
        ImportError: the client of the tests, or what it needs, is not there.
    """
    tests = import_module(_CLIENT)
    names = [f"queue-{n}" for n in range(queues)]
    jobs = tests.Jobs(runnable, _service_job if kind == "service" else _job)
    definition = {"jobDefinitionName": "train", "jobDefinitionArn": _DEFINITION, "revision": 1, "type": "container"}

    def client() -> _Counting:
        return _Counting(tests.FakeBatch({name: {"RUNNABLE": jobs} for name in names}, definitions=[definition]))

    by_hand = client()
    for name in names:
        handwritten_exporter.poll(by_hand, name, kind)
    return _ours(client(), names, kind, MAX_PAGES), _ours(client(), names, kind, _ALL_PAGES), len(by_hand.calls)


def _ours(client: _Counting, names: list[str], kind: str, pages: int) -> int:
    records = [
        {"name": name, "kind": kind, "quota": False, "shares": {"production": {}}, "limit": {}, "max_pages": pages}
        for name in names
    ]
    with (
        mock.patch.object(queue_poller, "_batch", return_value=client),
        mock.patch.object(queue_poller, "_definitions", Definitions()),
        redirect_stdout(StringIO()) as out,
    ):
        queue_poller.handler({"queues": records}, SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000))
    assert out.getvalue().count('"PollErrors":0') == len(names), "a poll must not fail"
    return len(client.calls)


def _job(number: int) -> Fields:
    return _service_job(number) | {"jobDefinition": _DEFINITION}


def _service_job(number: int) -> Fields:
    job = f"job-{number}"
    arn = f"arn:aws:batch:us-east-1:111122223333:job/{job}"
    return {"jobArn": arn, "jobId": job, "jobName": "train", "createdAt": 1_793_000_000_000}
