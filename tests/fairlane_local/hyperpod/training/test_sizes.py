"""Sizes of jobs: growth into idle instances, and their return."""

import pytest

from fairlane_local.hyperpod.training import operators, training_operator
from fairlane_local.hyperpod.training.training_operator import TrainingOperator
from tests.fairlane_local.hyperpod.support import objects
from tests.fairlane_local.hyperpod.training.support import PLACE, Cluster, job


def grown(cluster: Cluster, **members: object) -> None:
    """Submit a job, and let it grow to all 8 instances."""
    cluster.apply(job(**members))  # type: ignore[arg-type]
    cluster.advance(20)
    assert cluster.running() == 8


def test_a_job_grows_after_the_scaling_timeout(cluster: Cluster) -> None:
    cluster.apply(job())
    cluster.advance(1)
    assert (cluster.state(), cluster.running()) == ("Created Running", 2)
    assert cluster.admitted() == ["job-0", "job-1", "job-2"]
    assert list(cluster.pods().values()) == ["Running"] * 8
    cluster.advance(9)
    assert cluster.running() == 2
    cluster.advance(1)
    assert cluster.running() == 0
    assert cluster.events("Scaling")[0].startswith("Stopping 2 replicas")
    cluster.advance(5)
    assert (cluster.state(), cluster.running()) == ("Created Running", 8)
    assert cluster.job()["elasticScalingStatus"]["targetReplicas"] == {"worker": 8}
    pods = objects("Pod", "hyperpod-ns-a").values()
    assert {each["type"] for pod in pods for each in pod["status"]["conditions"]} == {"PodScheduled", "Ready"}


def test_a_job_gives_back_what_another_team_reclaims(cluster: Cluster) -> None:
    grown(cluster)
    cluster.apply(job("own", "b", first=2, sizes=(2,)), "b")
    cluster.advance(2)
    assert cluster.workloads()["job-2"] == ["QuotaReserved", "Admitted", "Evicted", "Preempted"]
    assert cluster.admitted("b") == []
    assert len(cluster.pods()) == 8
    cluster.advance(5)
    assert (cluster.running(), cluster.running("b", "own")) == (4, 2)
    assert cluster.workloads()["job-2"] == ["Evicted", "Preempted"]
    assert cluster.events("EvictedDueToPreempted") == [
        "Preempted to accommodate a workload (hyperpod-ns-b/own-0) due to reclamation within the cohort"
    ]
    nodes = {pod["spec"]["nodeName"] for pod in objects("Pod").values()}
    assert len(nodes) == len(objects("Pod")) == 6
    cluster.delete("HyperPodPyTorchJob", "own", "b")
    cluster.advance(20)
    assert cluster.running() == 8


def test_a_job_completes(cluster: Cluster) -> None:
    grown(cluster, annotations={"fairlane/run-seconds": "60"})
    cluster.advance(60)
    assert cluster.state() == "Created Completed"
    assert cluster.job()["replicaStatuses"] == {"worker": {"active": 0, "ready": 0}}
    assert set(cluster.pods().values()) == {"Succeeded"}
    assert all("Finished" in conditions for conditions in cluster.workloads().values())
    assert cluster.replicas.pods() == set()
    cluster.apply(job("next"))
    cluster.advance(20)
    assert cluster.running(name="next") == 8


def test_a_snoozed_job_does_not_grow(cluster: Cluster) -> None:
    grown(cluster, snooze=100)
    cluster.apply(job("own", "b", first=4, sizes=(4,)), "b")
    cluster.advance(10)
    cluster.delete("HyperPodPyTorchJob", "own", "b")
    cluster.advance(50)
    assert (cluster.running(), list(cluster.workloads())) == (4, ["job-0", "job-1"])
    cluster.advance(80)
    assert cluster.running() == 8


def test_a_job_of_one_size_never_grows(cluster: Cluster) -> None:
    fixed = job()
    del fixed["spec"]["elasticPolicy"]
    fixed["spec"]["replicaSpecs"][0]["maxReplicas"] = 2
    cluster.apply(fixed)
    cluster.advance(100)
    assert (cluster.running(), list(cluster.workloads())) == (2, ["job-0"])


