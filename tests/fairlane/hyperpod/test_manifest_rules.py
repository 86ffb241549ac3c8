"""Manifests that others wrote: published examples of AWS, and each fault by name.

The examples have the fields of the published ones that matter here, and their faults. Sources: "Using elastic training
in Amazon SageMaker HyperPod" in the Amazon SageMaker AI Developer Guide; the AWS blog article "Adaptive infrastructure
for foundation model training with elastic training on SageMaker HyperPod"; and train-lora-hyperpod-elastic-g6e.yaml of
https://github.com/awslabs/awsome-distributed-ai at commit 95b939c, which is licensed under MIT-0.
"""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane.hyperpod import Checkpoint, job_manifest, manifest_advice, manifest_problems
from tests.fairlane.hyperpod.elastic_jobs import BASE, ELASTIC, FAULT, LOSS, START, aws_accepts, job

CONTAINER = "spec.replicaSpecs[0].template.spec.containers[0]"
POLICY = "spec.elasticPolicy"


def elastic_job(policy: Mapping[str, Any], *parts: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "sagemaker.amazonaws.com/v1",
        "kind": "HyperPodPyTorchJob",
        "metadata": {"name": "elastic-training-job"},
        "spec": {"elasticPolicy": dict(policy), "replicaSpecs": list(parts), **spec},
    }


TIMES = {"gracefulShutdownTimeoutInSeconds": 600, "scalingTimeoutInSeconds": 60, "faultyScaleDownTimeoutInSeconds": 30}
GUIDE = elastic_job(
    {"minReplicas": 1, "maxReplicas": 4, "replicaIncrementStep": 1, "replicaDiscreteValues": [2, 4, 8], **TIMES},
    {"name": "pods", "replicas": 4, "maxReplicas": 8},
)
GUIDE_PARTS = elastic_job(
    {"minReplicas": 2, "maxReplicas": 8, "replicaIncrementStep": 2},
    {"name": "base", "replicas": 2, "template": {"spec": {"priorityClassName": "high-priority", "containers": []}}},
    {
        "name": "elastic",
        "replicas": 0,
        "maxReplicas": 6,
        "template": {"spec": {"priorityClassName": "low-priority.", "containers": []}},
    },
)
DEVICES = {"nvidia.com/gpu": 8, "vpc.amazonaws.com/efa": 32}
ARTICLE = elastic_job(
    {"minReplicas": 2, "maxReplicas": 8, "replicaIncrementStep": 2, **TIMES},
    {
        "name": "worker",
        "replicas": 2,
        "maxReplicas": 8,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "pytorch",
                        "image": "<your-training-container>",
                        "command": ["hyperpodrun"],
                        "args": ["--nnodes=2", "--nproc-per-node=8", "--rdzv-backend=hyperpod", "train.py"],
                        "resources": {"requests": DEVICES, "limits": DEVICES},
                    }
                ]
            }
        },
    },
)
SAMPLE_DEVICES = {"nvidia.com/gpu": 4, "memory": "180Gi", "vpc.amazonaws.com/efa": 1}
SAMPLE = elastic_job(
    {"minReplicas": 1, "maxReplicas": 4, "replicaIncrementStep": 1, "gracefulShutdownTimeoutInSeconds": 30},
    {
        "name": "worker",
        "replicas": 4,
        "maxReplicas": 4,
        "template": {
            "spec": {
                "nodeSelector": {"node.kubernetes.io/instance-type": "ml.g6e.12xlarge"},
                "containers": [
                    {
                        "name": "pytorch",
                        "image": "${REGISTRY}${IMAGE}:${TAG}",
                        "command": ["hyperpodrun", "--nproc_per_node=4", "--nnodes=4", "/app/sft.py", "--bf16=True"],
                        "resources": {"requests": SAMPLE_DEVICES, "limits": SAMPLE_DEVICES},
                        "env": [{"name": "NCCL_DEBUG", "value": "INFO"}],
                    }
                ],
            }
        },
    },
    nprocPerNode="4",
)
NO_NODES = (
    "a fixed number of nodes is wrong at all other sizes, and the training operator gives the number of nodes with each start: "
    "remove --nnodes"
)
KILLED = (
    "hyperpodrun kills the processes of an evicted pod by SIGKILL, without a checkpoint: add --shutdown-signal=SIGTERM and "
    "--shutdown-timeout"
)
PORT = "the training operator calls the agent on port 8080: add containerPort 8080"
COORDINATION = "missing: without it, no process sees a scaling event: add the value distributed"
NOT_COUNTED = "missing: quotas do not count it, and a ResourceQuota that counts it refuses the pod: add it"
PLACEHOLDER = "allowed: the URI of an image, without placeholders such as <image> or ${IMAGE}"


