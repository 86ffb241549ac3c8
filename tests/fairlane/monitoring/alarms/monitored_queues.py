"""Queues of every kind with their exporter, for tests of alarms and dashboards."""

from typing import Any

from aws_cdk import App, Environment, Stack

from fairlane import FairShare, Fifo, GpuQueue, JobMetrics, QuotaManagement, QuotaShare, Sharing, TrainingQueue
from fairlane.capacity import Purchase
from tests.gpu import gpu_queue, machines
from tests.support import recommended_flags, template_of

P4 = "ml.p4d.24xlarge"
HERE = Environment(account="111122223333", region="us-east-1")


def metrics_of(stack: Stack, **changes: Any) -> JobMetrics:
    """An exporter of queues of every kind: quota, fair share on Spot, first in, first out, and one made elsewhere."""
    shares = [QuotaShare(name=name, capacity={P4: number}, sharing=Sharing.LEND) for name, number in QUOTAS.items()]
    quotas = TrainingQueue(stack, "P4", queue_name="p4", capacity={P4: 100}, scheduling=QuotaManagement(*shares))
    fifo = TrainingQueue(stack, "Cpu", queue_name="cpu", capacity=10, scheduling=Fifo())
    fair = gpu_queue(stack, machines(stack, "Spot", purchase=Purchase.SPOT, max_gpus=64))
    settings: dict[str, Any] = {"queues": [quotas, fair, fifo, GpuQueue.from_job_queue_name(stack, "Old", "old")]}
    return JobMetrics(stack, "Metrics", **settings | changes)


QUOTAS = {"a": 60, "b": 40}


def build(**changes: Any) -> tuple[Stack, JobMetrics]:
    stack = Stack(App(context=recommended_flags()), "Stack", env=HERE)
    return stack, metrics_of(stack, **changes)


def shared_environment(stack: Stack) -> JobMetrics:
    """An exporter of two queues that share a service environment."""
    one = TrainingQueue(stack, "One", queue_name="one", capacity=16, scheduling=FairShare({"x": 1}))
    environment = one.service_environment
    two = TrainingQueue(stack, "Two", queue_name="two", service_environment=environment, scheduling=Fifo())
    return JobMetrics(stack, "Metrics", queues=[one, two])


def of_type(stack: Stack, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of the resources of a kind, by their logical ids."""
    made = template_of(stack)["Resources"]
    return {name: one["Properties"] for name, one in made.items() if one["Type"] == f"AWS::{kind}"}