def test_a_job_that_is_evicted_as_a_whole_waits_and_goes_on(cluster: Cluster) -> None:
    cluster.apply(job(class_name="normal-priority", sizes=(4,), first=4))
    cluster.advance(2)
    cluster.apply(job("urgent", class_name="urgent-priority", sizes=(8,), first=8))
    cluster.advance(10)
    assert (cluster.state(), cluster.state("urgent")) == ("Created Suspended", "Created Running")
    assert [name for name in cluster.pods() if name.startswith("job-")] == []
    cluster.delete("HyperPodPyTorchJob", "urgent")
    cluster.advance(2)
    assert (cluster.state(), cluster.running()) == ("Created Running", 4)


def test_the_base_part_stays_while_the_elastic_part_is_preempted(cluster: Cluster) -> None:
    for name, value in (("base", 100), ("elastic", 0)):
        cluster.apply({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value})  # fmt: skip
    parts = job()
    (worker,) = parts["spec"]["replicaSpecs"]
    template = worker["template"]
    parts["spec"]["replicaSpecs"] = [
        {**worker, "name": "elastic", "replicas": 0, "maxReplicas": 6, "template": with_class(template, "elastic")},
        {**worker, "name": "worker", "replicas": 2, "maxReplicas": 2, "template": with_class(template, "base")},
    ]
    cluster.apply(parts)
    cluster.advance(20)
    items = objects("Workload", "hyperpod-ns-a")
    assert [(item["spec"]["priority"], item["spec"]["podSets"][0]["name"]) for item in items.values()] == [
        (100, "worker"),
        (0, "elastic"),
        (0, "elastic"),
    ]
    assert cluster.job()["replicaStatuses"]["elastic"]["active"] == 6
    cluster.apply(job("own", class_name="normal-priority", first=6, sizes=(6,)))
    cluster.advance(20)
    assert cluster.job()["replicaStatuses"]["elastic"]["active"] == 0
    assert (cluster.running(), cluster.running(name="own")) == (2, 6)


def with_class(template: dict[str, object], name: str) -> dict[str, object]:
    spec = template["spec"]
    assert isinstance(spec, dict)
    return {**template, "spec": {**spec, "priorityClassName": name}}


def test_a_job_that_is_deleted_while_it_stops_leaves_nothing(cluster: Cluster) -> None:
    grown(cluster)
    cluster.apply(job("own", "b", first=4, sizes=(4,)), "b")
    cluster.advance(2)
    assert cluster.running() == 0
    cluster.delete("HyperPodPyTorchJob", "job")
    cluster.advance(1)
    assert (cluster.pods(), cluster.workloads(), len(cluster.replicas.pods())) == ({}, {}, 4)
    assert cluster.running("b", "own") == 4


@pytest.mark.parametrize(("own", "size"), [(2, 4), (4, 8)])
def test_a_quota_that_shrinks_leaves_running_workloads(cluster: Cluster, own: int, size: int) -> None:
    """A quota of 2 with a borrow limit of 100 percent reaches 4: slices that are evicted do not come back."""
    grown(cluster)
    request = cluster.quota("a", own)
    version = {"ComputeQuotaId": cluster.quotas["a"], "TargetVersion": 1}
    content = {name: request[name] for name in ("ComputeQuotaConfig", "ComputeQuotaTarget")}
    cluster.place.sagemaker.update_compute_quota(**version, **content)
    cluster.advance(20)
    assert cluster.running() == 8
    cluster.apply(job("own", "b", first=4, sizes=(4,)), "b")
    cluster.advance(20)
    cluster.delete("HyperPodPyTorchJob", "own", "b")
    cluster.advance(40)
    assert cluster.running() == size


def test_a_restarted_operator_finds_the_jobs(cluster: Cluster) -> None:
    grown(cluster)
    cluster.apply(job("waits", "b", first=2, sizes=(2, 4), class_name="normal-priority"), "b")
    current = operators.current_operators()
    old = current.operator(PLACE)
    current._operators[PLACE] = cluster.api, TrainingOperator(cluster.api, old.replicas)
    started = cluster.job()["elasticScalingStatus"]["lastScalingTime"]
    cluster.advance(1)
    assert (cluster.running(), cluster.job()["elasticScalingStatus"]["lastScalingTime"]) == (0, started)
    cluster.advance(40)
    assert (cluster.running(), cluster.running("b", "waits")) == (4, 4)
    current._operators[PLACE] = cluster.api, TrainingOperator(cluster.api, old.replicas)
    cluster.advance(40)
    assert (cluster.running(), cluster.running("b", "waits")) == (4, 4)
    assert cluster.job()["restartCount"] == 0


def test_steps_that_do_not_end_within_a_second_go_on(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_operator, "_MOST_ROUNDS", 1)
    grown(cluster)