def mistakes(manifest: Mapping[str, Any], checkpoint: Checkpoint | None = None) -> list[str]:
    return [str(problem) for problem in manifest_problems(manifest, checkpoint)]


def test_the_example_of_the_guide() -> None:
    aws_accepts(GUIDE)
    assert mistakes(GUIDE) == [
        f"{POLICY}.replicaIncrementStep: replicaIncrementStep and replicaDiscreteValues exclude each other: remove one of them",
        f"{POLICY}.replicaDiscreteValues[2]: 8 is outside minReplicas and maxReplicas, 1 to 4: remove it",
        f"{POLICY}.minReplicas: 1 is no size: add 1 to replicaDiscreteValues or use 2",
        "spec.replicaSpecs[0].maxReplicas: 8, and the maximum of the policy is 4: use the same number",
        "spec.replicaSpecs[0].template: missing: the training operator creates the pods from it",
    ]


def test_the_partial_preemption_of_the_guide_has_a_dot_too_many_and_no_containers() -> None:
    assert mistakes(GUIDE_PARTS) == [
        "spec.replicaSpecs[1].template.spec.priorityClassName: got 'low-priority.', allowed: 1 to 253 lower-case letters, digits, "
        "- and ., with a letter or digit at both ends",
        *(
            f"spec.replicaSpecs[{part}].template.spec.containers: missing: add a container that runs hyperpodrun"
            for part in (0, 1)
        ),
    ]


def test_the_example_of_the_launch_article() -> None:
    aws_accepts(ARTICLE)
    assert mistakes(ARTICLE) == [
        f"{CONTAINER}.args[0]: {NO_NODES}",
        f"{CONTAINER}.command: {KILLED}",
        f"{CONTAINER}.image: got '<your-training-container>', {PLACEHOLDER}",
        f"{CONTAINER}.ports: {PORT}",
        f"{CONTAINER}.env.HYPERPOD_SIGNAL_COORDINATION: {COORDINATION}",
        f"{CONTAINER}.resources.requests.cpu: {NOT_COUNTED}",
        f"{CONTAINER}.resources.requests.memory: {NOT_COUNTED}",
        "spec.replicaSpecs[0].template.spec.terminationGracePeriodSeconds: Kubernetes kills an evicted pod after 30 seconds, and "
        "gracefulShutdownTimeoutInSeconds is 600 seconds: use more than 600",
    ]
    assert [advice.id for advice in manifest_advice(ARTICLE)] == ["fairlane:ElasticTrainingJob.queue"]


def test_the_sample_of_aws() -> None:
    aws_accepts(SAMPLE)
    assert mistakes(SAMPLE) == [
        f"{CONTAINER}.command[2]: {NO_NODES}",
        f"{CONTAINER}.command: {KILLED}",
        f"{CONTAINER}.image: got '${{REGISTRY}}${{IMAGE}}:${{TAG}}', {PLACEHOLDER}",
        f"{CONTAINER}.ports: {PORT}",
        f"{CONTAINER}.env.HYPERPOD_SIGNAL_COORDINATION: {COORDINATION}",
        f"{CONTAINER}.resources.requests.cpu: {NOT_COUNTED}",
        "spec.replicaSpecs[0].template.spec.terminationGracePeriodSeconds: Kubernetes kills an evicted pod after 30 seconds, and "
        "gracefulShutdownTimeoutInSeconds is 30 seconds: use more than 30",
    ]
    slow = Checkpoint(size_gib=120, write_gib_per_second=2, step_seconds=15)
    assert (
        f"{POLICY}.gracefulShutdownTimeoutInSeconds: 30 seconds are too short: 120 GiB at 2 GiB per second and 15 seconds of steps "
        "need 75: use at least 75"
    ) in mistakes(SAMPLE, slow)


GOOD = job_manifest(job(log_rules=[START, LOSS, FAULT]))
GOOD_PARTS = job_manifest(job(parts=[BASE, ELASTIC]))
MISSING: Any = object()
POD = ("spec", "replicaSpecs", 0, "template", "spec")
FIRST = (*POD, "containers", 0)
RULES = ("spec", "runPolicy", "logMonitoringConfiguration")
ENV = (*FIRST, "env", 0)


