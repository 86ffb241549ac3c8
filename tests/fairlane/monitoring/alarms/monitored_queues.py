"""Exporters of example queues, for tests of alarms, dashboards and costs."""

from typing import Any

from aws_cdk import App, Environment, Stack

from fairlane import FairShare, Fifo, GpuQueue, JobMetrics, QuotaManagement, QuotaShare, Sharing, TrainingQueue
from fairlane.capacity import Purchase
from tests.gpu import compute_environment, gpu_queue
from tests.support import recommended_flags, template_of

P4 = "ml.p4d.24xlarge"
HERE = Environment(account="111122223333", region="us-east-1")


def build_metrics(stack: Stack, **changes: Any) -> JobMetrics:
    """Return an exporter of four queues: quota shares, fair share on Spot, first in, first out, and an imported queue."""
    shares = [QuotaShare(name=name, capacity={P4: number}, sharing=Sharing.LEND) for name, number in QUOTAS.items()]
    quotas = TrainingQueue(stack, "P4", queue_name="p4", capacity={P4: 100}, scheduling=QuotaManagement(*shares))
    fifo = TrainingQueue(stack, "Cpu", queue_name="cpu", capacity=10, scheduling=Fifo())
    fair = gpu_queue(stack, compute_environment(stack, "Spot", purchase=Purchase.SPOT, max_gpus=64))
    settings: dict[str, Any] = {"queues": [quotas, fair, fifo, GpuQueue.from_job_queue_name(stack, "Old", "old")]}
    return JobMetrics(stack, "Metrics", **settings | changes)


QUOTAS = {"a": 60, "b": 40}


def build(**changes: Any) -> tuple[Stack, JobMetrics]:
    stack = Stack(App(context=recommended_flags()), "Stack", env=HERE)
    return stack, build_metrics(stack, **changes)


def shared_environment(stack: Stack) -> JobMetrics:
    """Return an exporter of two queues that share a service environment."""
    first = TrainingQueue(stack, "One", queue_name="one", capacity=16, scheduling=FairShare({"x": 1}))
    environment = first.service_environment
    second = TrainingQueue(stack, "Two", queue_name="two", service_environment=environment, scheduling=Fifo())
    return JobMetrics(stack, "Metrics", queues=[first, second])


def resources_of_type(stack: Stack, resource_type: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type, by logical id."""
    resources = template_of(stack)["Resources"].items()
    return {name: resource["Properties"] for name, resource in resources if resource["Type"] == f"AWS::{resource_type}"}
