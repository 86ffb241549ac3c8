"""Printed lines: only metrics of metrics.json, and no part of a job."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fairlane_lambda.queue_poller.fake_batch import FakeBatch, Record
from tests.fairlane_lambda.queue_poller.polling import (
    HOUR,
    NAMES,
    Container,
    definition,
    definition_arn,
    job,
    queue,
    service_job,
    units,
)

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
CODES = (None, None, None, "TooManyRequestsException", "AccessDeniedException", "ServerException")

shares = st.sampled_from([None, "a", "b1", "b2", "undeclared"])
ages = st.integers(-HOUR, 100 * HOUR)
arrays = st.fixed_dictionaries(
    {"size": st.integers(2, 50)},
    optional={"statusSummary": st.dictionaries(st.sampled_from([*STATES, "SUCCEEDED", "FAILED"]), st.integers(0, 50))},
)
compute_jobs = st.builds(
    lambda age, share, number, more: job(age=age, share=share, jobDefinition=definition_arn(number), **more),
    ages,
    shares,
    st.integers(0, 3),
    st.fixed_dictionaries(
        {},
        optional={
            "arrayProperties": arrays,
            "nodeProperties": st.fixed_dictionaries({"numNodes": st.integers(1, 9)}),
            "capacityUsage": st.integers(0, 90).map(lambda quantity: units({"VCPU": quantity})),
        },
    ),
)
service_jobs = st.builds(
    lambda age, share, usage: service_job(age=age, share=share, **usage),
    ages,
    shares,
    st.dictionaries(st.sampled_from(["p4d", "g6", "any"]), st.integers(0, 9)),
)


def jobs_by_state(jobs: st.SearchStrategy[Record], states: tuple[str, ...]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(states), st.lists(jobs, max_size=6))


@pytest.mark.parametrize("examples", [50, pytest.param(150, marks=pytest.mark.slow)])
def test_no_output_contains_a_part_of_a_job(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(jobs_by_state(compute_jobs, STATES), jobs_by_state(service_jobs, (*STATES, "SCHEDULED")), st.data())
    def check(compute: Any, service: Any, data: st.DataObject) -> None:
        codes_by_call: dict[str, str | None] = {}

        def fails(operation: str, request: Record) -> str | None:
            call = f"{operation} {request.get('jobQueue')} {request.get('jobStatus')}"
            return codes_by_call.setdefault(call, None)

        calls = [f"list_jobs gpus {state}" for state in STATES] + [
            f"list_service_jobs train {state}" for state in STATES
        ]
        for call in [*calls, "describe_job_definitions None None", "get_job_queue_snapshot gpus None"]:
            codes_by_call[call] = data.draw(st.sampled_from(CODES), call)
        batch = FakeBatch(
            {"gpus": compute, "train": service}, definitions=[definition(n, gpus=n) for n in range(3)], fails=fails
        )
        container = Container(batch)
        declared: Record = {"a": {"VCPU": 8}, "b*": {}}
        published = container.poll(
            queue(shares=declared, limit={"VCPU": 90}), queue("train", "service", shares={"a": {"NUM_INSTANCES": 3}})
        )
        assert "secret" not in container.printed + container.logged
        assert {share for _, share in published} <= {None, "a", "b*", "other"}
        calls_by_code = Counter(
            codes_by_call.get(f"{operation} {request.get('jobQueue')} {request.get('jobStatus')}")
            for operation, request in batch.calls
        )
        failed = sum(
            count / 4 if code == "TooManyRequestsException" else count  # the poller repeats throttled calls three times
            for code, count in calls_by_code.items()
            if code is not None
        )
        assert published["gpus", None]["PollErrors"] + published["train", None]["PollErrors"] == failed
        for (name, share), values in published.items():
            for metric in ("RunnableJobs", "GpusWanted", "GpusInUse"):
                queue_values = published[name, None]
                assert share is None or (metric in values) == (metric in queue_values), (
                    "the queue and its shares differ"
                )
                assert share is None or values.get(metric, 0) <= queue_values.get(metric, 0)

    check()


def test_every_metric_of_the_poller_is_published() -> None:
    batch = FakeBatch({"train": {"RUNNABLE": [service_job(share="a", g6=1)]}})
    record = queue("train", "service", shares={"a": {"NUM_INSTANCES": 3}}, limit={"NUM_INSTANCES": 9})
    published = Container(batch).poll(record)
    for per, key in (("queue", ("train", None)), ("share", ("train", "a"))):
        polled = {
            name
            for name, metric in NAMES["metrics"].items()
            if metric["source"] == "queue_poller" and per in metric["per"]
        }
        assert published[key].keys() == polled
