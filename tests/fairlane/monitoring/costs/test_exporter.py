"""What the estimate takes of the exporter, against the exporter itself."""

import pytest
from aws_cdk import App, Environment, Stack

from fairlane import GpuQueue, JobMetrics
from fairlane.monitoring.costs import QueueUse
from fairlane.monitoring.costs.estimate import EVENT_BYTES, MEMORY_GB, QUEUE_LINE_BYTES, SHARE_LINE_BYTES
from tests.fairlane.monitoring.costs.real_handlers import events_of_all_kinds, printed_by_the_poller, printed_for_events
from tests.support import template_of

ALL = QueueUse(service=True, shares=3, entitled=3, other=True, preemption=False, limit=True)
QUOTAS = QueueUse(service=True, shares=3, entitled=3, other=False, preemption=True, limit=True)


def is_close_bound(size: int, bound: int) -> bool:
    return 0.85 * bound < size <= bound


def test_lines_of_a_poll() -> None:
    of_queue, *of_shares = (len(line) for line in printed_by_the_poller(ALL).splitlines(keepends=True))
    assert is_close_bound(of_queue, QUEUE_LINE_BYTES)
    assert len(of_shares) == 4
    assert is_close_bound(max(of_shares), SHARE_LINE_BYTES)


@pytest.mark.parametrize("use", [ALL, QUOTAS])
def test_lines_of_an_event_that_comes_alone(use: QueueUse) -> None:
    events, jobs = events_of_all_kinds(use)
    assert is_close_bound(max(len(printed_for_events([event], jobs)) for event in events), EVENT_BYTES)


def test_functions_and_their_logs_are_as_deployed() -> None:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    JobMetrics(stack, "Metrics", queues=[GpuQueue.from_job_queue_name(stack, "Queue", "queue")])
    resources = template_of(stack)["Resources"].values()
    functions = [one["Properties"] for one in resources if one["Type"] == "AWS::Lambda::Function"]
    assert {one["MemorySize"] / 1024 for one in functions} == {MEMORY_GB}
    assert {tuple(one["Architectures"]) for one in functions} == {("arm64",)}
    logs = [one["Properties"] for one in resources if one["Type"] == "AWS::Logs::LogGroup"]
    assert {one["RetentionInDays"] for one in logs} == {30}
    (mapping,) = (one["Properties"] for one in resources if one["Type"] == "AWS::Lambda::EventSourceMapping")
    assert "MaximumConcurrency" in mapping["ScalingConfig"], "SQS then never polls with fewer pollers than at first"
