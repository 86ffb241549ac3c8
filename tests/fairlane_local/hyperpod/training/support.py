"""Cluster with two teams, and jobs of the tests."""

from typing import Any

from fairlane_local import LocalAws
from fairlane_local.hyperpod.training.operators import current_operators
from fairlane_local.hyperpod.training.simulated_replicas import SimulatedReplicas
from fairlane_local.kubernetes.access import ClusterLocation
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import KubernetesError
from fairlane_local.kubernetes.kinds import kind_of, kinds
from tests.fairlane_local.hyperpod.support import LOCATION, Place, group, objects, quota, schedule
from tests.fairlane_local.hyperpod.support import api as kubernetes

Json = dict[str, Any]
PLACE = ClusterLocation(*LOCATION, "kube")
INSTANCE = "ml.p5.48xlarge"
GPU = "nvidia.com/gpu"


class Cluster:
    """Cluster of which the teams a and b have one half each, and borrow the other one.

    Args:
        aws: Local AWS.
        instances: Number of instances. Default: 8.
    """

    def __init__(self, aws: LocalAws, instances: int = 8) -> None:
        self.aws = aws
        self.place = Place(aws)
        self.arn = self.place.sagemaker.create_cluster(
            **self.place.request(self.place.create_kubernetes(), group("workers", INSTANCE, instances))
        )["ClusterArn"]
        classes = schedule(self.arn, urgent=90, normal=50)
        classes["SchedulerConfig"]["FairShare"] = "Enabled"
        self.place.sagemaker.create_cluster_scheduler_config(**classes)
        self.quotas = {
            team: self.place.sagemaker.create_compute_quota(**self.quota(team, instances // 2))["ComputeQuotaId"]
            for team in "ab"
        }

    def quota(self, team: str, count: int) -> Json:
        request = quota(self.arn, team, count)
        request["ComputeQuotaConfig"]["ResourceSharingConfig"] = {"Strategy": "LendAndBorrow", "BorrowLimit": 100}
        return request

    @property
    def api(self) -> KubernetesApi:
        return kubernetes("kube")

    @property
    def replicas(self) -> SimulatedReplicas:
        found = current_operators().operator(PLACE).replicas
        assert isinstance(found, SimulatedReplicas)
        return found

    def apply(self, item: Json, team: str = "a") -> None:
        kind = kind_of(item)
        assert kind is not None
        self.api.create(kind, f"hyperpod-ns-{team}" if kind.namespaced else "", item)

    def refusal(self, item: Json, team: str = "a") -> str:
        try:
            self.apply(item, team)
        except KubernetesError as error:
            return error.message
        raise AssertionError(item)

    def delete(self, kind: str, name: str, team: str = "a") -> None:
        (own,) = {each.resource: each for each in kinds() if each.kind == kind}.values()
        self.api.delete(own, f"hyperpod-ns-{team}", name)

    def advance(self, seconds: float = 1) -> None:
        self.aws.timeline.advance(seconds)

    def job(self, name: str = "job", team: str = "a") -> Json:
        status: Json = objects("HyperPodPyTorchJob", f"hyperpod-ns-{team}")[name]["status"]
        return status

    def state(self, name: str = "job", team: str = "a") -> str:
        """Return the conditions of a job that are true."""
        return " ".join(item["type"] for item in self.job(name, team)["conditions"] if item["status"] == "True")

    def workloads(self, team: str = "a") -> Json:
        """Return the true conditions of each Workload."""
        found = objects("Workload", f"hyperpod-ns-{team}")
        return {
            name: [each["type"] for each in item.get("status", {}).get("conditions", ()) if each["status"] == "True"]
            for name, item in found.items()
        }

    def admitted(self, team: str = "a") -> list[str]:
        return [name for name, conditions in self.workloads(team).items() if "Admitted" in conditions]

    def pods(self, team: str = "a") -> dict[str, str]:
        """Return the phases of pods."""
        return {name: pod["status"]["phase"] for name, pod in objects("Pod", f"hyperpod-ns-{team}").items()}

    def running(self, team: str = "a", name: str = "job") -> int:
        """Return the number of replicas that run."""
        return int(self.job(name, team)["replicaStatuses"]["worker"]["active"])

    def events(self, reason: str, team: str = "a") -> list[str]:
        """Return the messages of events with a reason."""
        found = objects("Event", f"hyperpod-ns-{team}").values()
        return [event["message"] for event in found if event["reason"] == reason]


def job(
    name: str = "job", team: str = "a", *, first: int = 2, sizes: tuple[int, ...] = (2, 4, 8), **members: Any
) -> Json:
    """Return a job with one instance for each replica.

    Args:
        name: Name of the job.
        team: Team of its queue.
        first: Number of replicas at the start.
        sizes: Sizes of the job.
        members: `class_name`, `annotations`, `snooze`, `retries`, `labels`, and others for the specification.
    """
    amounts = {GPU: "8", "cpu": "100", "memory": "500Gi"}
    labels = {"kueue.x-k8s.io/queue-name": f"hyperpod-ns-{team}-localqueue"} | members.pop("labels", {})
    if class_name := members.pop("class_name", None):
        labels["kueue.x-k8s.io/priority-class"] = class_name
    container = {
        "name": "train",
        "image": "train:1",
        "command": ["hyperpodrun"],
        "args": ["--nproc-per-node=1", "train.py"],
        "resources": {"requests": amounts, "limits": {GPU: "8"}},
    }
    policy = {
        "minReplicas": sizes[0],
        "maxReplicas": sizes[-1],
        "replicaDiscreteValues": list(sizes),
        "scalingTimeoutInSeconds": 10,
        "gracefulShutdownTimeoutInSeconds": 30,
    }
    restart = {"evalPeriodSeconds": 3600, "scaleUpSnoozeTimeInSeconds": members.pop("snooze", 0)}
    template = {
        "metadata": {"annotations": members.pop("annotations", {})},
        "spec": {"nodeSelector": {"node.kubernetes.io/instance-type": INSTANCE}, "containers": [container]},
    }
    worker = {"name": "worker", "replicas": first, "maxReplicas": sizes[-1], "template": template}
    return {
        "apiVersion": "sagemaker.amazonaws.com/v1",
        "kind": "HyperPodPyTorchJob",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "nprocPerNode": "1",
            "elasticPolicy": policy,
            "replicaSpecs": [worker],
            "runPolicy": {
                "cleanPodPolicy": "None",
                "jobMaxRetryCount": members.pop("retries", 2),
                "restartPolicy": restart,
            },
            **members,
        },
    }
