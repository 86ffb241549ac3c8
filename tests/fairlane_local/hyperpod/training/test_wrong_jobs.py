"""Jobs that the API refuses, that fail at once, or that wait with a reason."""

from typing import Any

import pytest

from fairlane_local.hyperpod.training.job_specs import JOB
from fairlane_local.hyperpod.training.kueue_objects import CLUSTER_QUEUE
from fairlane_local.kubernetes.admission import NAMESPACE
from tests.fairlane_local.hyperpod.support import objects
from tests.fairlane_local.hyperpod.training.support import Cluster, job

pytestmark = pytest.mark.slow


def test_unknown_fields_are_refused(cluster: Cluster) -> None:
    wrong = job()
    wrong["spec"]["elasticPolicy"]["maxReplica"] = 4
    text = 'strict decoding error: unknown field "spec.elasticPolicy.maxReplica"'
    assert text in cluster.refusal(wrong)


def test_a_managed_namespace_demands_a_queue(cluster: Cluster) -> None:
    wrong = job()
    del wrong["metadata"]["labels"]
    assert cluster.refusal(wrong) == (
        'hyperpodpytorchjobs.sagemaker.amazonaws.com "job" is forbidden: task governance manages the namespace: the '
        "label kueue.x-k8s.io/queue-name is required"
    )
    labels = {"sagemaker.amazonaws.com/activate-quota": "Disabled"}
    place = objects("Namespace")["hyperpod-ns-a"]
    place["metadata"]["labels"] |= labels
    cluster.api.update(NAMESPACE, "", "hyperpod-ns-a", place)
    cluster.apply(wrong)
    cluster.advance(2)
    assert cluster.events("Inadmissible") == ["the label kueue.x-k8s.io/queue-name is missing"]


def test_a_job_waits_for_its_queue(cluster: Cluster) -> None:
    cluster.apply(job(labels={"kueue.x-k8s.io/queue-name": "later"}))
    cluster.advance(2)
    assert (cluster.state(), cluster.workloads(), cluster.pods()) == ("Created Suspended", {}, {})
    assert cluster.events("Inadmissible") == ["LocalQueue later doesn't exist"]
    queue = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "LocalQueue", "metadata": {"name": "later"}}
    cluster.apply({**queue, "spec": {"clusterQueue": "hyperpod-ns-a-clusterqueue"}})
    cluster.advance(2)
    assert cluster.running() == 2


def test_a_job_waits_for_its_cluster_queue(cluster: Cluster) -> None:
    queue = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "LocalQueue", "metadata": {"name": "lost"}}
    cluster.apply({**queue, "spec": {"clusterQueue": "none"}})
    cluster.apply(job(labels={"kueue.x-k8s.io/queue-name": "lost"}))
    cluster.advance(2)
    assert cluster.events("Inadmissible") == ["ClusterQueue none doesn't exist"]


def test_a_waiting_job_starts_when_its_cluster_queue_is_back(cluster: Cluster) -> None:
    cluster.apply(job(team="b", sizes=(4,), first=4), "b")
    cluster.apply(job(sizes=(8,), first=8))
    cluster.advance(5)
    queue = cluster.api.store.get(CLUSTER_QUEUE, "", "hyperpod-ns-a-clusterqueue")
    cluster.api.delete(CLUSTER_QUEUE, "", "hyperpod-ns-a-clusterqueue")
    cluster.advance(1100)
    assert (cluster.state(team="b"), cluster.state()) == ("Created Completed", "Created Suspended")
    (waiting,) = objects("Workload", "hyperpod-ns-a").values()
    assert waiting["status"]["conditions"][0]["message"].startswith("Insufficient quota")
    cluster.api.create(CLUSTER_QUEUE, "", {**queue, "metadata": {"name": "hyperpod-ns-a-clusterqueue"}})
    cluster.advance(5)
    assert cluster.running() == 8


def test_a_change_of_a_running_job_has_no_effect_and_an_event(cluster: Cluster) -> None:
    cluster.apply(job(sizes=(2, 4)))
    cluster.advance(60)
    assert cluster.events("SpecChanged") == []
    changed = cluster.api.store.get(JOB, "hyperpod-ns-a", "job")
    changed["spec"] = job(sizes=(2, 4, 8))["spec"]
    cluster.api.update(JOB, "hyperpod-ns-a", "job", changed, None)
    cluster.advance(60)
    assert cluster.running() == 4
    assert cluster.events("SpecChanged") == [
        "The job keeps the specification with which it began: delete it, and apply the new one"
    ]


