"""Tests of the estimate's constants against the exporter."""

import pytest
from aws_cdk import App, Environment, Stack

from fairlane import GpuQueue, JobMetrics
from fairlane.monitoring.costs import QueueUse
from fairlane.monitoring.costs.estimate import EVENT_BYTES, MEMORY_GB, QUEUE_LINE_BYTES, SHARE_LINE_BYTES
from tests.fairlane.monitoring.costs.real_handlers import events_of_all_kinds, events_output, poller_output
from tests.support import template_of

ALL = QueueUse(service=True, shares=3, entitled=3, other=True, preemption=False, limit=True)
QUOTAS = QueueUse(service=True, shares=3, entitled=3, other=False, preemption=True, limit=True)


def is_close_bound(size: int, bound: int) -> bool:
    return 0.85 * bound < size <= bound


def test_the_sizes_of_the_lines_of_a_poll() -> None:
    queue_size, *share_sizes = (len(line) for line in poller_output(ALL).splitlines(keepends=True))
    assert is_close_bound(queue_size, QUEUE_LINE_BYTES)
    assert len(share_sizes) == 4
    assert is_close_bound(max(share_sizes), SHARE_LINE_BYTES)


@pytest.mark.parametrize("use", [ALL, QUOTAS])
def test_the_size_of_the_lines_of_a_single_event(use: QueueUse) -> None:
    events, jobs = events_of_all_kinds(use)
    assert is_close_bound(max(len(events_output([event], jobs)) for event in events), EVENT_BYTES)


def test_memory_architecture_and_log_retention_are_as_estimated() -> None:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    JobMetrics(stack, "Metrics", queues=[GpuQueue.from_job_queue_name(stack, "Queue", "queue")])
    resources = template_of(stack)["Resources"].values()
    functions = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::Lambda::Function"]
    assert {function["MemorySize"] / 1024 for function in functions} == {MEMORY_GB}
    assert {tuple(function["Architectures"]) for function in functions} == {("arm64",)}
    logs = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::Logs::LogGroup"]
    assert {group["RetentionInDays"] for group in logs} == {30}
    mapping_type = "AWS::Lambda::EventSourceMapping"
    (mapping,) = (resource["Properties"] for resource in resources if resource["Type"] == mapping_type)
    assert "MaximumConcurrency" in mapping["ScalingConfig"], "SQS then never uses fewer pollers than at the start"
