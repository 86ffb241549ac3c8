"""Elastic jobs for tests, and AWS's own model of their specification."""

import gzip
import sys
import types
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from fairlane.hyperpod import (
    Checkpoint,
    ElasticPolicy,
    ElasticTrainingJob,
    LogRule,
    ReplicaPart,
    RestartPolicy,
    Taint,
    TaintEffect,
)
from tests.fairlane.hyperpod.governance import P5

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/ml/llm@sha256:" + "0" * 64
STEPS = ElasticPolicy(min_replicas=2, max_replicas=8, replica_increment_step=2)
VALUES = ElasticPolicy(min_replicas=1, max_replicas=8, replica_discrete_values=[1, 2, 4, 8])
BASE = ReplicaPart(part_name="base", replicas=2, priority_class_name="base")
ELASTIC = ReplicaPart(part_name="elastic", replicas=0, max_replicas=6, priority_class_name="elastic")
START = LogRule(rule_name="start", pattern=".*started.*", expected_start_seconds=900)
LOSS = LogRule(rule_name="loss", pattern=r".*loss=(\d+).*", metric_threshold=9, operator="gt", metric_data_points=3)
FAULT = LogRule(rule_name="fault", pattern=".*NaN.*", fault_on_match=True, stop_pattern=".*done.*")


def job(**options: Any) -> ElasticTrainingJob:
    defaults = {"job_name": "llama", "team": "research", "instance_type": P5, "image": IMAGE, "script": "train.py"}
    return ElasticTrainingJob(**{**defaults, "policy": STEPS, **options})


GOOD: Mapping[str, ElasticTrainingJob] = {
    "steps": job(),
    "values": job(policy=VALUES),
    "one size": job(policy=ElasticPolicy(min_replicas=4, max_replicas=4, replica_increment_step=1)),
    "initial size": job(policy=VALUES, initial_replicas=4),
    "parts": job(parts=[BASE, ELASTIC]),
    "parts that start larger": job(
        parts=[BASE, ReplicaPart(part_name="more", replicas=4, max_replicas=6, priority_class_name="x")]
    ),
    "class": job(priority_class="training"),
    "all times": job(
        policy=ElasticPolicy(
            min_replicas=1,
            max_replicas=3,
            replica_increment_step=1,
            graceful_shutdown_timeout_seconds=900,
            scaling_timeout_seconds=0,
            faulty_scale_down_timeout_seconds=120,
        )
    ),
    "log rules": job(log_rules=[START, LOSS]),
    "restarts": job(
        restart=RestartPolicy(
            max_restarts=0, max_full_restarts=0, process_restarts=0, evaluation_seconds=60, scale_up_snooze_seconds=0
        )
    ),
    "claim": job(checkpoint=Checkpoint(size_gib=500, write_gib_per_second=2, claim_name="fsx", mount_path="/fsx")),
    "bucket": job(checkpoint=Checkpoint(size_gib=500, write_gib_per_second=2, step_seconds=30)),
    "part of an instance": job(requests={"nvidia.com/gpu": 4}),
    "own requests": job(
        requests={"cpu": "96", "memory": "1Ti", "ephemeral-storage": "100Gi", "vpc.amazonaws.com/efa": 0}
    ),
    "environment": job(environment={"NCCL_DEBUG": "WARN", "HYPERPOD_SIGNAL_COORDINATION": "distributed"}),
    "arguments": job(arguments=["--config", "a.yaml"], launcher_arguments=["--max-restarts=3", "--redirects", "3"]),
    "processes": job(processes_per_replica=16, shared_memory="64Gi", service_account="trainer"),
    "grace": job(termination_grace_seconds=3600),
    "tolerations": job(tolerations=[Taint(key="team", value="a"), Taint(key="x", effect=TaintEffect.NO_EXECUTE)]),
    "Trainium": job(instance_type="ml.trn1.32xlarge"),
    "CPU": job(instance_type="ml.c5.2xlarge"),
    "small": job(instance_type="ml.c6g.medium"),
    "all": job(
        parts=[BASE, ELASTIC],
        log_rules=[START],
        checkpoint=Checkpoint(size_gib=1000, write_gib_per_second=4, step_seconds=20, claim_name="fsx"),
        environment={"LOGLEVEL": "INFO"},
        service_account="trainer",
        shared_memory="1Gi",
    ),
}
"""Jobs without mistakes, by feature."""