def changed(manifest: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return a manifest with another value at a path, or without the value there."""
    manifest = copy.deepcopy(manifest)
    *outer, last = path
    inner: Any = manifest
    for key in outer:
        inner = inner[key]
    if value is MISSING:
        del inner[last]
    else:
        inner[last] = value
    return manifest


def without_argument(*names: str) -> list[str]:
    arguments: list[str] = GOOD["spec"]["replicaSpecs"][0]["template"]["spec"]["containers"][0]["args"]
    return [argument for argument in arguments if not argument.startswith(names)]


FAULTS: list[tuple[tuple[Any, ...], Any, str]] = [
    (("kind",), "HyperPodPytorchJob", "kind: HyperPodPytorchJob of sagemaker.amazonaws.com/v1 has no schema"),
    (("spec", "elasticPolicy", "minReplica"), 2, f"{POLICY}.minReplica: unknown field"),
    (
        ("spec", "elasticPolicy", "minReplicas"),
        MISSING,
        f"{POLICY}.minReplicas: missing; use a whole number of replicas, 1 to 6758",
    ),
    (("spec", "elasticPolicy", "maxReplicas"), "8", f"{POLICY}.maxReplicas: got '8', allowed: a whole number"),
    (
        ("spec", "elasticPolicy", "replicaIncrementStep"),
        4,
        f"{POLICY}.maxReplicas: steps of 4 from 2 do not reach 8: use 6 or 10",
    ),
    (
        ("spec", "elasticPolicy", "replicaIncrementStep"),
        MISSING,
        f"{POLICY}.replicaIncrementStep: missing; use replicaIncrementStep or replicaDiscreteValues",
    ),
    (("spec", "elasticPolicy", "scalingTimeoutInSeconds"), -1, "scalingTimeoutInSeconds: got -1, allowed: 0 or more"),
    (
        ("spec", "replicaSpecs", 0, "replicas"),
        3,
        "spec.replicaSpecs[0].replicas: 3 is no size of the policy: use 2, 4, 6, 8",
    ),
    (
        ("spec", "replicaSpecs", 0, "maxReplicas"),
        MISSING,
        "spec.replicaSpecs[0].maxReplicas: 2, and the maximum of the policy is 8: use the same number",
    ),
    (("spec", "replicaSpecs"), [], "spec.replicaSpecs: missing; use one or two replica specifications"),
    (
        ("spec", "elasticPolicy"),
        MISSING,
        "spec.replicaSpecs[0].maxReplicas: only an elastic job has a maximum: add spec.elasticPolicy or remove it",
    ),
    (
        ("spec", "nprocPerNode"),
        "4",
        "spec.nprocPerNode: 4 differs from --nproc-per-node=8 of hyperpodrun: use the same number",
    ),
    (("metadata", "name"), "My_job", "metadata.name: got 'My_job', allowed: 1 to 63 lower-case letters, digits and -"),
    (
        ("metadata", "labels", "kueue.x-k8s.io/queue-name"),
        MISSING,
        'metadata.labels."kueue.x-k8s.io/queue-name": missing; use hyperpod-ns-research-localqueue',
    ),
    (
        ("metadata", "labels", "kueue.x-k8s.io/queue-name"),
        "gpu-queue",
        "got 'gpu-queue', allowed: hyperpod-ns-research-localqueue, the only queue of the namespace",
    ),
    (
        ("metadata", "labels", "kueue.x-k8s.io/priority-class"),
        "high",
        "HyperPod adds -priority to the name of a class: use high-priority",
    ),
    (
        (*POD, "terminationGracePeriodSeconds"),
        MISSING,
        "Kubernetes kills an evicted pod after 30 seconds, and gracefulShutdownTimeoutInSeconds is 600 seconds: use more than 600",
    ),
    (
        (*POD, "nodeSelector", "karpenter.sh/capacity-type"),
        "spot",
        "AWS's guide says that elastic training does not support Spot, although its launch article praises it",
    ),
    (
        (*POD, "nodeSelector", "node.kubernetes.io/instance-type"),
        "ml.p4d.24xlarge",
        "requests.cpu: 179 does not fit ml.p4d.24xlarge: use at most 89.73",
    ),
    (
        (*POD, "containers"),
        MISSING,
        f"{'.'.join(['spec', 'replicaSpecs[0]', 'template', 'spec', 'containers'])}: missing",
    ),
    ((*FIRST, "ports"), MISSING, f"{CONTAINER}.ports: {PORT}"),
    ((*FIRST, "ports", 0, "containerPort"), 9090, f"{CONTAINER}.ports: {PORT}"),
    (
        (*FIRST, "args"),
        ["--server-port=9090", *without_argument("--server-port")],
        f"{CONTAINER}.args[0]: the training operator calls the agent on port 8080: remove --server-port",
    ),
    (
        (*FIRST, "args"),
        ["--nnodes=2:8", *without_argument()],
        f"{CONTAINER}.args[0]: hyperpodrun refuses a range of nodes such as 2:8",
    ),
    (
        (*FIRST, "args"),
        ["--inprocess-restart", *without_argument()],
        "restarts within the process are part of checkpointless training",
    ),
    (
        (*FIRST, "args"),
        ["--rdzv-endpoint=a:1", *without_argument()],
        "the training operator gives ranks and addresses with each start: remove --rdzv-endpoint",
    ),
    (
        (*FIRST, "args"),
        ["--rdzv-backend=c10d", *without_argument("--rdzv")],
        "got 'c10d', allowed: hyperpod, the only rendezvous of hyperpodrun",
    ),
    (
        (*FIRST, "args"),
        ["--lr=1", *without_argument()],
        f"{CONTAINER}.args[0]: --lr is no option of hyperpodrun: remove it",
    ),
    (
        (*FIRST, "args"),
        without_argument("train.py"),
        f"{CONTAINER}.command: the script is missing: add it after the options",
    ),
    ((*FIRST, "args"), without_argument("--shutdown-signal"), f"{CONTAINER}.command: {KILLED}"),
    (
        (*FIRST, "args"),
        without_argument("--shutdown-timeout"),
        "hyperpodrun kills the processes of an evicted pod after 15 seconds, and gracefulShutdownTimeoutInSeconds is 600: use --shutdown-timeout=600",
    ),
    (
        (*FIRST, "args"),
        ["--shutdown-timeout=700", *without_argument("--shutdown-timeout")],
        "and --shutdown-timeout is 700 seconds: use more than 700",
    ),
    (
        (*FIRST, "args"),
        without_argument("--tee"),
        "spec.runPolicy.logMonitoringConfiguration: the agent reads the lines in log files, and hyperpodrun writes none: add --tee=3",
    ),
    (
        (*FIRST, "command"),
        ["torchrun"],
        f"{CONTAINER}.command: torchrun does not start the agent, which the training operator needs: use hyperpodrun",
    ),
    (
        (*FIRST, "command"),
        ["ray", "start"],
        f"{CONTAINER}.command: task governance admits and preempts a RayCluster as a whole",
    ),
    (
        (*FIRST, "command"),
        ["bash", "-c", "hyperpodrun --tee=3 --shutdown-signal=SIGTERM --shutdown-timeout=600 a.py"],
        f"{CONTAINER}.command: the shell receives SIGTERM instead of hyperpodrun: use exec hyperpodrun",
    ),
    ((*FIRST, "env"), MISSING, f"{CONTAINER}.env.HYPERPOD_SIGNAL_COORDINATION: {COORDINATION}"),
    ((*ENV, "value"), "disabled", f"{CONTAINER}.env[0]: with disabled, no process sees a scaling event"),
    (
        (*FIRST, "env"),
        [{"name": "NNODES", "value": "8"}],
        f"{CONTAINER}.env[0]: the training operator and hyperpodrun set this variable: remove it",
    ),
    ((*FIRST, "image"), "a b", f"{CONTAINER}.image: got 'a b', {PLACEHOLDER}"),
    ((*FIRST, "image"), MISSING, f"{CONTAINER}.image: missing"),
    ((*POD, "containers"), [], f"{CONTAINER[:-3]}: missing: add a container that runs hyperpodrun"),
    ((*ENV, "value"), 3, f"{CONTAINER}.env[0].value: got 3, allowed: a text"),
    (
        (*FIRST, "resources", "limits", "cpu"),
        "4",
        f"{CONTAINER}.resources.requests.cpu: 179 is more than the limit, 4: raise the limit or remove it",
    ),
    ((*FIRST, "resources", "requests", "cpu"), MISSING, f"{CONTAINER}.resources.requests.cpu: {NOT_COUNTED}"),
    (
        (*FIRST, "resources", "requests", "memory"),
        "2Ti",
        "requests.memory: 2Ti does not fit ml.p5.48xlarge: use at most 1890.26 GiB",
    ),
    (
        (*FIRST, "resources", "limits", "nvidia.com/gpu"),
        4,
        'limits."nvidia.com/gpu": Kubernetes takes the same request and limit of nvidia.com/gpu only',
    ),
    (
        (*FIRST, "resources", "limits", "nvidia.com/gpu"),
        MISSING,
        'limits."nvidia.com/gpu": Kubernetes takes the same request and limit of nvidia.com/gpu only',
    ),
    (
        (*RULES, 1, "metricThreshold"),
        2.5,
        "spec.runPolicy.logMonitoringConfiguration[1].metricThreshold: got 2.5, allowed: a whole number",
    ),
    (
        (*RULES, 1, "operator"),
        ">",
        "spec.runPolicy.logMonitoringConfiguration[1].operator: got '>', allowed: gt, lt, eq, gteq",
    ),
    (
        (*RULES, 1, "operator"),
        MISSING,
        "logMonitoringConfiguration[1].operator: missing; use gt, lt, eq, gteq or lteq, because metricThreshold is given",
    ),
    (
        (*RULES, 1, "logPattern"),
        "(",
        "logMonitoringConfiguration[1].logPattern: got '(', allowed: a regular expression of Python",
    ),
    (
        (*RULES, 0, "expectedStartCutOffInSeconds"),
        MISSING,
        "missing; use expectedStartCutOffInSeconds, expectedRecurringFrequencyInSeconds, metricThreshold or faultOnMatch: otherwise the rule finds nothing",
    ),
    (
        (*RULES, 0, "name"),
        "loss",
        "spec.runPolicy.logMonitoringConfiguration[1]: loss is listed twice: list each rule once",
    ),
    (
        ("spec", "runPolicy", "jobMaxRetryCount"),
        -1,
        "spec.runPolicy.jobMaxRetryCount: got -1, allowed: a whole number of restarts",
    ),
    (
        ("spec", "runPolicy", "restartPolicy", "scaleUpSnoozeTimeInSeconds"),
        -1,
        "restartPolicy.scaleUpSnoozeTimeInSeconds: got -1, allowed: a whole number of seconds",
    ),
]


@pytest.mark.parametrize(("path", "value", "text"), FAULTS, ids=[text for *_, text in FAULTS])
def test_each_fault_has_its_name(path: tuple[Any, ...], value: Any, text: str) -> None:
    found = mistakes(changed(GOOD, path, value))
    assert any(text in mistake for mistake in found), found
    assert len(found) <= 4


def test_parts_that_do_not_add_up() -> None:
    label = ("metadata", "labels", "kueue.x-k8s.io/priority-class")
    assert mistakes(changed(GOOD_PARTS, label, "training-priority")) == [
        'metadata.labels."kueue.x-k8s.io/priority-class": Kueue takes the class of the job before that of its pods, so that all parts '
        "have one priority: remove kueue.x-k8s.io/priority-class"
    ]
    assert mistakes(changed(GOOD_PARTS, ("spec", "replicaSpecs", 1, "maxReplicas"), 8)) == [
        "spec.replicaSpecs: the parts reach 10, and the maximum of the policy is 8: use the same number"
    ]
    priority = (*POD, "priorityClassName")
    assert mistakes(changed(GOOD_PARTS, priority, "elastic"))[0].startswith(
        "spec.replicaSpecs: both parts have the class elastic"
    )
    assert mistakes(changed(GOOD_PARTS, priority, MISSING))[0].startswith(
        "spec.replicaSpecs[0].template.spec.priorityClassName: missing; use a class"
    )


def test_a_job_that_is_not_elastic_has_only_the_rules_of_all_jobs() -> None:
    fixed = changed(
        changed(GOOD, ("spec", "elasticPolicy"), MISSING), ("spec", "replicaSpecs", 0, "maxReplicas"), MISSING
    )
    assert mistakes(changed(fixed, (*FIRST, "args"), ["--nnodes=2", "--tee=3", "train.py"])) == []
    assert list(manifest_advice(changed(fixed, ("metadata", "labels"), {}))) == []


def test_what_the_image_decides_is_not_a_fault() -> None:
    bare = changed(changed(GOOD, (*FIRST, "command"), MISSING), (*FIRST, "args"), MISSING)
    assert mistakes(bare) == []
    sources = [{"name": "HYPERPOD_SIGNAL_COORDINATION", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}]
    assert mistakes(changed(GOOD, (*FIRST, "env"), sources)) == []
    assert (
        mistakes(changed(changed(GOOD, (*FIRST, "env"), []), (*FIRST, "envFrom"), [{"configMapRef": {"name": "a"}}]))
        == []
    )


@pytest.mark.parametrize(
    "command",
    [
        ["torchrun", "--tee=3"],
        ["/opt/bin/torchrun"],
        ["python3", "-m", "torch.distributed.run", "train.py"],
        ["bash", "-c", "set -e; exec torchrun train.py"],
        ["/bin/sh", "-c", "cd /app\naccelerate launch train.py"],
    ],
)
def test_launchers_without_the_agent(command: list[str]) -> None:
    wrong = changed(changed(GOOD, (*FIRST, "args"), MISSING), (*FIRST, "command"), command)
    (text,) = mistakes(wrong)
    assert text.endswith("does not start the agent, which the training operator needs: use hyperpodrun")


@pytest.mark.parametrize(
    "command", [["/entrypoint.sh", "torchrun"], ["python", "start.py"], ["bash", "-c", "./start.sh --backend torchrun"]]
)
def test_programs_that_may_start_the_launcher(command: list[str]) -> None:
    assert mistakes(changed(changed(GOOD, (*FIRST, "args"), MISSING), (*FIRST, "command"), command)) == []


@pytest.mark.parametrize(
    "text",
    [
        "echo start hyperpodrun; exec {}",
        "# hyperpodrun starts here\nset -e\nexec {}",
        "which hyperpodrun && A=1 exec {}",
        "if true; then exec /opt/bin/{}; fi",
        "pip show hyperpodrun\nexec {} # no --nnodes=2",
    ],
)
def test_the_launcher_is_a_command_of_the_shell(text: str) -> None:
    launcher = "hyperpodrun --tee=3 --shutdown-signal=SIGTERM \\\n --shutdown-timeout=600 train.py"
    shell = changed(changed(GOOD, (*FIRST, "command"), ["bash", "-c"]), (*FIRST, "args"), [text.format(launcher)])
    assert mistakes(shell) == []
    shell = changed(shell, (*FIRST, "args"), [text.format(launcher.replace(" train", " --nnodes=2 train"))])
    assert [mistake.partition(":")[0] for mistake in mistakes(shell)] == [f"{CONTAINER}.args[0]"]


def test_the_container_with_the_launcher_counts() -> None:
    sidecar = {"name": "logs", "image": "logs"}
    both = [sidecar, *GOOD["spec"]["replicaSpecs"][0]["template"]["spec"]["containers"]]
    assert mistakes(changed(GOOD, (*POD, "containers"), both)) == []


def test_a_ray_cluster_has_no_elastic_policy() -> None:
    ray = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "a"}, "spec": {"elasticPolicy": {}}}
    assert mistakes(ray) == [
        "spec.elasticPolicy: task governance admits and preempts a RayCluster as a whole, and the training operator does not resize "
        "it: use hyperpodrun in a HyperPodPyTorchJob, or remove elasticPolicy"
    ]
    assert mistakes(ray | {"spec": {}}) == ["kind: RayCluster of ray.io/v1 has no schema"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in [(*path, key), *paths(inner, (*path, key))]]


@given(st.sampled_from(paths(GOOD)), JSON)
def test_no_value_raises(path: tuple[Any, ...], value: Any) -> None:
    assert isinstance(mistakes(changed(GOOD, path, value)), list)


def test_limits_count_as_requests() -> None:
    limits = {"cpu": "2", "memory": "8Ti", "nvidia.com/gpu": 8}
    manifest = changed(GOOD, (*FIRST, "resources"), {"limits": limits})
    (problem,) = manifest_problems(manifest)
    assert "requests.memory: 8Ti does not fit ml.p5.48xlarge: use at most 1890.26 GiB" in str(problem)
    same = {"requests": {**limits, "memory": "1Gi"}, "limits": {**limits, "memory": "1Gi", "nvidia.com/gpu": "8000m"}}
    assert manifest_problems(changed(GOOD, (*FIRST, "resources"), same)) == []


def test_huge_pages_have_a_limit() -> None:
    (problem,) = manifest_problems(changed(GOOD, (*FIRST, "resources", "requests", "hugepages-2Mi"), "5Gi"))
    assert "limits.hugepages-2Mi: Kubernetes takes the same request and limit of hugepages-2Mi only" in str(problem)


def test_parts_without_names_are_not_the_same_part() -> None:
    found = map(str, manifest_problems(changed(GOOD, ("spec", "replicaSpecs"), [{}, {}])))
    assert not any("twice" in text for text in found)
