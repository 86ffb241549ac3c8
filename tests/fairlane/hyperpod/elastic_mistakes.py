"""Mistakes in elastic jobs, each one change of a right job."""

from collections.abc import Iterator
from typing import Any

from fairlane.errors import Path
from tests.fairlane.hyperpod.elastic_cases import ABSENT, Changes, Mistake, good_manifest
from tests.fairlane.hyperpod.governance import P5

_CLUSTER = ("hyperpod", "train")
_LLAMA = (*_CLUSTER, "jobs", "llama")
_POLICY = ("spec", "elasticPolicy")
_FIRST_SPEC = ("spec", "replicaSpecs", 0)
_POD = (*_FIRST_SPEC, "template", "spec")
_TRAINER = (*_POD, "containers", 0)
_RULES = ("spec", "runPolicy", "logMonitoringConfiguration")
_LABELS = ("metadata", "labels")
_CLASS = (*_LABELS, "kueue.x-k8s.io/priority-class")


def all_mistakes() -> list[Mistake]:
    """Return the mistakes in sizes, parts, quota, queues, pods, launchers, log rules, checkpoints and batches."""
    return [*_size_mistakes(), *_team_mistakes(), *_pod_mistakes(), *_launcher_mistakes(), *_file_mistakes()]


def _size_mistakes() -> Iterator[Mistake]:
    def policy(name: str, field: str, index: int | None = None, **values: Any) -> Mistake:
        changes: Changes = {(*_POLICY, key): value for key, value in values.items()}
        return Mistake(name, (*_POLICY, field) if index is None else (*_POLICY, field, index), changes)

    step, values = "replicaIncrementStep", "replicaDiscreteValues"
    yield policy("increment step and discrete values", step, replicaDiscreteValues=[4, 8, 16])
    yield policy("neither increment step nor discrete values", step, replicaIncrementStep=ABSENT)

    def sizes(name: str, *numbers: int, index: int | None = None) -> Mistake:
        return policy(name, values, index, replicaIncrementStep=ABSENT, replicaDiscreteValues=list(numbers))

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
    yield changed("replica specification without maxReplicas", (*_FIRST_SPEC, "maxReplicas"), ABSENT)
    parts = ("spec", "replicaSpecs")
    yield changed("parts that do not add up", (*parts, 1, "maxReplicas"), 16, parts, "parts")
    yield changed("the same class for both parts", (*_POD, "priorityClassName"), "elastic", parts, "parts")
    yield changed("part without a class", (*_POD, "priorityClassName"), ABSENT, job="parts")
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
    yield label("job of a team without a queue", queue, ABSENT)


def _pod_mistakes() -> Iterator[Mistake]:
    def pod(name: str, *path: str | int, value: Any = ABSENT, field: Path | None = None) -> Mistake:
        return Mistake(name, field or (*_POD, *path), {(*_POD, *path): value})

    def resources(name: str, *path: str, value: Any = ABSENT) -> Mistake:
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
    yield Mistake("shell as the first process", command, {command: shell, args: ABSENT})
    yield Mistake("Ray in an elastic job", command, {command: ["ray", "start", "--head"], args: ABSENT})
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
    yield rule("log rule that finds nothing", 0, "expectedStartCutOffInSeconds", ABSENT)
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
