"""Mistakes in elastic jobs, each one change of a right job, and the tools that may find them.

A mistake is in the manifest of the job, or, where no manifest says it, in the environment file: in what a team, a
cluster, a checkpoint or a batch is. The other tools then see the manifest without the mistake.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pydantic

from fairlane import ConfigurationError
from fairlane.environment import HyperPodModel, load_environment
from fairlane.errors import Path, Problem
from fairlane.hyperpod import job_manifest, manifest_placement_problems, manifest_problems
from fairlane.hyperpod.kubernetes_schema import object_mistakes
from tests.fairlane.hyperpod.elastic_jobs import IMAGE, aws_accepts
from tests.fairlane.hyperpod.governance import P5

JOB = {
    "team": "research",
    "instance_type": P5,
    "image": IMAGE,
    "script": "train.py",
    "policy": {"min_replicas": 4, "max_replicas": 16, "replica_increment_step": 4},
    "checkpoint": {"size_gib": 1000, "write_gib_per_second": 4, "step_seconds": 20, "claim_name": "fsx"},
    "batch": {"global_batch": 768, "micro_batch": 6, "learning_rate": 0.0003},
    "log_rules": {
        "start": {"pattern": ".*started.*", "expected_start_seconds": 900},
        "loss": {
            "pattern": r".*loss=(\d+).*",
            "metric_threshold": 9,
            "operator": "gt",
            "metric_data_points": 3,
        },
    },
}
PARTS = {
    "base": {"replicas": 4, "priority_class_name": "base"},
    "elastic": {"replicas": 0, "max_replicas": 12, "priority_class_name": "elastic"},
}
ENVIRONMENT = {
    "region": "us-east-1",
    "network": {"nat_gateways": 1},
    "hyperpod": {
        "train": {
            "kubernetes": {"chart": "oci://registry.example.com/chart:1.0.0"},
            "instance_groups": {
                "system": {"instance_type": "ml.m5.2xlarge", "instance_count": 2},
                "p5": {"instance_type": P5, "instance_count": 32},
            },
            "priority_classes": {"training": 50},
            "teams": {
                "inference": {"quota": {P5: 28}, "sharing": "Lend"},
                "research": {"quota": {P5: 4}, "borrow_limit": 300, "weight": 1},
            },
            "jobs": {"llama": JOB | {"priority_class": "training"}, "parts": JOB | {"parts": PARTS}},
        }
    },
}
"""Cluster of 256 GPUs with a job of 32 to 128 GPUs, and the same job with a base part and an elastic part."""

_CLUSTER = ("hyperpod", "train")
_LLAMA = (*_CLUSTER, "jobs", "llama")
_POLICY = ("spec", "elasticPolicy")
_FIRST_SPEC = ("spec", "replicaSpecs", 0)
_POD = (*_FIRST_SPEC, "template", "spec")
_TRAINER = (*_POD, "containers", 0)
_RULES = ("spec", "runPolicy", "logMonitoringConfiguration")
_LABELS = ("metadata", "labels")
_CLASS = (*_LABELS, "kueue.x-k8s.io/priority-class")
_ABSENT = object()

Changes = Mapping[Path, Any]


class Mistake(NamedTuple):
    """Mistake in a right job.

    Attributes:
        name: Description of the mistake.
        field: Field that Fairlane names.
        changes: New value by path, in the manifest of the job or in the environment file.
        job: Name of the right job.
    """

    name: str
    field: Path
    changes: Changes
    job: str = "llama"

    @property
    def in_manifest(self) -> bool:
        """True if a manifest says it, false if only the environment file does."""
        return next(iter(self.changes))[0] != "hyperpod"


def all_mistakes() -> list[Mistake]:
    """Return the mistakes in sizes, parts, quota, queues, pods, launchers, log rules, checkpoints and batches."""
    return [*_size_mistakes(), *_team_mistakes(), *_pod_mistakes(), *_launcher_mistakes(), *_file_mistakes()]


def _size_mistakes() -> Iterator[Mistake]:
    def policy(name: str, field: str, index: int | None = None, **values: Any) -> Mistake:
        changes: Changes = {(*_POLICY, key): value for key, value in values.items()}
        return Mistake(name, (*_POLICY, field) if index is None else (*_POLICY, field, index), changes)

    step, values = "replicaIncrementStep", "replicaDiscreteValues"
    yield policy("increment step and discrete values", step, replicaDiscreteValues=[4, 8, 16])
    yield policy("neither increment step nor discrete values", step, replicaIncrementStep=_ABSENT)

    def sizes(name: str, *numbers: int, index: int | None = None) -> Mistake:
        return policy(name, values, index, replicaIncrementStep=_ABSENT, replicaDiscreteValues=list(numbers))

    yield sizes("size of 0 replicas", 0, 4, 16, index=0)
    yield sizes("unsorted sizes", 8, 4, 16)
    yield sizes("size above the maximum", 4, 8, 16, 32, index=3)
    yield sizes("size below the minimum", 2, 4, 8, 16, index=0)
    yield policy("steps that do not reach the maximum", "maxReplicas", replicaIncrementStep=5)
    yield policy("minimum of 0", "minReplicas", minReplicas=0)
    yield policy("text as the maximum", "maxReplicas", maxReplicas="16")
    yield policy("misspelt field", "maxReplica", maxReplica=16)
    yield policy("negative scaling timeout", "scalingTimeoutInSeconds", scalingTimeoutInSeconds=-1)
    yield policy(
        "graceful shutdown shorter than the checkpoint",
        "gracefulShutdownTimeoutInSeconds",
        gracefulShutdownTimeoutInSeconds=120,
    )

    def changed(name: str, path: Path, value: Any, field: Path | None = None, job: str = "llama") -> Mistake:
        return Mistake(name, field or path, {path: value}, job)

    yield changed("initial size that is no size", (*_FIRST_SPEC, "replicas"), 6)
    yield changed("replica specification without maxReplicas", (*_FIRST_SPEC, "maxReplicas"), _ABSENT)
    parts = ("spec", "replicaSpecs")
    yield changed("parts that do not add up", (*parts, 1, "maxReplicas"), 16, parts, "parts")
    yield changed("the same class for both parts", (*_POD, "priorityClassName"), "elastic", parts, "parts")
    yield changed("part without a class", (*_POD, "priorityClassName"), _ABSENT, job="parts")
    yield changed("class label on a job with parts", _CLASS, "training-priority", job="parts")


def _team_mistakes() -> Iterator[Mistake]:
    def label(name: str, key: str, value: Any) -> Mistake:
        path = (*_LABELS, key)
        return Mistake(name, path, {path: value})

    maximum = (*_POLICY, "maxReplicas")
    larger: Changes = {maximum: 20, (*_FIRST_SPEC, "maxReplicas"): 20}
    yield Mistake("maximum that quota and borrowing never reach", maximum, larger)
    namespace = ("metadata", "namespace")
    queue = "kueue.x-k8s.io/queue-name"
    unknown = "hyperpod-ns-vision"
    yield Mistake("unknown team", namespace, {namespace: unknown, (*_LABELS, queue): f"{unknown}-localqueue"})
    yield label("unknown class", _CLASS[-1], "trainin-priority")
    yield label("class without the suffix of HyperPod", _CLASS[-1], "training")
    yield label("unknown queue", queue, "gpu-queue")
    yield label("job of a team without a queue", queue, _ABSENT)


def _pod_mistakes() -> Iterator[Mistake]:
    def pod(name: str, *path: str | int, value: Any = _ABSENT, field: Path | None = None) -> Mistake:
        return Mistake(name, field or (*_POD, *path), {(*_POD, *path): value})

    def resources(name: str, *path: str, value: Any = _ABSENT) -> Mistake:
        return pod(name, "containers", 0, "resources", *path, value=value)

    yield pod("Spot Instances", "nodeSelector", "karpenter.sh/capacity-type", value="spot")
    instance_type = ("nodeSelector", "node.kubernetes.io/instance-type")
    yield pod("instance type that the cluster lacks", *instance_type, value="ml.p5e.48xlarge")
    yield pod("no time for a checkpoint after SIGTERM", "terminationGracePeriodSeconds")
    yield pod("image without the port of the agent", "containers", 0, "ports")
    ports = (*_TRAINER, "ports")
    yield pod(
        "another port than that of the agent", "containers", 0, "ports", 0, "containerPort", value=9090, field=ports
    )
    yield pod("placeholder of an example as image", "containers", 0, "image", value="<your-training-container>")
    coordination = (*_TRAINER, "env", "HYPERPOD_SIGNAL_COORDINATION")
    yield pod("no signal coordination", "containers", 0, "env", field=coordination)
    entry = (*_TRAINER, "env", 0)
    yield pod("signal coordination disabled", "containers", 0, "env", 0, "value", value="disabled", field=entry)
    rank = [{"name": "HYPERPOD_SIGNAL_COORDINATION", "value": "distributed"}, {"name": "NNODES", "value": "16"}]
    yield pod("number of nodes as a variable", "containers", 0, "env", value=rank, field=(*_TRAINER, "env", 1))
    yield resources("memory of the whole instance", "requests", "memory", value="2Ti")
    yield resources("no request of vCPUs, which the quota counts", "requests", "cpu")
    yield resources("other limit than request of GPUs", "limits", "nvidia.com/gpu", value=4)
    yield resources("misspelt quantity", "requests", "memory", value="1800 GiB")


def _launcher_mistakes() -> Iterator[Mistake]:
    right = good_manifest("llama")["spec"]["replicaSpecs"][0]["template"]["spec"]["containers"][0]["args"]
    command, args = (*_TRAINER, "command"), (*_TRAINER, "args")

    def added(name: str, argument: str) -> Mistake:
        return Mistake(name, (*args, 0), {args: [argument, *right]})

    def without(name: str, option: str, *others: str, field: Path = command) -> Mistake:
        return Mistake(name, field, {args: [*others, *(each for each in right if not each.startswith(option))]})

    yield added("range of nodes", "--nnodes=4:16")
    yield added("fixed number of nodes", "--nnodes=4")
    yield added("restart within the process, of checkpointless training", "--inprocess-restart")
    yield added("address of a rendezvous", "--rdzv-endpoint=trainer-0:29500")
    yield added("option of another launcher", "--num-machines=4")
    yield without("SIGKILL instead of SIGTERM", "--shutdown-signal")
    yield without("shutdown timeout below that of the policy", "--shutdown-timeout", "--shutdown-timeout=60")
    yield without("no script", "train.py")
    yield without("log rules without log files", "--tee", field=_RULES)
    yield Mistake("torchrun instead of hyperpodrun", command, {command: ["torchrun"]})
    shell = ["bash", "-c", " ".join(["hyperpodrun", *right])]
    yield Mistake("shell as the first process", command, {command: shell, args: _ABSENT})
    yield Mistake("Ray in an elastic job", command, {command: ["ray", "start", "--head"], args: _ABSENT})
    ray: Changes = {("apiVersion",): "ray.io/v1", ("kind",): "RayCluster"}
    yield Mistake("elastic policy of a RayCluster", _POLICY, ray)
    processes = ("spec", "nprocPerNode")
    yield Mistake("two numbers of processes", processes, {processes: "4"})

    def rule(name: str, index: int, key: str, value: Any) -> Mistake:
        path = (*_RULES, index, key)
        return Mistake(name, path, {path: value})

    yield rule("pattern that is no regular expression", 1, "logPattern", "loss=(")
    yield rule("unknown operator of a log rule", 1, "operator", ">")
    yield rule("threshold that is no whole number", 1, "metricThreshold", 2.5)
    yield rule("log rule that finds nothing", 0, "expectedStartCutOffInSeconds", _ABSENT)
    yield Mistake("log rule listed twice", (*_RULES, 1), {(*_RULES, 1, "name"): "start"})


def _file_mistakes() -> Iterator[Mistake]:
    def job(name: str, *path: str, value: Any) -> Mistake:
        return Mistake(name, (*_LLAMA, *path), {(*_LLAMA, *path): value})

    def cluster(name: str, field: Path, *path: str, value: Any) -> Mistake:
        return Mistake(name, (*_LLAMA, *field), {(*_CLUSTER, *path): value})

    yield job("managed tiered checkpointing", "checkpoint", "storage", value="tiered")
    yield job("checkpointless training", "checkpoint", "storage", value="checkpointless")
    yield job("tensor parallelism that divides no size", "batch", "tensor_parallel", value=5)
    yield job("pipeline parallelism that divides no size", "batch", "pipeline_parallel", value=3)
    yield job("global batch that sizes do not divide", "batch", "global_batch", value=512)
    yield job("global batch smaller than the largest size", "batch", "global_batch", value=96)
    maximum = ("policy", "max_replicas")
    yield cluster("cap below the maximum", maximum, "teams", "research", "cap", value={"instances": {P5: 8}})
    yield cluster("default borrow limit", maximum, "teams", "research", "borrow_limit", value=50)
    small: Changes = {
        (*_CLUSTER, "instance_groups", "p5", "instance_count"): 12,
        (*_CLUSTER, "teams", "inference", "quota", P5): 8,
        (*_CLUSTER, "teams", "research", "borrow_limit"): 200,
    }
    yield Mistake("cluster smaller than the maximum", (*_LLAMA, *maximum), small)
    spot = {"instance_type": P5, "instance_count": 4, "purchase": "SPOT"}
    yield cluster("instance group of Spot Instances", ("instance_type",), "instance_groups", "spot", value=spot)
    taints = [{"key": "team", "value": "inference", "effect": "NoSchedule"}]
    group = ("instance_groups", "p5", "taints")
    yield cluster("taint that the job does not tolerate", ("instance_type",), *group, value=taints)


@cache
def good_cluster() -> HyperPodModel:
    """Return the cluster with the right jobs."""
    return _load(ENVIRONMENT)


@cache
def _good_manifests() -> dict[str, dict[str, Any]]:
    return {str(job.job_name): job_manifest(job) for job in good_cluster().jobs}


def good_manifest(job: str) -> dict[str, Any]:
    """Return a copy of the manifest of a right job."""
    return copy.deepcopy(_good_manifests()[job])


def manifest(mistake: Mistake) -> dict[str, Any]:
    """Return the manifest of a job with a mistake. It is right if the mistake is in no manifest."""
    right = good_manifest(mistake.job)
    return _changed(right, mistake.changes) if mistake.in_manifest else right


def problems(mistake: Mistake) -> list[Problem]:
    """Return the problems that Fairlane reports."""
    if mistake.in_manifest:
        return manifest_mistakes(manifest(mistake), mistake.job)
    try:
        _load(_changed(json.loads(json.dumps(ENVIRONMENT)), mistake.changes))  # the jobs share no mapping
    except ConfigurationError as error:
        return list(error.problems)
    return []


def manifest_mistakes(document: Mapping[str, Any], job: str) -> list[Problem]:
    """Return the problems of the manifest of a job, and of its place in the cluster."""
    cluster = good_cluster()
    (checkpoint,) = (each.checkpoint for each in cluster.jobs if each.job_name == job)
    place = (cluster.governance, cluster.teams, cluster.instance_groups, cluster.node_pools)
    return [*manifest_problems(document, checkpoint), *manifest_placement_problems(document, *place)]


def model_refuses(document: Mapping[str, Any]) -> bool:
    """Return True if AWS's model refuses the specification of a manifest."""
    try:
        aws_accepts(document)
    except pydantic.ValidationError:
        return True
    return False


def schema_refuses(document: Mapping[str, Any]) -> bool:
    """Return True if the strict Kubernetes schema refuses a manifest."""
    return bool(object_mistakes(document))


def _load(environment: Mapping[str, Any]) -> HyperPodModel:
    with TemporaryDirectory() as folder:
        file = FilePath(folder, "prod.yaml")
        file.write_text(json.dumps(environment))  # JSON is YAML
        return load_environment(file).hyperpod["train"]


def _changed(document: dict[str, Any], changes: Changes) -> dict[str, Any]:
    for (*outer, last), value in changes.items():
        inner: Any = document
        for key in outer:
            inner = inner[key]
        if value is _ABSENT:
            del inner[last]
        else:
            inner[last] = value
    return document