@cache
def aws_model() -> Any:
    """Return AWS's model of the specification of a HyperPodPyTorchJob. Keys must be given by name."""
    name = "hyperpod_pytorch_job_model"
    module = types.ModuleType(name)
    sys.modules[name] = module
    source = gzip.decompress(Path(__file__).with_name(f"{name}.py.gz").read_bytes())
    exec(compile(source, name, "exec"), module.__dict__)
    return module._HyperPodPytorchJob


def aws_accepts(manifest: Mapping[str, Any]) -> None:
    """Raise an error of pydantic if AWS's model refuses the specification."""
    aws_model().model_validate(manifest["spec"], by_alias=False, by_name=True)


@st.composite
def policies(draw: st.DrawFn) -> ElasticPolicy:
    times: dict[str, Any] = {
        "graceful_shutdown_timeout_seconds": draw(st.integers(1, 5000)),
        "scaling_timeout_seconds": draw(st.integers(0, 5000)),
        "faulty_scale_down_timeout_seconds": draw(st.none() | st.integers(0, 5000)),
    }
    if draw(st.booleans()):
        values = sorted(draw(st.sets(st.integers(1, 64), min_size=1, max_size=6)))
        return ElasticPolicy(min_replicas=values[0], max_replicas=values[-1], replica_discrete_values=values, **times)
    lowest, step, count = draw(st.integers(1, 16)), draw(st.integers(1, 8)), draw(st.integers(0, 8))
    return ElasticPolicy(min_replicas=lowest, max_replicas=lowest + step * count, replica_increment_step=step, **times)


@st.composite
def jobs(draw: st.DrawFn) -> ElasticTrainingJob:
    """Draw a job without mistakes."""
    policy = draw(policies())
    name = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
    graceful = policy.graceful_shutdown_timeout_seconds
    options: dict[str, Any] = {}
    growth = policy.max_replicas - policy.min_replicas
    if growth and draw(st.booleans()):
        start = draw(st.sampled_from(policy.sizes)) - policy.min_replicas
        more = ReplicaPart(
            part_name="more", replicas=start if start < growth else 0, max_replicas=growth, priority_class_name="low"
        )
        options["parts"] = [
            ReplicaPart(part_name="base", replicas=policy.min_replicas, priority_class_name="high"),
            more,
        ]
    else:
        options["initial_replicas"] = draw(st.none() | st.sampled_from(policy.sizes))
        options["priority_class"] = draw(st.none() | name)
    rules = [
        LogRule(rule_name=f"rule {index}", pattern=".*", expected_every_seconds=seconds)
        for index, seconds in enumerate(draw(st.lists(st.integers(1, 999), max_size=3)))
    ]
    return job(
        job_name=draw(name),
        team=draw(name),
        instance_type=draw(st.sampled_from((P5, "ml.p4d.24xlarge", "ml.g5.xlarge", "ml.trn2.48xlarge", "ml.m5.large"))),
        policy=policy,
        log_rules=rules,
        restart=RestartPolicy(
            max_restarts=draw(st.integers(0, 99)), scale_up_snooze_seconds=draw(st.integers(0, 9999))
        ),
        checkpoint=draw(
            st.none()
            | st.builds(
                Checkpoint,
                size_gib=st.floats(0.1, graceful / 2 + 0.1),
                write_gib_per_second=st.just(1.0),
                claim_name=st.none() | name,
            )
        ),
        environment=draw(st.dictionaries(st.sampled_from(("A", "NCCL_DEBUG", "LOGLEVEL")), st.text(max_size=9))),
        arguments=draw(st.lists(st.text(max_size=9), max_size=3)),
        processes_per_replica=draw(st.none() | st.integers(1, 16)),
        termination_grace_seconds=draw(st.none() | st.integers(graceful + 1, 99_999)),
        **options,
    )
