"""Warnings about submissions that AWS accepts and that are probably not meant."""

from collections.abc import Iterator, Sequence

from fairlane.catalog.training_catalog import training_instance_types
from fairlane.errors import Advice
from fairlane.scheduling import FairShare, Fifo, QuotaManagement, Sharing
from fairlane.scheduling.share_identifiers import stands_for
from fairlane_client.checks.placement import permanent_wait, quota_of
from fairlane_client.checks.request_rules import Request
from fairlane_client.queues.queue import Queue


def share_advice(queue: Queue, share: str, priority: int | None) -> Iterator[Advice]:
    """Yield warnings about the share and the priority of a job.

    Args:
        queue: Queue of the job.
        share: Share identifier or quota share. Empty if the job has none.
        priority: Scheduling priority. None if the job has none.
    """
    names = queue.policy.share_names
    if isinstance(queue.policy, FairShare) and share and not any(stands_for(name, share) for name in names):
        listed = ", ".join(names) or "none"
        text = f"the policy does not list the share {share}: it gets the weight 1; listed: {listed}"
        yield Advice("unlisted-share", text)
    if isinstance(queue.policy, Fifo) and priority is not None:
        yield Advice("unused-priority", "the queue is first in, first out: the priority has no effect")


def training_advice(
    queue: Queue, share: str, request: Request, training: Request, choices: Sequence[tuple[str, int]]
) -> Iterator[Advice]:
    """Yield warnings about a training job that can start.

    Args:
        queue: Queue of the job.
        share: Share identifier or quota share. Empty in a queue without shares.
        request: Request of SubmitServiceJob.
        training: Request of CreateTrainingJob.
        choices: Instance types and the number of instances of each, in the order of preference.
    """
    for instance_type, _ in choices:
        if instance_type and instance_type not in training_instance_types():
            text = f"{instance_type} is no SageMaker instance type that this release knows: check its spelling"
            yield Advice("unknown-instance-type", text)
    if isinstance(queue.policy, QuotaManagement):
        yield from _quota_advice(queue, queue.policy, share, training, *choices[0])
    elif training.get("EnableManagedSpotTraining") and not training.get("CheckpointConfig"):
        yield Advice("no-checkpoint", "managed Spot training without CheckpointConfig: an interrupted job starts anew")
    for instance_type, count in choices[1:]:
        if permanent_wait(queue, share, count, instance_type) is not None:
            text = (
                f"the preference {instance_type} does not fit the queue, and AWS does not document how AWS Batch "
                "counts preferences after the first"
            )
            yield Advice("preference-does-not-fit", text)
    timeout = request.get("timeoutConfig", {}).get("attemptDurationSeconds")
    longest = training.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
    if timeout is not None and longest is not None and timeout < longest:
        text = (
            f"timeoutConfig ends an attempt after {timeout:,} seconds, before MaxRuntimeInSeconds of {longest:,}; AWS "
            "Batch does not retry a job after its timeout"
        )
        yield Advice("short-timeout", text)


def _quota_advice(
    queue: Queue, policy: QuotaManagement, name: str, training: Request, instance_type: str, count: int
) -> Iterator[Advice]:
    own, _ = quota_of(queue, name, instance_type)
    share = next(share for share in policy.shares if share.name == name)
    if count > own:
        text = (
            f"{name} owns {own} of the {count} {instance_type} and borrows the others: the job can be preempted at any "
            "time, and preempts no job of another share"
        )
        yield Advice("above-quota", text)
    borrows = share.sharing == Sharing.LEND_AND_BORROW
    if (borrows or share.in_share_preemption) and not training.get("CheckpointConfig"):
        cause = "borrows instances" if borrows else "preempts its own jobs of lower priority"
        text = f"{name} {cause}, and the job has no CheckpointConfig: a preempted job starts anew"
        yield Advice("no-checkpoint", text)
