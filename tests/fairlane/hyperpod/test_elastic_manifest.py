"""Manifests of elastic jobs: their fields, strict schemas, and AWS's own model as a second opinion."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import ConfigurationError
from fairlane.hyperpod import (
    Checkpoint,
    ElasticPolicy,
    ElasticTrainingJob,
    elastic_job_problems,
    job_manifest,
    manifest_advice,
    manifest_problems,
)
from fairlane.hyperpod.kubernetes_schema import object_mistakes
from fairlane.hyperpod.replica_requests import accelerators_per_replica, replica_requests, usable_amounts
from tests.fairlane.hyperpod.elastic_jobs import (
    BASE,
    ELASTIC,
    FAULT,
    GOOD,
    IMAGE,
    LOSS,
    START,
    VALUES,
    aws_accepts,
    job,
    jobs,
)
from tests.fairlane.hyperpod.governance import P5


def pod(manifest: dict[str, Any], part: int = 0) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["replicaSpecs"][part]["template"]["spec"]
    return spec


def check(each: ElasticTrainingJob) -> None:
    assert list(elastic_job_problems(each)) == []
    manifest = job_manifest(each)
    assert object_mistakes(manifest) == []
    aws_accepts(manifest)
    assert manifest_problems(manifest, each.checkpoint) == []
    assert list(manifest_advice(manifest)) == []


@pytest.mark.parametrize("each", GOOD.values(), ids=GOOD.keys())
def test_good_jobs_pass_the_schema_the_model_of_aws_and_the_rules_of_manifests(each: ElasticTrainingJob) -> None:
    check(each)


FEATURES: tuple[dict[str, Any], ...] = (
    {"log_rules": [START, LOSS]},
    {"checkpoint": Checkpoint(size_gib=100, write_gib_per_second=1, claim_name="fsx")},
    {"requests": {"nvidia.com/gpu": 2}},
    {"launcher_arguments": ["--role", "trainer"]},
)


@pytest.mark.parametrize("used", list(product((False, True), repeat=len(FEATURES))))
def test_features_go_together(used: tuple[bool, ...]) -> None:
    options: dict[str, Any] = {}
    for feature, is_used in zip(FEATURES, used, strict=True):
        options |= feature if is_used else {}
    check(job(**options))
    check(job(parts=[BASE, ELASTIC], **options))
    check(job(policy=VALUES, initial_replicas=8, priority_class="a", **options))


@given(jobs())
def test_all_jobs_without_mistakes_render_what_passes(each: ElasticTrainingJob) -> None:
    check(each)


def test_the_manifest_has_what_elastic_training_needs() -> None:
    checkpoint = Checkpoint(size_gib=500, write_gib_per_second=2, claim_name="fsx", mount_path="/fsx")
    manifest = job_manifest(
        job(policy=VALUES, priority_class="training", log_rules=[START], checkpoint=checkpoint, arguments=["--lr=1"])
    )
    assert manifest["metadata"] == {
        "name": "llama",
        "namespace": "hyperpod-ns-research",
        "labels": {
            "kueue.x-k8s.io/queue-name": "hyperpod-ns-research-localqueue",
            "kueue.x-k8s.io/priority-class": "training-priority",
        },
    }
    spec = manifest["spec"]
    assert spec["nprocPerNode"] == "8"
    assert spec["elasticPolicy"] == {
        "minReplicas": 1,
        "maxReplicas": 8,
        "replicaDiscreteValues": [1, 2, 4, 8],
        "gracefulShutdownTimeoutInSeconds": 600,
        "scalingTimeoutInSeconds": 60,
    }
    assert spec["runPolicy"] == {
        "cleanPodPolicy": "OnlyComplete",
        "jobMaxRetryCount": 20,
        "ttlSecondsAfterFinished": 3600,
        "restartPolicy": {
            "maxFullJobRestarts": 3,
            "numRestartBeforeFullJobRestart": 3,
            "evalPeriodSeconds": 21_600,
            "scaleUpSnoozeTimeInSeconds": 600,
        },
        "logMonitoringConfiguration": [
            {"name": "start", "logPattern": ".*started.*", "expectedStartCutOffInSeconds": 900}
        ],
    }
    part = spec["replicaSpecs"][0]
    assert (len(spec["replicaSpecs"]), part["name"], part["replicas"], part["maxReplicas"]) == (1, "worker", 1, 8)
    assert part["template"]["spec"] == {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 660,
        "nodeSelector": {
            "node.kubernetes.io/instance-type": P5,
            "sagemaker.amazonaws.com/node-health-status": "Schedulable",
        },
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [
            {
                "name": "trainer",
                "image": IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "command": ["hyperpodrun"],
                "args": [
                    "--nproc-per-node=8",
                    "--rdzv-backend=hyperpod",
                    "--server-host=0.0.0.0",
                    "--server-port=8080",
                    "--tee=3",
                    "--log-dir=/tmp/hyperpod",
                    "--shutdown-signal=SIGTERM",
                    "--shutdown-timeout=600",
                    "train.py",
                    "--lr=1",
                ],
                "env": [{"name": "HYPERPOD_SIGNAL_COORDINATION", "value": "distributed"}],
                "ports": [{"name": "agent", "containerPort": 8080}],
                "resources": {
                    "requests": {
                        "cpu": "179",
                        "memory": "1890Gi",
                        "nvidia.com/gpu": "8",
                        "vpc.amazonaws.com/efa": "32",
                    },
                    "limits": {"nvidia.com/gpu": "8", "vpc.amazonaws.com/efa": "32"},
                },
                "volumeMounts": [
                    {"name": "shm", "mountPath": "/dev/shm"},
                    {"name": "checkpoints", "mountPath": "/fsx"},
                ],
            }
        ],
        "volumes": [
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "472Gi"}},
            {"name": "checkpoints", "persistentVolumeClaim": {"claimName": "fsx"}},
        ],
    }


def test_parts_have_priorities_of_their_own_instead_of_a_class_label() -> None:
    manifest = job_manifest(job(parts=[BASE, ELASTIC]))
    assert list(manifest["metadata"]["labels"]) == ["kueue.x-k8s.io/queue-name"]
    parts = [
        {key: value for key, value in part.items() if key != "template"} for part in manifest["spec"]["replicaSpecs"]
    ]
    assert parts == [{"name": "base", "replicas": 2}, {"name": "elastic", "replicas": 0, "maxReplicas": 6}]
    assert [pod(manifest, part)["priorityClassName"] for part in (0, 1)] == ["base", "elastic"]


def test_a_rule_that_is_a_fault_is_more_than_the_model_of_aws_knows() -> None:
    manifest = job_manifest(job(log_rules=[FAULT]))
    rules = manifest["spec"]["runPolicy"]["logMonitoringConfiguration"]
    assert rules == [{"name": "fault", "logPattern": ".*NaN.*", "stopPattern": ".*done.*", "faultOnMatch": True}]
    assert manifest_problems(manifest) == []
    with pytest.raises(ValidationError, match="faultOnMatch"):
        aws_accepts(manifest)
    del rules[0]["faultOnMatch"]
    aws_accepts(manifest)


def test_a_job_with_mistakes_is_not_rendered() -> None:
    wrong = job(job_name="Llama", launcher_arguments=["--nnodes=1:8"])
    with pytest.raises(ConfigurationError) as error:
        job_manifest(wrong)
    assert [problem.field[0] for problem in error.value.problems] == ["job_name", "launcher_arguments"]


def test_an_instance_has_what_its_daemons_leave() -> None:
    usable = usable_amounts(hyperpod_instance_types()[P5])
    assert {name: float(amount) for name, amount in usable.items()} == {
        "cpu": 179.97,
        "memory": 1890.26,
        "nvidia.com/gpu": 8,
        "vpc.amazonaws.com/efa": 32,
    }
    halved = usable_amounts(hyperpod_instance_types()[P5], threads_per_core=1)
    assert float(halved["cpu"]) == 96 - 6.27


@pytest.mark.parametrize("node", hyperpod_instance_types().values(), ids=lambda node: node.instance_type)
def test_default_requests_fit_each_instance_type(node: Any) -> None:
    each = job(
        instance_type=node.instance_type, policy=ElasticPolicy(min_replicas=1, max_replicas=2, replica_increment_step=1)
    )
    check(each)
    assert 0 < float(usable_amounts(node)["cpu"]) < node.vcpus


@pytest.mark.parametrize(
    ("instance_type", "requests", "expected"),
    [
        (
            P5,
            {"nvidia.com/gpu": "2"},
            {"cpu": "44", "memory": "472Gi", "nvidia.com/gpu": "2", "vpc.amazonaws.com/efa": "8"},
        ),
        (P5, {"cpu": 8, "vpc.amazonaws.com/efa": 0}, {"cpu": "8", "memory": "1890Gi", "nvidia.com/gpu": "8"}),
        (
            P5,
            {"nvidia.com/mig-1g.10gb": 7, "nvidia.com/mig-3g.40gb": 2},
            {"nvidia.com/mig-1g.10gb": "7", "nvidia.com/mig-3g.40gb": "2", "cpu": "44", "memory": "472Gi"}
            | {"vpc.amazonaws.com/efa": "8"},
        ),
        (P5, {"nvidia.com/gpu": 0}, {"cpu": "179", "memory": "1890Gi", "vpc.amazonaws.com/efa": "32"}),
        ("ml.c6g.medium", {}, {"cpu": "600m", "memory": "921Mi"}),
        (
            "ml.trn1.32xlarge",
            {"aws.amazon.com/neuron": 16},
            {"cpu": "119", "memory": "461Gi", "aws.amazon.com/neuron": "16", "vpc.amazonaws.com/efa": "8"},
        ),
    ],
)
def test_requests_that_are_not_stated_are_in_proportion(
    instance_type: str, requests: dict[str, Any], expected: dict[str, str]
) -> None:
    assert replica_requests(job(instance_type=instance_type, requests=requests)) == expected


def test_only_cpu_memory_and_storage_have_no_limit() -> None:
    """Kubernetes refuses a pod whose huge pages or devices have another limit than request."""
    pages = job(requests={"hugepages-2Mi": "5Gi", "ephemeral-storage": "1Ti"})
    check(pages)
    limits = pod(job_manifest(pages))["containers"][0]["resources"]["limits"]
    assert limits == {"nvidia.com/gpu": "8", "vpc.amazonaws.com/efa": "32", "hugepages-2Mi": "5Gi"}


def test_a_job_on_partitions_has_a_process_for_each() -> None:
    partitions = job(requests={"nvidia.com/mig-1g.10gb": 4})
    check(partitions)
    assert accelerators_per_replica(partitions) == 4
    assert job_manifest(partitions)["spec"]["nprocPerNode"] == "4"


def test_the_model_of_aws_finds_a_misspelt_key() -> None:
    manifest = job_manifest(job())
    manifest["spec"]["elasticPolicy"]["minReplica"] = 1
    with pytest.raises(ValidationError):
        aws_accepts(manifest)


def test_the_status_of_an_elastic_job_has_a_schema_too() -> None:
    scaling = {"targetReplicas": {"worker": 4}, "lastScalingTime": "2026-11-28T10:00:00Z", "podsScaled": True}
    status = {
        "conditions": [{"type": "Running", "status": "True", "lastTransitionTime": "2026-11-28T10:00:00Z"}],
        "elasticScalingStatus": scaling,
        "elasticWorkloadRef": {"name": "llama-1"},
        "restartCount": 1,
    }
    manifest = job_manifest(job())
    manifest["spec"]["runPolicy"]["workloadMode"] = "Deployment"
    assert object_mistakes(manifest | {"status": status}) == []
    aws_accepts(manifest)
    wrong = {"elasticScalingStatus": scaling | {"targetReplicas": {"worker": "4"}, "size": 4}}
    assert object_mistakes(manifest | {"status": wrong}) == [
        "status.elasticScalingStatus.targetReplicas.worker: got '4', allowed: a whole number",
        "status.elasticScalingStatus.size: unknown field",
    ]
