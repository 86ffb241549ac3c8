"""Rules of an elastic training job that need no cluster. Imports no aws_cdk."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final

from fairlane._internal.checks import check_choice, check_list, check_text, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Problem
from fairlane.hyperpod.elastic_batch import BatchPlan, batch_problems
from fairlane.hyperpod.elastic_job import (
    Checkpoint,
    CheckpointStorage,
    ElasticPolicy,
    ElasticTrainingJob,
    LogRule,
    ReplicaPart,
    RestartPolicy,
    is_whole,
)
from fairlane.hyperpod.elastic_pod_rules import (
    MIB,
    environment_problems,
    grace_problems,
    image_problems,
    log_rule_problems,
    request_problems,
    restart_problems,
)
from fairlane.hyperpod.elastic_policy_rules import (
    LABEL,
    LABEL_TEXT,
    SUBDOMAIN,
    SUBDOMAIN_TEXT,
    class_problems,
    part_problems,
    policy_problems,
)
from fairlane.hyperpod.governance_rules import MAX_CLASS_NAME, MAX_TEAM_NAME, check_short_name
from fairlane.hyperpod.instance_group import Taint
from fairlane.hyperpod.launcher_rules import added_argument_problems
from fairlane.hyperpod.quantities import parse_quantity
from fairlane.hyperpod.quota_table import amount_text
from fairlane.hyperpod.replica_requests import replica_processes, replica_requests

_KINDS: Final[tuple[tuple[str, type], ...]] = (
    ("team", str),
    ("instance_type", str),
    ("image", str),
    ("script", str),
    ("policy", ElasticPolicy),
    ("restart", RestartPolicy),
    ("checkpoint", Checkpoint),
    ("batch", BatchPlan),
    ("requests", Mapping),
    ("environment", Mapping),
)
_LISTS: Final = (
    ("parts", ReplicaPart, "ReplicaPart"),
    ("log_rules", LogRule, "LogRule"),
    ("tolerations", Taint, "Taint"),
    ("arguments", str, "texts"),
    ("launcher_arguments", str, "texts"),
)
_OPTIONAL: Final = ("batch", "checkpoint", "requests")
_NOUNS: Final = {"str": "a text", "Mapping": "a mapping"}
_MAX_PROCESSES: Final = 1024
_LARGEST: Final = 10**12


def elastic_job_problems(job: ElasticTrainingJob) -> Iterator[Problem]:
    """Yield the mistakes in a job that are mistakes on each cluster. Values known only at deployment pass.

    Sources: "Using elastic training in Amazon SageMaker HyperPod" in the Amazon SageMaker AI Developer Guide, and the
    code of hyperpod-elastic-agent 1.1.3. Not tested against a live cluster.

    Args:
        job: Job.
    """
    if mistakes := [*kind_problems(job)]:
        yield from mistakes
        return
    yield from check_text(("job_name",), job.job_name, LABEL.fullmatch, LABEL_TEXT)
    yield from check_short_name(("team",), job.team, MAX_TEAM_NAME)
    if not is_token(job.instance_type) and job.instance_type not in hyperpod_instance_types():
        yield Problem(("instance_type",), job.instance_type, "an instance type of HyperPod, such as ml.p5.48xlarge")
    yield from image_problems(job.image)
    yield from check_text(("script",), job.script, _is_script, "the path of a script, which does not start with -")
    yield from added_argument_problems(("launcher_arguments",), job.launcher_arguments)
    mistakes = [problem.within("policy") for problem in policy_problems(job.policy)]
    yield from mistakes
    yield from _size_problems(job)
    if job.priority_class is not None:
        yield from check_short_name(("priority_class",), job.priority_class, MAX_CLASS_NAME)
    yield from class_problems(job.priority_class, job.parts)
    if job.processes_per_replica is not None:
        path = ("processes_per_replica",)
        processes = [*check_whole_number(path, job.processes_per_replica, 1, _MAX_PROCESSES, unit="processes")]
        yield from processes
        mistakes += processes
    requests = [*request_problems(job.requests or {}, job.instance_type)]
    yield from requests
    mistakes += requests
    if job.batch is not None:
        bounded = not mistakes and not is_token(job.processes_per_replica)
        yield from batch_problems(job.batch, job.policy.sizes if bounded else (), replica_processes(job))
    yield from environment_problems(job.environment)
    yield from _pod_problems(job)
    if job.checkpoint is not None:
        yield from checkpoint_problems(job.checkpoint, job.policy)
    yield from restart_problems(job.restart)
    yield from log_rule_problems(job.log_rules)


def checkpoint_problems(checkpoint: Checkpoint, policy: ElasticPolicy) -> Iterator[Problem]:
    """Yield the mistakes in a checkpoint, and a graceful shutdown that ends before it is saved.

    Args:
        checkpoint: Checkpoint of a job.
        policy: Sizes and times of the job.
    """
    path = ("checkpoint",)
    mistakes = [
        *_check_amount((*path, "size_gib"), checkpoint.size_gib, "GiB"),
        *_check_amount((*path, "write_gib_per_second"), checkpoint.write_gib_per_second, "GiB per second"),
        *_check_amount((*path, "step_seconds"), checkpoint.step_seconds, "seconds", or_zero=True),
    ]
    yield from mistakes
    yield from check_choice((*path, "storage"), checkpoint.storage, CheckpointStorage)
    if checkpoint.storage in (CheckpointStorage.TIERED, CheckpointStorage.CHECKPOINTLESS):
        names = {"tiered": "managed tiered checkpointing", "checkpointless": "checkpointless training"}
        sentence = f"elastic training does not support {names[checkpoint.storage]}: use shared storage"
        yield Problem.relation((*path, "storage"), sentence)
    if checkpoint.claim_name is not None:
        yield from check_text((*path, "claim_name"), checkpoint.claim_name, SUBDOMAIN.fullmatch, SUBDOMAIN_TEXT)
    yield from check_text(
        (*path, "mount_path"),
        checkpoint.mount_path,
        lambda text: text.startswith("/") and ":" not in text and text.strip("/") not in ("", "dev/shm"),
        "an absolute folder other than / and /dev/shm, without :",
    )
    seconds = policy.graceful_shutdown_timeout_seconds
    if not mistakes and is_whole(seconds):
        amounts = (checkpoint.size_gib, checkpoint.write_gib_per_second, checkpoint.step_seconds)
        size, bandwidth, steps = (Fraction(str(amount)) for amount in amounts)
        needed = size / bandwidth + steps
        if seconds < needed:
            also = f" and {amount_text(checkpoint.step_seconds)} seconds of steps" if checkpoint.step_seconds else ""
            sentence = (
                f"{seconds} seconds are too short: {amount_text(checkpoint.size_gib)} GiB at "
                f"{amount_text(checkpoint.write_gib_per_second)} GiB per second{also} need {math.ceil(needed)}: use "
                f"at least {math.ceil(needed)}"
            )
            yield Problem.relation(("policy", "graceful_shutdown_timeout_seconds"), sentence)


def kind_problems(job: ElasticTrainingJob) -> Iterator[Problem]:
    """Yield values of the wrong type, with which nothing else can be checked."""
    for name, kind in _KINDS:
        value = getattr(job, name)
        if not (isinstance(value, kind) or (value is None and name in _OPTIONAL)):
            noun = _NOUNS.get(kind.__name__, "a mapping" if value is None else f"a value of type {kind.__name__}")
            yield Problem((name,), value, noun)
    for name, kind, items in _LISTS:
        yield from check_list((name,), getattr(job, name), kind, items)


def _size_problems(job: ElasticTrainingJob) -> Iterator[Problem]:
    """Yield the mistakes in parts. Those of the one part without parts are those of `initial_replicas`."""
    if job.parts and job.initial_replicas is not None:
        yield Problem.relation(("initial_replicas",), "the parts say how many replicas start: remove initial_replicas")
    for problem in part_problems(job.policy, job.all_parts):
        if job.parts:
            yield problem
        elif job.initial_replicas is not None and problem.field == ("parts", 0, "replicas"):
            yield replace(problem, field=("initial_replicas",))


def _pod_problems(job: ElasticTrainingJob) -> Iterator[Problem]:
    if job.service_account is not None:
        yield from check_text(("service_account",), job.service_account, SUBDOMAIN.fullmatch, SUBDOMAIN_TEXT)
    if job.shared_memory is not None:
        yield from _shared_memory_problems(job.shared_memory, replica_requests(job).get("memory"))
    for index, taint in enumerate(job.tolerations):
        yield from check_text(("tolerations", index, "key"), taint.key, str.strip, "the key of a taint")
    if job.termination_grace_seconds is not None:
        yield from grace_problems(job.termination_grace_seconds, job.policy.graceful_shutdown_timeout_seconds)


def _is_script(text: str) -> bool:
    return bool(text.strip()) and not text.startswith("-")


def _shared_memory_problems(size: str, memory: str | None) -> Iterator[Problem]:
    path = ("shared_memory",)
    if mistakes := [*check_text(path, size, _is_size, "a quantity of 1Mi or more, such as 512Gi")]:
        yield from mistakes
    elif memory is not None and not is_token(size) and 0 < _number(memory) < _number(size):
        sentence = f"{size} is more than the memory that the pod requests, which includes it: use less than {memory}"
        yield Problem.relation(path, sentence)


def _is_size(text: str) -> bool:
    return _number(text) >= MIB


def _number(text: str) -> Fraction:
    try:
        return parse_quantity(text)
    except ValueError:
        return Fraction(0)


def _check_amount(field: tuple[str, ...], got: object, unit: str, *, or_zero: bool = False) -> Iterator[Problem]:
    number = isinstance(got, int | float) and not isinstance(got, bool)
    if not number or not (0 <= got <= _LARGEST) or (got == 0 and not or_zero):  # type: ignore[operator]
        yield Problem(field, got, f"a number of {unit}, {'0 or more' if or_zero else 'above 0'}")
