"""Failures of processes, agents and pods, and the restarts of jobs."""

import pytest

from fairlane_local.hyperpod.training.job_specs import POD
from fairlane_local.hyperpod.training.replicas import Status
from tests.fairlane_local.hyperpod.support import objects
from tests.fairlane_local.hyperpod.training.support import Cluster, job


def uid(name: str = "job-pods-0") -> str:
    return str(objects("Pod", "hyperpod-ns-a")[name]["metadata"]["uid"])


@pytest.fixture
def started(cluster: Cluster) -> Cluster:
    """Cluster with a job on two replicas, which never grows and may restart twice."""
    cluster.apply(job(sizes=(2,)))
    cluster.advance(2)
    assert cluster.running() == 2
    return cluster


def fail(cluster: Cluster, status: Status = Status.FAULTED) -> None:
    cluster.replicas.fail(uid(), status)
    cluster.api.store.revision += 1  # an agent wakes the operator, which nobody does here
    cluster.advance(2)


def test_processes_restart_in_their_pods_after_a_failure(started: Cluster) -> None:
    before = uid()
    fail(started)
    assert (started.state(), started.running(), uid()) == ("Created Running", 2, before)
    assert started.job()["restartCount"] == 1
    assert started.events("Restarting") == ["Restart 1 of at most 2: a process has failed"]


@pytest.mark.parametrize("by_user", [False, True])
def test_a_pod_whose_agent_has_ended_is_replaced(started: Cluster, *, by_user: bool) -> None:
    before = uid()
    if by_user:
        started.delete("Pod", "job-pods-0")
        started.advance(2)
    else:
        fail(started, Status.ENDED)
    assert (started.state(), started.running()) == ("Created Running", 2)
    assert uid() != before
    assert len(started.replicas.pods()) == 2


@pytest.mark.parametrize("change", [{"replica-index": "x"}, {"replica-index": None}, {"replica-type": None}])
def test_a_pod_without_its_labels_is_no_replica_until_they_are_back(
    started: Cluster, change: dict[str, str | None]
) -> None:
    pod = started.api.store.get(POD, "hyperpod-ns-a", "job-pods-0")
    changed = {f"sagemaker.amazonaws.com/{name}": value for name, value in change.items()}
    labels = {name: value for name, value in (pod["metadata"]["labels"] | changed).items() if value is not None}
    for each, running in ((labels, 0), (pod["metadata"]["labels"], 2)):
        current = started.api.store.get(POD, "hyperpod-ns-a", "job-pods-0")
        current["metadata"]["labels"] = each
        started.api.update(POD, "hyperpod-ns-a", "job-pods-0", current, None)
        started.advance(2)
        assert started.running() == running


def test_a_job_fails_after_its_last_restart(started: Cluster) -> None:
    for _ in range(3):
        fail(started)
    assert started.state() == "Created Failed"
    (condition,) = [each for each in started.job()["conditions"] if each["type"] == "Failed"]
    assert (condition["reason"], condition["message"]) == (
        "RetriesExceeded",
        "a process has failed, and the job had 2 restarts",
    )
    assert set(started.pods().values()) == {"Failed"}
    assert started.workloads() == {"job-0": ["QuotaReserved", "Admitted", "Finished"]}
    started.apply(job("next", first=8, sizes=(8,)))
    started.advance(2)
    assert started.running(name="next") == 8


def test_a_failure_while_the_job_stops_is_the_end_of_the_stop(cluster: Cluster) -> None:
    cluster.apply(job())
    cluster.advance(11)
    assert cluster.running() == 0
    fail(cluster)
    cluster.advance(10)
    assert (cluster.running(), cluster.job()["restartCount"]) == (8, 0)


def test_processes_that_do_not_save_in_time_are_killed(cluster: Cluster) -> None:
    late = job()
    late["spec"]["elasticPolicy"]["gracefulShutdownTimeoutInSeconds"] = 3
    cluster.apply(late)
    cluster.advance(14)
    assert cluster.running() == 8
