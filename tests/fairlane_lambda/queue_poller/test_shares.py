"""Gauges of each share."""

import pytest

from tests.fairlane_lambda.queue_poller.fake_batch import FakeBatch, Jobs, Record
from tests.fairlane_lambda.queue_poller.polling import (
    HOUR,
    definition,
    front,
    job,
    poll,
    queue,
    service_job,
    units,
)

P4D = "ml.p4d.24xlarge"
G6 = "ml.g6.12xlarge"


def fair_shares(total: dict[str, float] | None = None, **shares: dict[str, float]) -> Record:
    top = [{"shareIdentifier": share, "capacityUsage": units(usage)} for share, usage in shares.items()]
    utilization: Record = {"fairshareUtilization": {"activeShareCount": len(top), "topCapacityUtilization": top}}
    return {"queueUtilization": utilization | ({"totalCapacityUsage": units(total)} if total else {})}


def quota_shares(**shares: dict[str, float]) -> Record:
    top = [{"quotaShareName": share, "capacityUsage": units(usage)} for share, usage in shares.items()]
    return {"queueUtilization": {"quotaShareUtilization": {"topCapacityUtilization": top}}}


def test_fifty_queues_of_twenty_shares() -> None:
    names = [f"queue-{number}" for number in range(50)]
    shares = [f"share{number}" for number in range(20)]
    jobs = {"RUNNABLE": Jobs(40, lambda n: service_job(n, share=shares[n // 2], p4d=1))}
    published = poll(
        FakeBatch(dict.fromkeys(names, jobs)),
        *(queue(name, "service", shares={share: {} for share in shares}) for name in names),
    )
    assert published.keys() == {(name, share) for name in names for share in (None, *shares)}
    assert {published[name, None]["RunnableJobs"] for name in names} == {40}
    assert {published[name, share]["GpusWanted"] for name in names for share in shares} == {16}


def test_the_gauges_of_a_share_without_jobs_are_zero() -> None:
    published = poll(FakeBatch({"train": {}}), queue("train", "service", shares={"a": {P4D: 2}}))
    assert published["train", "a"] == {
        "RunningJobs": 0,
        "RunnableJobs": 0,
        "OldestRunnableAge": 0,
        "CapacityInUse": 0,
        "CapacityEntitlement": 2,
        "CapacityBorrowed": 0,
        "CapacityLent": 0,
        "GpusInUse": 0,
        "GpusWanted": 0,
    }


def test_dispatched_jobs_of_a_share_count_as_running() -> None:
    jobs = {
        "SCHEDULED": [service_job(share="a", p4d=1)],
        "STARTING": [service_job(share="a", p4d=2)],
        "RUNNING": [service_job(share="a", p4d=4), service_job(share="b", p4d=8)],
        "RUNNABLE": [service_job(share="a", age=HOUR, p4d=16), service_job(share="b", p4d=32)],
        "PENDING": [service_job(share="b", p4d=64)],
    }
    published = poll(FakeBatch({"train": jobs}), queue("train", "service", shares={"a": {}, "b": {}}))
    a, b = published["train", "a"], published["train", "b"]
    assert (a["RunningJobs"], a["RunnableJobs"], a["OldestRunnableAge"]) == (3, 1, 3_600)
    assert (a["GpusInUse"], a["GpusWanted"], a["CapacityInUse"]) == (56, 128, 7)
    assert (b["RunningJobs"], b["CapacityInUse"]) == (1, 8)
    assert published["train", None]["CapacityInUse"] == 15


def test_a_declared_prefix_matches_all_identifiers_with_the_prefix() -> None:
    shares = ["teamA", "teamA1", "teamAB", "teamABC", "team"]
    jobs = {
        "RUNNABLE": [job(share=share) for share in shares],
        "RUNNING": [job(share="teamA1", capacityUsage=units({"VCPU": 8}))],
    }
    snapshot = fair_shares(teamA2={"VCPU": 4.0}, teamAB={"VCPU": 2.0})
    batch = FakeBatch({"gpus": jobs}, snapshots={"gpus": snapshot}, definitions=[definition()])
    published = poll(batch, queue(shares={"teamA*": {}, "teamAB": {}, "teamABC*": {}}))
    assert {share: values["RunnableJobs"] for (_, share), values in published.items() if share} == {
        "teamA*": 2,
        "teamAB": 1,
        "teamABC*": 1,
        "other": 1,
    }
    assert published["gpus", "teamA*"]["CapacityInUse"] == 12, (
        "4 from the snapshot, 8 of a share that is not in the snapshot"
    )
    assert published["gpus", "teamAB"]["CapacityInUse"] == 2


def test_undeclared_shares_count_as_other() -> None:
    jobs = {
        "RUNNABLE": [service_job(share="x", p4d=1), service_job(share="y", p4d=1)],
        "RUNNING": [service_job(share="x", p4d=5)],
    }
    snapshot = fair_shares({P4D: 12.0}, z={P4D: 7.0})
    batch = FakeBatch({"train": jobs}, snapshots={"train": snapshot})
    published = poll(batch, queue("train", "service", shares={"a": {P4D: 20}}))
    assert published.keys() == {("train", None), ("train", "a"), ("train", "other")}
    other = published["train", "other"]
    assert (other["RunnableJobs"], other["RunningJobs"], other["CapacityInUse"]) == (2, 1, 12)
    assert "CapacityEntitlement" not in other
    assert other["CapacityBorrowed"] == published["train", "a"]["CapacityLent"] == 12


def test_a_fifo_queue_has_no_shares() -> None:
    batch = FakeBatch({"gpus": {"RUNNABLE": [job()], "RUNNING": [job()]}}, definitions=[definition()])
    assert poll(batch, queue()).keys() == {("gpus", None)}


def test_capacity_comes_from_the_snapshot_or_from_the_jobs_of_shares_without_a_snapshot() -> None:
    jobs = {
        "RUNNING": [service_job(quota="a", p4d=1), service_job(quota="b", p4d=2)],
        "STARTING": [service_job(quota="b", p4d=3)],
    }
    snapshot = quota_shares(a={P4D: 4.0, G6: 1.0})
    snapshot["queueUtilization"]["totalCapacityUsage"] = units({P4D: 9.0, G6: 1.0})
    batch = FakeBatch({"train": jobs}, snapshots={"train": snapshot})
    published = poll(batch, queue("train", "service", quota=True, shares={"a": {}, "b": {}}, limit={P4D: 30, G6: 10}))
    assert published["train", "a"]["CapacityInUse"] == 5
    assert published["train", "b"]["CapacityInUse"] == 5
    queue_gauges = published["train", None]
    assert (queue_gauges["CapacityInUse"], queue_gauges["CapacityLimit"], queue_gauges["CapacityUtilization"]) == (
        10,
        40,
        25,
    )


def test_a_limit_of_zero_has_no_utilization() -> None:
    queue_gauges = poll(FakeBatch({"gpus": {}}), queue(limit={"VCPU": 0}))["gpus", None]
    assert queue_gauges["CapacityLimit"] == 0
    assert "CapacityUtilization" not in queue_gauges


def test_lent_capacity_is_the_borrowed_capacity_of_other_shares() -> None:
    snapshot = quota_shares(a={P4D: 10.0, G6: 1.0}, b={P4D: 1.0}, c={P4D: 2.0}, d={G6: 3.0})
    shares = {"a": {P4D: 4}, "b": {P4D: 4}, "c": {P4D: 8}, "d": {G6: 9}}
    published = poll(
        FakeBatch({"train": {}}, snapshots={"train": snapshot}), queue("train", "service", quota=True, shares=shares)
    )
    lending = {
        share: [values["CapacityBorrowed"], values["CapacityLent"]]
        for (_, share), values in published.items()
        if share is not None
    }
    assert lending["a"] == [7, 0]
    assert lending["b"] == pytest.approx([0, 6 * 3 / 9])
    assert lending["c"] == pytest.approx([0, 6 * 6 / 9])
    assert lending["d"] == [0, 1]


def test_no_capacity_is_lent_if_no_share_borrows() -> None:
    snapshot = quota_shares(a={P4D: 3.0})
    shares = {"a": {P4D: 4}, "b": {P4D: 4}}
    published = poll(
        FakeBatch({"train": {}}, snapshots={"train": snapshot}), queue("train", "service", quota=True, shares=shares)
    )
    assert {published["train", share]["CapacityLent"] for share in shares} == {0}


def test_an_unknown_entitlement_is_not_published() -> None:
    snapshot = fair_shares(a={"VCPU": 8.0}, x={"VCPU": 8.0})
    published = poll(FakeBatch({"gpus": {}}, snapshots={"gpus": snapshot}), queue(shares={"a": {}}))
    for share in ("a", "other"):
        assert published["gpus", share]["CapacityInUse"] == 8
        assert not published["gpus", share].keys() & {"CapacityEntitlement", "CapacityBorrowed", "CapacityLent"}


def test_instances_of_any_type_are_counted_together() -> None:
    snapshot = fair_shares({P4D: 3.0, G6: 4.0}, a={P4D: 3.0, G6: 4.0})
    shares = {"a": {"NUM_INSTANCES": 5}, "b": {"NUM_INSTANCES": 5}}
    record = queue("train", "service", shares=shares, limit={"NUM_INSTANCES": 10})
    published = poll(FakeBatch({"train": {}}, snapshots={"train": snapshot}), record)
    assert published["train", None]["CapacityUtilization"] == 70
    assert published["train", "a"]["CapacityBorrowed"] == published["train", "b"]["CapacityLent"] == 2


def test_cpus_of_eks_are_vcpus() -> None:
    snapshot = fair_shares({"cpu": 6.0}, a={"cpu": 6.0})
    published = poll(FakeBatch({"gpus": {}}, snapshots={"gpus": snapshot}), queue(shares={"a": {"VCPU": 4}}))
    assert published["gpus", "a"]["CapacityBorrowed"] == 2


def test_the_head_of_a_queue_with_quota_shares_is_the_oldest_head_of_its_shares() -> None:
    snapshot = {
        "frontOfQueue": {"jobs": front(9 * HOUR)},
        "frontOfQuotaShares": {"quotaShares": {"a": front(HOUR), "b": front(2 * HOUR), "c": []}},
    }
    batch = FakeBatch({"train": {}}, snapshots={"train": snapshot})
    assert poll(batch, queue("train", "service", quota=True))["train", None]["HeadOfQueueAge"] == 7_200
    empty = FakeBatch({"train": {}}, snapshots={"train": {"frontOfQuotaShares": {"quotaShares": {"a": []}}}})
    assert poll(empty, queue("train", "service", quota=True))["train", None]["HeadOfQueueAge"] == 0


def test_a_quota_share_has_its_own_front_in_a_truncated_listing() -> None:
    jobs = {"RUNNABLE": Jobs(900, lambda n: service_job(n, age=HOUR, quota="a"))}
    snapshot = {"frontOfQuotaShares": {"quotaShares": {"a": front(3 * HOUR), "b": front(2 * HOUR)}}}
    batch = FakeBatch({"train": jobs}, snapshots={"train": snapshot})
    published = poll(batch, queue("train", "service", quota=True, max_pages=6, shares={"a": {}, "b": {}}))
    ages = {share: values["OldestRunnableAge"] for (_, share), values in published.items()}
    assert ages == {None: 3 * 3_600, "a": 3 * 3_600, "b": 2 * 3_600}
