"""Sizes that elastic jobs reach, with the reason for each."""

from dataclasses import replace
from typing import Any

import pytest

from fairlane.hyperpod import (
    BatchPlan,
    Cap,
    Checkpoint,
    ElasticPolicy,
    ElasticTrainingJob,
    Governance,
    ReplicaPart,
    Sharing,
    SizeState,
    Team,
    job_advice,
    job_sizes,
    size_batches,
)
from tests.fairlane.hyperpod.governance import P5, group, pool, quota, team

JOB = ElasticTrainingJob(
    job_name="llama",
    team="research",
    instance_type=P5,
    image="image",
    script="train.py",
    policy=ElasticPolicy(min_replicas=4, max_replicas=20, replica_increment_step=4),
    batch=BatchPlan(global_batch=256, micro_batch=4, learning_rate=1e-4, uneven_batches=True),
)
INFERENCE = team("inference", count=16, sharing=Sharing.LEND)
NIGHT = [INFERENCE, team("pretraining", count=12), team("research", count=4, borrow_limit=300)]
"""256 GPUs, of which the team research has 32 and borrows 96."""
GUARANTEED, BORROWED, REFUSED = SizeState.GUARANTEED, SizeState.BORROWED, SizeState.REFUSED


def sizes(teams: list[Team], job: ElasticTrainingJob = JOB, **settings: Any) -> list[tuple[int, SizeState, str]]:
    groups = settings.pop("groups", [group(32)])
    found = job_sizes(job, settings.pop("governance", Governance()), teams, groups, **settings)
    return [(each.accelerators, each.state, each.reason) for each in found]


def test_a_job_grows_into_borrowed_capacity_up_to_the_borrow_limit() -> None:
    assert sizes(NIGHT) == [
        (32, GUARANTEED, ""),
        (64, BORROWED, "32 of 64 nvidia.com/gpu are borrowed"),
        (96, BORROWED, "64 of 96 nvidia.com/gpu are borrowed"),
        (128, BORROWED, "96 of 128 nvidia.com/gpu are borrowed"),
        (
            160,
            REFUSED,
            "160 nvidia.com/gpu are above 128: the borrow limit of 300 % of its own 32 is 96",
        ),
    ]


@pytest.mark.parametrize(
    ("own", "last", "reason"),
    [
        (
            team("research", count=4),
            32,
            "64 nvidia.com/gpu are above 48: the borrow limit of 50 % of its own 32 is 16",
        ),
        (
            team("research", count=4, sharing=Sharing.LEND),
            32,
            "64 nvidia.com/gpu are above 32: sharing Lend does not borrow",
        ),
        (
            team("research", count=4, sharing=Sharing.DONT_LEND),
            32,
            "64 nvidia.com/gpu are above 32: sharing DontLend neither lends nor borrows",
        ),
        (
            team("research", count=4, borrow_limit=300, cap=Cap(instances={P5: 8})),
            64,
            "96 nvidia.com/gpu are above 64: the cap of the team",
        ),
        (
            team("research", count=4, borrow_limit=300, cap=Cap(requests={"vpc.amazonaws.com/efa": 256})),
            64,
            "384 vpc.amazonaws.com/efa are above 256: the cap of the team",
        ),
        (
            team("research", quota(accelerators=32, vcpus=768), borrow_limit=300, cap=Cap(requests={"cpu": 1500})),
            64,
            "2148 cpu are above 1500: the cap of the team",
        ),
        (
            team("research", quota(accelerators=32, memory_gib=4096), borrow_limit=300),
            64,
            "22680 GiB of memory are above 16384: the borrow limit of 300 % of its own 4096 is 12288",
        ),
    ],
)
def test_the_first_refused_size_has_the_limit(own: Team, last: int, reason: str) -> None:
    found = sizes([INFERENCE, team("pretraining", count=12), own])
    refused = [each for each in found if each[1] == REFUSED]
    assert max(each[0] for each in found if each[1] != REFUSED) == last
    assert refused[0][2] == reason


def test_memory_can_be_what_is_borrowed() -> None:
    own = team("research", quota(accelerators=64, memory_gib=8192), borrow_limit=300)
    assert sizes([INFERENCE, own])[1] == (64, BORROWED, "6928 of 15120 GiB of memory are borrowed")


def test_nobody_lends_what_everybody_keeps() -> None:
    others = [replace(each, sharing=Sharing.DONT_LEND) for each in NIGHT[:2]]
    assert [each[1] for each in sizes([*others, NIGHT[2]])] == [GUARANTEED, *[REFUSED] * 4]
    spare = [group(36)]
    assert [each[1] for each in sizes([*others, NIGHT[2]], groups=spare)] == [GUARANTEED, BORROWED, *[REFUSED] * 3]
    kept = Governance(share_unallocated=False)
    assert [each[1] for each in sizes([*others, NIGHT[2]], governance=kept, groups=spare)] == [
        GUARANTEED,
        *[REFUSED] * 4,
    ]


