"""Number of AWS Batch API calls in a poll, by Fairlane and by the hand-written function, with the tests' client."""

from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from types import SimpleNamespace
from typing import Any
from unittest import mock

import handwritten_exporter

from fairlane_lambda.queue_poller import handler as queue_poller
from fairlane_lambda.queue_poller.batch import Definitions

Fields = dict[str, Any]

_CLIENT = "tests.fairlane_lambda.queue_poller.fake_batch"
MAX_PAGES = 20
_ALL_PAGES = 10_000
_DEFINITION = "arn:aws:batch:us-east-1:111122223333:job-definition/train:1"


class _CountingClient:
    """Client of AWS Batch that counts calls, and that adds descriptions of jobs to the tests' client."""

    def __init__(self, client: Any) -> None:
        self.calls: list[str] = []  # threads append to the list
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
    """Return the numbers of calls in one poll.

    Args:
        kind: Kind of the queues: service or compute.
        queues: Number of queues.
        runnable: Number of jobs in state RUNNABLE in each queue.

    Returns:
        Calls of Fairlane with its limit of pages, of Fairlane without the limit, and of the hand-written function.

    Raises:
        ImportError: If the tests' client or one of its dependencies is not installed.
    """
    tests = import_module(_CLIENT)
    names = [f"queue-{n}" for n in range(queues)]
    jobs = tests.Jobs(runnable, _service_job if kind == "service" else _job)
    definition = {"jobDefinitionName": "train", "jobDefinitionArn": _DEFINITION, "revision": 1, "type": "container"}

    def client() -> _CountingClient:
        return _CountingClient(tests.FakeBatch({name: {"RUNNABLE": jobs} for name in names}, definitions=[definition]))

    by_hand = client()
    for name in names:
        handwritten_exporter.poll(by_hand, name, kind)
    limited, unlimited = (_fairlane_calls(client(), names, kind, pages) for pages in (MAX_PAGES, _ALL_PAGES))
    return limited, unlimited, len(by_hand.calls)


def _fairlane_calls(client: _CountingClient, names: list[str], kind: str, pages: int) -> int:
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
