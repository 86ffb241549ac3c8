"""HyperPodPyTorchJob of an elastic training job, as a Kubernetes object. Imports no aws_cdk."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fairlane.errors import ConfigurationError
from fairlane.hyperpod.elastic_job import ElasticPolicy, ElasticTrainingJob, LogRule, ReplicaPart
from fairlane.hyperpod.elastic_pod_rules import COORDINATION, DISTRIBUTED
from fairlane.hyperpod.elastic_rules import elastic_job_problems
from fairlane.hyperpod.instance_group import Taint
from fairlane.hyperpod.launcher_rules import AGENT_PORT
from fairlane.hyperpod.manifest_fields import (
    INSTANCE_TYPE,
    LOG_FIELDS,
    POLICY_FIELDS,
    PRIORITY_CLASS,
    QUEUE_NAME,
    RESTART_FIELDS,
)
from fairlane.hyperpod.replica_requests import (
    accelerator_requests,
    replica_processes,
    replica_requests,
    request_amounts,
)
from fairlane.hyperpod.team_objects import COMPUTE

_HEALTH: Final = "sagemaker.amazonaws.com/node-health-status"
_LOG_FOLDER: Final = "/tmp/hyperpod"
_KEPT_SECONDS: Final = 3600
"""Seconds for which a job that has ended remains, so that its status can be read. The operator's default is 0."""


def job_manifest(job: ElasticTrainingJob) -> dict[str, Any]:
    """Return the `HyperPodPyTorchJob` of a job, for `kubectl apply -f`.

    The manifest has what the examples of AWS leave out: signal coordination, log files for log rules, SIGTERM with
    time for a checkpoint, the agent's port, `hyperpodrun` as first process, and requests that fit an instance. It sets
    neither `--nnodes` nor `NNODES`, because the operator gives the number of nodes with each start.

    Sources: "Using elastic training in Amazon SageMaker HyperPod" and "Using the HyperPod training operator" in the
    Amazon SageMaker AI Developer Guide; hyperpod-elastic-agent 1.1.3. Not applied to a live cluster.

    Args:
        job: Job.

    Raises:
        ConfigurationError: If the job has mistakes.
    """
    if problems := list(elastic_job_problems(job)):
        raise ConfigurationError(str(job.job_name), problems)
    labels = {QUEUE_NAME: f"{job.namespace}-localqueue"}
    if job.priority_class is not None:
        labels[PRIORITY_CLASS] = f"{job.priority_class}-priority"
    return {
        "apiVersion": "sagemaker.amazonaws.com/v1",
        "kind": "HyperPodPyTorchJob",
        "metadata": {"name": job.job_name, "namespace": job.namespace, "labels": labels},
        "spec": {
            "nprocPerNode": str(replica_processes(job)),
            "runPolicy": _run_policy(job),
            "elasticPolicy": _elastic_policy(job.policy),
            "replicaSpecs": [_replica_spec(job, part) for part in job.all_parts],
        },
    }


def _run_policy(job: ElasticTrainingJob) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "cleanPodPolicy": "OnlyComplete",
        "jobMaxRetryCount": job.restart.max_restarts,
        "ttlSecondsAfterFinished": _KEPT_SECONDS,
        "restartPolicy": {key: getattr(job.restart, name) for name, key in RESTART_FIELDS.items()},
    }
    if job.log_rules:
        policy["logMonitoringConfiguration"] = [_log_rule(rule) for rule in job.log_rules]
    return policy


def _log_rule(rule: LogRule) -> dict[str, Any]:
    stated = _stated({key: getattr(rule, name) for name, key in LOG_FIELDS.items()})
    return {key: value for key, value in stated.items() if value is not False}


def _elastic_policy(policy: ElasticPolicy) -> dict[str, Any]:
    stated = _stated({key: getattr(policy, name) for name, key in POLICY_FIELDS.items()})
    return {key: list(value) if isinstance(value, Sequence) else value for key, value in stated.items()}


def _replica_spec(job: ElasticTrainingJob, part: ReplicaPart) -> dict[str, Any]:
    spec = {
        "restartPolicy": "Never",
        "priorityClassName": part.priority_class_name,
        "serviceAccountName": job.service_account,
        "terminationGracePeriodSeconds": job.grace_seconds,
        "nodeSelector": {INSTANCE_TYPE: job.instance_type, _HEALTH: "Schedulable"},
        "tolerations": [*_tolerations(job)] or None,
        "containers": [_container(job)],
        "volumes": [{"name": name, **source} for name, _, source in _volumes(job)],
    }
    template = {"spec": _stated(spec)}
    sizes = {"replicas": part.replicas, "maxReplicas": part.max_replicas}
    return {"name": part.part_name, **_stated(sizes), "template": template}


def _tolerations(job: ElasticTrainingJob) -> Iterator[dict[str, str]]:
    for name in accelerator_requests(job):
        yield {"key": name, "operator": "Exists", "effect": "NoSchedule"}
    yield from map(_toleration, job.tolerations)


def _toleration(taint: Taint) -> dict[str, str]:
    value = {"operator": "Exists"} if taint.value is None else {"operator": "Equal", "value": taint.value}
    return {"key": taint.key, **value, "effect": str(taint.effect)}


def _container(job: ElasticTrainingJob) -> dict[str, Any]:
    requests = replica_requests(job)
    environment = {COORDINATION: DISTRIBUTED} | dict(job.environment)
    return {
        "name": "trainer",
        "image": job.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["hyperpodrun"],
        "args": [*launcher_arguments(job), job.script, *job.arguments],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "ports": [{"name": "agent", "containerPort": AGENT_PORT}],
        "resources": {
            "requests": requests,
            "limits": {name: amount for name, amount in requests.items() if name not in COMPUTE},
        },
        "volumeMounts": [{"name": name, "mountPath": path} for name, path, _ in _volumes(job)],
    }


def launcher_arguments(job: ElasticTrainingJob) -> list[str]:
    """Return the arguments of `hyperpodrun` in front of the script.

    SIGTERM and its time limit apply when a pod is evicted: without them, the processes are killed at once.
    """
    return [
        f"--nproc-per-node={replica_processes(job)}",
        "--rdzv-backend=hyperpod",
        "--server-host=0.0.0.0",
        f"--server-port={AGENT_PORT}",
        "--tee=3",
        f"--log-dir={_LOG_FOLDER}",
        "--shutdown-signal=SIGTERM",
        f"--shutdown-timeout={job.policy.graceful_shutdown_timeout_seconds}",
        *job.launcher_arguments,
    ]


def _volumes(job: ElasticTrainingJob) -> Sequence[tuple[str, str, Mapping[str, Any]]]:
    """Return the name, the folder and the source of each volume."""
    memory = request_amounts(replica_requests(job)).get("memory", 0)
    size = job.shared_memory or (f"{memory // 4}Gi" if memory >= 4 else None)
    shared = {"emptyDir": _stated({"medium": "Memory", "sizeLimit": size})}
    volumes: list[tuple[str, str, Mapping[str, Any]]] = [("shm", "/dev/shm", shared)]
    if job.checkpoint and job.checkpoint.claim_name:
        claim = {"persistentVolumeClaim": {"claimName": job.checkpoint.claim_name}}
        volumes.append(("checkpoints", job.checkpoint.mount_path, claim))
    return volumes


def _stated(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