def test_the_longest_name_of_a_job_runs(cluster: Cluster) -> None:
    cluster.apply(job(name := "x" * 63))
    cluster.advance(60)
    assert cluster.running(name=name) == 8


def test_an_unknown_class_fails_the_job(cluster: Cluster) -> None:
    cluster.apply(job(class_name="soon-priority"))
    cluster.advance(2)
    assert cluster.state() == "Created Failed"
    assert cluster.events("UnknownPriorityClass") == [
        'workloadpriorityclasses.kueue.x-k8s.io "soon-priority" not found'
    ]


def test_an_unknown_class_of_pods_fails_the_job(cluster: Cluster) -> None:
    wrong = job()
    wrong["spec"]["replicaSpecs"][0]["template"]["spec"]["priorityClassName"] = "none"
    cluster.apply(wrong)
    cluster.advance(2)
    assert cluster.events("UnknownPriorityClass") == ['priorityclasses.scheduling.k8s.io "none" not found']


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"elasticPolicy": {"minReplicas": 2, "maxReplicas": 8}}, "spec.elasticPolicy"),
        ({"elasticPolicy": {"minReplicas": 2, "maxReplicas": 9, "replicaIncrementStep": 2}}, "spec.elasticPolicy"),
        ({"elasticPolicy": {"minReplicas": 2, "maxReplicas": 2**31 - 1, "replicaIncrementStep": 1}}, "at most 1,000"),
        ({"replicaSpecs": []}, "spec.replicaSpecs: missing"),
        ({"replicaSpecs": [{"name": "worker", "replicas": 2, "maxReplicas": 8}]}, "containers: missing"),
    ],
)
def test_a_specification_with_mistakes_fails_the_job(cluster: Cluster, changes: dict[str, Any], text: str) -> None:
    cluster.apply(job(**changes))
    cluster.advance(2)
    assert cluster.state() == "Created Failed"
    (event,) = cluster.events("InvalidSpec")
    assert text in event


def test_an_initial_number_that_is_no_size_fails_the_job(cluster: Cluster) -> None:
    cluster.apply(job(first=3))
    cluster.advance(2)
    (event,) = cluster.events("InvalidSpec")
    assert event.startswith("spec.replicaSpecs[0].replicas: 3 is no size")


def test_a_job_waits_while_the_cap_of_its_team_is_too_small(cluster: Cluster) -> None:
    cap = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "cap"}}
    cluster.apply({**cap, "spec": {"hard": {"requests.nvidia.com/gpu": "16"}}})
    cluster.apply(job())
    cluster.advance(30)
    assert (cluster.running(), len(cluster.pods())) == (2, 2)
    text = "is forbidden: exceeded quota: cap, requested: requests.nvidia.com/gpu=8"
    assert [text in message for message in cluster.events("FailedCreate")] == [True, True]
    cluster.delete("ResourceQuota", "cap")
    cluster.advance(30)
    assert cluster.running() == 8


def test_a_job_of_another_instance_type_waits(cluster: Cluster) -> None:
    wrong = job()
    selector = wrong["spec"]["replicaSpecs"][0]["template"]["spec"]["nodeSelector"]
    selector["node.kubernetes.io/instance-type"] = "ml.g5.8xlarge"
    cluster.apply(wrong)
    cluster.advance(2)
    text = "ClusterQueue hyperpod-ns-a-clusterqueue has no flavor for instance type ml.g5.8xlarge"
    assert cluster.events("Inadmissible") == [text]


def test_a_pod_that_no_node_fits_stays_pending(cluster: Cluster) -> None:
    wrong = job(sizes=(2,))
    wrong["spec"]["replicaSpecs"][0]["template"]["spec"]["nodeSelector"]["zone"] = "none"
    cluster.apply(wrong)
    cluster.advance(2)
    assert (cluster.running(), set(cluster.pods().values())) == (0, {"Pending"})
    assert cluster.events("FailedScheduling")[0] == "0/8 nodes are available: 0 Insufficient resources."


def test_a_job_above_all_quotas_waits(cluster: Cluster) -> None:
    cluster.apply(job(first=16, sizes=(16,)))
    cluster.advance(2)
    (workload,) = objects("Workload", "hyperpod-ns-a").values()
    (condition,) = workload["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("QuotaReserved", "False", "Pending")
    assert condition["message"] == "Insufficient quota: the request is above what the ClusterQueue can use"
    assert cluster.state() == "Created Suspended"
