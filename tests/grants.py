"""Queues, roles and warnings for tests of grants."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Annotations, Match

from fairlane import FairShare, Fifo, GpuJobDefinition, QuotaManagement, QuotaShare, Sharing, TrainingQueue
from fairlane.queues import TrainingQueueBase
from fairlane.scheduling import SchedulingPolicy

P4 = "ml.p4d.24xlarge"
TRAINING: dict[str, SchedulingPolicy] = {
    "fifo": Fifo(),
    "fair": FairShare({"vision": 1.0, "language": 1.0, "team-*": 1.0}),
    "fair-2": FairShare({"vision": 1.0, "audio": 1.0}),
    "quotas": QuotaManagement(*(QuotaShare(name=name, capacity={P4: 1}, sharing=Sharing.LEND) for name in "ab")),
    "imported-fair": FairShare({"vision": 1.0}),
    "imported-quotas": QuotaManagement(QuotaShare(name="a", capacity={P4: 1}, sharing=Sharing.LEND)),
}
"""Policies of queues. The policy of an imported queue is unknown to the app."""


def role(stack: Stack, name: str = "Role") -> iam.Role:
    return iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal())


def grant_warnings(stack: Stack, name: str = "") -> list[tuple[str, str]]:
    """Return paths and messages of the warnings about grants."""
    found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp(f"fairlane:QueueGrants.{name}"))
    return [(str(entry.id), str(entry.entry.data)) for entry in found]


def training_queue(stack: Stack, name: str) -> TrainingQueueBase:
    scheduling = TRAINING[name]
    if name.startswith("imported"):
        return TrainingQueue.from_job_queue_name(stack, name, name)
    capacity: Any = {P4: 2} if isinstance(scheduling, QuotaManagement) else 4
    return TrainingQueue(stack, name, queue_name=name, capacity=capacity, scheduling=scheduling)


def gpu_job(stack: Stack, name: str) -> GpuJobDefinition:
    return GpuJobDefinition(
        stack, name, job_definition_name=name, image="image@sha256:0", instance_type="g5.12xlarge", gpus=1
    )
