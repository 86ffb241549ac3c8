"""Elastic training jobs of a HyperPod cluster, as values. Imports no aws_cdk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeGuard

from fairlane._internal.tokens import is_token
from fairlane.hyperpod.elastic_batch import BatchPlan
from fairlane.hyperpod.instance_group import Taint

MAX_REPLICAS: Final = 6758
"""Largest number of instances of a HyperPod cluster."""
MARGIN_SECONDS: Final = 60
"""Seconds from the end of the graceful shutdown to the end of an evicted pod."""


def is_whole(value: object) -> TypeGuard[int]:
    """Return True if a value is a whole number that is known at synth."""
    return isinstance(value, int) and not isinstance(value, bool) and not is_token(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticPolicy:
    """Sizes of an elastic job in replicas, and the times of its changes.

    One replica is one pod, which is one instance in most jobs. One of `replica_increment_step` and
    `replica_discrete_values` is required.

    Args:
        min_replicas: Smallest size in replicas, 1 to 6,758.
        max_replicas: Largest size in replicas, 1 to 6,758, which `replica_increment_step` or `replica_discrete_values`
            reaches.
        replica_increment_step: Number of replicas between two sizes, 1 to 6,758.
        replica_discrete_values: Sizes in replicas, sorted, the first `min_replicas` and the last `max_replicas`.
        graceful_shutdown_timeout_seconds: Number of seconds for a checkpoint and the end of all processes before they
            are killed, 1 to 2,147,483,647. Default: 600.
        scaling_timeout_seconds: Number of seconds before a job grows, so that it does not follow each short gap, 0 to
            2,147,483,647. Default: 60.
        faulty_scale_down_timeout_seconds: Number of seconds for which a job waits for a replacement of a faulty
            instance before it shrinks, 0 to 2,147,483,647. Default: the default of the training operator.
    """

    min_replicas: int
    max_replicas: int
    replica_increment_step: int | None = None
    replica_discrete_values: Sequence[int] | None = None
    graceful_shutdown_timeout_seconds: int = 600
    scaling_timeout_seconds: int = 60
    faulty_scale_down_timeout_seconds: int | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes in replicas, in ascending order. Empty if the policy has mistakes."""
        values, step = self.replica_discrete_values, self.replica_increment_step
        if values is not None:
            whole = (
                not isinstance(values, str)
                and isinstance(values, Sequence)
                and all(is_whole(value) and 1 <= value <= MAX_REPLICAS for value in values)
            )
            return tuple(sorted(set(values))) if whole else ()
        if not (is_whole(step) and is_whole(self.min_replicas) and is_whole(self.max_replicas)):
            return ()
        if step is None or step < 1 or self.min_replicas < 1:
            return ()
        return tuple(range(self.min_replicas, min(self.max_replicas, MAX_REPLICAS) + 1, step))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaPart:
    """Part of the replicas of a job, with a priority of its own in Kubernetes, so that one part is preempted first.

    Args:
        part_name: Name of the replica specification, a DNS label of 1 to 63 characters, for example base or elastic.
        replicas: Number of replicas at the start, 0 to 6,758.
        max_replicas: Largest number of replicas, 1 to 6,758. Default: `replicas`, and the part keeps its size.
        priority_class_name: Name of the priority class of the pods in Kubernetes. Fairlane creates `base` and
            `elastic` on a cluster with teams. Default: none.
    """

    part_name: str
    replicas: int
    max_replicas: int | None = None
    priority_class_name: str | None = None