def test_a_team_without_quota_reaches_nothing() -> None:
    words = "team research has no quota of nvidia.com/gpu in ml.p5.48xlarge"
    assert {each[1:] for each in sizes([INFERENCE])} == {(REFUSED, words)}
    assert {each[1:] for each in sizes([team("research", quota("ml.p4d.24xlarge", count=4))])} == {(REFUSED, words)}
    assert {each[1:] for each in sizes([team("research", quota(P5, vcpus=1920))])} == {(REFUSED, words)}


def test_a_job_without_accelerators_needs_a_quota_of_its_type_only() -> None:
    cpus = replace(JOB, instance_type="ml.m5.2xlarge", policy=replace(JOB.policy, max_replicas=8))
    own = team("research", quota("ml.m5.2xlarge", count=8))
    groups = [group(8, "ml.m5.2xlarge")]
    assert sizes([own], cpus, groups=groups) == [(0, GUARANTEED, ""), (0, GUARANTEED, "")]
    assert {each[1:] for each in sizes([INFERENCE], cpus, groups=groups)} == {
        (REFUSED, "team research has no quota in ml.m5.2xlarge")
    }


def test_partitions_count_against_a_quota_of_partitions() -> None:
    small = replace(JOB, requests={"nvidia.com/gpu": 0, "nvidia.com/mig-1g.10gb": 4, "cpu": 16})
    own = team("research", quota(partition="mig-1g.10gb", partitions=40))
    assert [each[1] for each in sizes([own], small)] == [GUARANTEED, GUARANTEED, BORROWED, REFUSED, REFUSED]
    words = "team research has no quota of nvidia.com/mig-1g.10gb in ml.p5.48xlarge"
    assert {each[1:] for each in sizes([team("research", count=4)], small)} == {(REFUSED, words)}


def test_node_pools_without_limits_have_no_end() -> None:
    own = team("research", count=4, borrow_limit=10_000)
    groups = [group(0)]
    assert {each[1] for each in sizes([own], groups=groups, node_pools=[pool("gpu")])} == {GUARANTEED, BORROWED}
    limited = [pool("gpu", max_accelerators=64)]
    assert [each[1] for each in sizes([own], groups=groups, node_pools=limited)] == [
        GUARANTEED,
        BORROWED,
        *[REFUSED] * 3,
    ]


def test_a_replica_can_be_a_part_of_an_instance() -> None:
    half = replace(JOB, requests={"nvidia.com/gpu": 4})
    assert sizes(NIGHT, half)[:3] == [
        (16, GUARANTEED, ""),
        (32, GUARANTEED, ""),
        (48, BORROWED, "16 of 48 nvidia.com/gpu are borrowed"),
    ]


def test_each_size_has_its_batch() -> None:
    found = job_sizes(JOB, Governance(), NIGHT, [group(32)])
    assert JOB.batch is not None
    assert [each.batch for each in found] == size_batches(JOB.batch, JOB.policy.sizes, 8)
    assert [each.batch.accumulation if each.batch else None for each in found] == [2, 1, 1, 1, 1]
    given = size_batches(JOB.batch, (4, 8), 8)
    assert [each.batch for each in job_sizes(JOB, Governance(), NIGHT, [group(32)], batches=given)] == [
        *given,
        None,
        None,
        None,
    ]
    unknown = job_sizes(replace(JOB, batch=None), Governance(), NIGHT, [group(32)])
    assert [each.batch for each in unknown] == [None] * 5


def test_advice_is_about_a_borrowed_start_and_what_is_not_stated() -> None:
    sizes = job_sizes(JOB, Governance(), NIGHT, [group(32)])
    stated = replace(JOB, checkpoint=Checkpoint(size_gib=100, write_gib_per_second=1))
    assert list(job_advice(stated, sizes)) == []
    assert [advice.id for advice in job_advice(replace(JOB, batch=None), sizes)] == [
        "fairlane:ElasticTrainingJob.noCheckpoint",
        "fairlane:ElasticTrainingJob.noBatch",
    ]
    (advice,) = job_advice(replace(stated, initial_replicas=8), sizes)
    assert advice.id == "fairlane:ElasticTrainingJob.borrowedStart"
    assert "starts with 8 replicas, of which 32 of 64 nvidia.com/gpu are borrowed" in advice.message
    assert list(job_advice(replace(stated, initial_replicas=4), sizes)) == []


def test_advice_on_priority_classes_that_nobody_creates() -> None:
    stated = replace(JOB, checkpoint=Checkpoint(size_gib=100, write_gib_per_second=1))
    base = ReplicaPart(part_name="base", replicas=4, priority_class_name="base")
    more = ReplicaPart(part_name="more", replicas=0, max_replicas=16, priority_class_name="training")
    (advice,) = job_advice(replace(stated, parts=[base, more]), [])
    assert advice.id == "fairlane:ElasticTrainingJob.priorityClass"
    assert advice.message.startswith("Fairlane does not create the PriorityClass training, without which Kubernetes")
    own = replace(more, priority_class_name="elastic")
    assert list(job_advice(replace(stated, parts=[base, own]), [])) == []