class CheckpointStorage(StrEnum):
    """Storage of checkpoints. Elastic training supports shared storage only."""

    SHARED = "shared"
    """File system or bucket that all instances reach, for example FSx for Lustre."""
    TIERED = "tiered"
    """Managed tiered checkpointing of HyperPod. Not supported by elastic training."""
    CHECKPOINTLESS = "checkpointless"
    """Checkpointless training of HyperPod. Not supported by elastic training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Checkpoint of a job, which it saves before each change of its size.

    Args:
        size_gib: Size of the weights, the optimizer state and the rest in GiB, above 0.
        write_gib_per_second: Bandwidth of all writers together in GiB per second, above 0.
        storage: Storage of checkpoints. Default: shared.
        step_seconds: Number of seconds until the current step, or the steps between two looks for an event, end.
            0 or more. Default: 0.
        claim_name: PersistentVolumeClaim of the file system. Default: none, and the script writes to a bucket.
        mount_path: Folder of the file system in the container. Default: /mnt/checkpoints.
    """

    size_gib: float
    write_gib_per_second: float
    storage: CheckpointStorage = CheckpointStorage.SHARED
    step_seconds: float = 0
    claim_name: str | None = None
    mount_path: str = "/mnt/checkpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRule:
    """Rule that finds a hanging or failed job in its logs.

    Args:
        rule_name: Name of the rule.
        pattern: Regular expression of the line.
        expected_start_seconds: Number of seconds from the start to the first line, 1 or more. Default: no limit.
        expected_every_seconds: Number of seconds between two lines, 1 or more. Default: no limit.
        stop_pattern: Regular expression of the line after which the rule no longer applies. Default: none.
        metric_threshold: Threshold of the first group of the pattern, a whole number. Default: none.
        operator: Comparison of the metric with the threshold: gt, lt, eq, gteq or lteq. Default: none.
        metric_data_points: Number of consecutive values that break the threshold, 1 or more. Default: 1.
        fault_on_match: True if a line that matches is a fault of the job. Default: False.
    """

    rule_name: str
    pattern: str
    expected_start_seconds: int | None = None
    expected_every_seconds: int | None = None
    stop_pattern: str | None = None
    metric_threshold: int | None = None
    operator: str | None = None
    metric_data_points: int | None = None
    fault_on_match: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """Restarts of a job after failures, and the pause before it grows again.

    Args:
        max_restarts: Number of restarts before the job fails, 0 or more. Default: 20.
        max_full_restarts: Number of restarts of all pods within `evaluation_seconds`, 0 or more. Default: 3.
        process_restarts: Number of restarts of processes before all pods restart, 0 or more. Default: 3.
        evaluation_seconds: Number of seconds of the period in which restarts are counted, 1 or more. Default: 21,600.
        scale_up_snooze_seconds: Number of seconds after a restart in which the job does not grow, 0 or more. Default:
            600.
    """

    max_restarts: int = 20
    max_full_restarts: int = 3
    process_restarts: int = 3
    evaluation_seconds: int = 21_600
    scale_up_snooze_seconds: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticTrainingJob:
    """Elastic training job of a team, which grows into idle instances and gives them back.

    A job is no infrastructure: `fairlane hyperpod job` renders its `HyperPodPyTorchJob` for `kubectl apply`.

    Args:
        job_name: Name of the job, a DNS label of at most 63 characters.
        team: Name of the team in whose namespace the job runs.
        instance_type: SageMaker instance type of the replicas, for example ml.p5.48xlarge.
        image: Container image with PyTorch below 2.12 and the package hyperpod-elastic-agent.
        script: Path of the training script in the image.
        arguments: Arguments of the script. Default: none.
        launcher_arguments: Further arguments of `hyperpodrun`. Default: none.
        policy: Sizes of the job and times of its changes.
        initial_replicas: Size at the start. Default: `min_replicas`.
        parts: Two parts with priorities of their own for partial preemption: one that keeps `min_replicas`, and one
            that grows. Default: one part named worker.
        priority_class: Class of the cluster's `priority_classes`. Not with parts. Default: none, and priority 0.
        processes_per_replica: Number of processes of a replica, 1 to 1,024. Default: one per accelerator.
        requests: Requests of the container by resource, for example `{"nvidia.com/gpu": 4}`. Resources that are not
            stated are in proportion to the accelerators or MIG partitions. Default: an instance without what its
            daemons need.
        environment: Environment variables of the container. Default: those that elastic training requires.
        service_account: Kubernetes service account of the pods. Default: that of the namespace.
        shared_memory: Size of /dev/shm as a Kubernetes quantity, at most the memory of the pod. Default: a quarter of
            it.
        checkpoint: Checkpoint of the job. Default: not stated, and the graceful shutdown is not checked against it.
        batch: Batch and learning rate, for checks at each size. Default: not stated.
        restart: Restarts of the job. Default: the defaults of each setting.
        log_rules: Rules that find a hanging job in its logs. Default: none.
        termination_grace_seconds: Number of seconds between SIGTERM and SIGKILL when a pod is evicted, more than the
            graceful shutdown. Default: the graceful shutdown and 60.
        tolerations: Taints of nodes that the pods tolerate, besides that of the accelerators. Default: none.
        recipe: Path of the HyperPod recipe that the script runs, whose `scale_config` is checked against the sizes and
            the batch. Default: none.
    """

    job_name: str
    team: str
    instance_type: str
    image: str
    script: str
    policy: ElasticPolicy
    arguments: Sequence[str] = ()
    launcher_arguments: Sequence[str] = ()
    initial_replicas: int | None = None
    parts: Sequence[ReplicaPart] = ()
    priority_class: str | None = None
    processes_per_replica: int | None = None
    requests: Mapping[str, str | int] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    service_account: str | None = None
    shared_memory: str | None = None
    checkpoint: Checkpoint | None = None
    batch: BatchPlan | None = None
    restart: RestartPolicy = RestartPolicy()
    log_rules: Sequence[LogRule] = ()
    termination_grace_seconds: int | None = None
    tolerations: Sequence[Taint] = ()
    recipe: str | None = None

    @property
    def namespace(self) -> str:
        """Name of the team's Kubernetes namespace."""
        return f"hyperpod-ns-{self.team}"

    @property
    def all_parts(self) -> tuple[ReplicaPart, ...]:
        """Parts, or one part named worker with all replicas."""
        initial = self.policy.min_replicas if self.initial_replicas is None else self.initial_replicas
        worker = ReplicaPart(part_name="worker", replicas=initial, max_replicas=self.policy.max_replicas)
        return tuple(self.parts) or (worker,)

    @property
    def grace_seconds(self) -> int:
        """Number of seconds between SIGTERM and SIGKILL when a pod is evicted."""
        if self.termination_grace_seconds is not None:
            return self.termination_grace_seconds
        return self.policy.graceful_shutdown_timeout_seconds + MARGIN_SECONDS
