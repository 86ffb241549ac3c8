"""Changes of the capacity over time: files, mistakes, and their effect on runs and on the use."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairlane import ConfigurationError, FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import CapacityChange, Run, read_capacity, rehearse, summarize
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import Capacity, JobStateTimeLimitAction, TimeLimitReason

P5, G5 = "ml.p5.48xlarge", "ml.g5.xlarge"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "capacity.csv"
    path.write_text(text)
    return path


def mistakes(path: Path, capacity: Capacity = 8) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        read_capacity(path, capacity)
    return [str(problem) for problem in raised.value.problems]


def test_changes_are_read_with_all_formats_of_time(tmp_path: Path) -> None:
    path = write(tmp_path, "at,capacity,ends\n2026-03-04T12:00:00Z,16,\n1772712000,8,kill\n")
    assert read_capacity(path, 8) == (
        CapacityChange(at=1_772_625_600, capacity=16),
        CapacityChange(at=1_772_712_000, capacity=8, ends="kill"),
    )
    path = write(tmp_path, f"at,instance_type,capacity\n0,{P5},1\n0,{G5},0\n60,{P5},2\n")
    assert [change.capacity for change in read_capacity(path, {P5: 4, G5: 4})] == [1, 0, 2]
    lines = tmp_path / "capacity.jsonl"
    lines.write_text('{"at": 5, "capacity": 3}\n')
    assert read_capacity(lines, {P5: 4}) == (CapacityChange(at=5, capacity=3),)


def test_all_mistakes_are_reported_with_their_lines(tmp_path: Path) -> None:
    text = "at,capacity,ends\n5,8,\n4,-2,kill\n-1,8,\n3000,4,stop\n9,4,\n3000,4,\n4000,4,kill\n5000,x,kill\n"
    assert mistakes(write(tmp_path, text)) == [
        "line 3, at: the runs end 30 minutes before, which is before second 0: use 1800 or more",
        "line 3, capacity: got '-2', allowed: a whole number, 0 or more",
        "line 4, at: got '-1', allowed: seconds, 0 or more, or a time since 1970 or in ISO 8601",
        "line 5, ends: got 'stop', allowed: kill, or nothing",
        "line 6, at: the change is before the one above: sort the rows by at",
        "line 7, at: the capacity changes twice in this second: keep one of the rows",
        "line 8, at: the runs end 30 minutes before, which is not after the change above: correct one of both",
        "line 9, capacity: got 'x', allowed: a whole number, 0 or more",
    ]


@pytest.mark.parametrize(
    ("text", "capacity", "problem"),
    [
        ("at\n1\n", 8, "capacity: missing; use a column with this name"),
        ("at,capacity,until\n1,2,3\n", 8, "columns: got 'until', allowed: at, instance_type, capacity, ends"),
        ("at,capacity\n", 8, "the file has no rows: add a row for each change of the capacity"),
        ("at,capacity\n1,2,3\n", 8, "line 2, the row has 3 cells, but the header has 2: use as many as the header"),
        ("at,capacity\n1,2\n2026-01-01,3\n", 8, "line 3, at: got '2026-01-01', allowed: a number of seconds, as in"),
        (
            f"at,capacity,instance_type\n1,2,{P5}\n",
            8,
            "line 2, instance_type: the capacity of the queue has no instance",
        ),
        (
            f"at,capacity,instance_type\n1,2,{G5}\n",
            {P5: 4},
            "line 2, instance_type: got 'ml.g5.xlarge', allowed: an in",
        ),
        ("at,capacity\n1,2\n", {P5: 4, G5: 4}, "line 2, instance_type: missing; use an instance type of the queue"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, text: str, capacity: Capacity, problem: str) -> None:
    (found,) = mistakes(write(tmp_path, text), capacity)
    assert found.startswith(problem)


def test_wrong_changes_are_refused_by_rehearse() -> None:
    changes: list[Any] = [
        CapacityChange(at=-1, capacity=-1, ends="stop"),  # type: ignore[arg-type]
        CapacityChange(at=9, capacity=1, ends="kill"),
        CapacityChange(at=8, capacity=1, instance_type=P5),
    ]
    with pytest.raises(ConfigurationError) as raised:
        rehearse(Fifo(), Trace.of([]), capacity=1, capacity_changes=changes, largest_instance=0, seed=-1)
    assert [str(problem) for problem in raised.value.problems] == [
        "capacity_changes[0].at: got -1, allowed: a whole number of seconds, 0 or more",
        "capacity_changes[0].capacity: got -1, allowed: a whole number, 0 or more",
        "capacity_changes[0].ends: got 'stop', allowed: kill, or nothing",
        "capacity_changes[1].at: the runs end 30 minutes before, which is before second 0: use 1800 or more",
        "capacity_changes[2].instance_type: the capacity of the queue has no instance types: remove the instance type",
        "largest_instance: got 0, allowed: a whole number, 1 or more",
        "seed: got -1, allowed: a whole number, 0 or more",
    ]
    with pytest.raises(ConfigurationError, match="a CapacityChange"):
        rehearse(Fifo(), Trace.of([]), capacity=1, capacity_changes=["x"])  # type: ignore[list-item]


def test_a_lower_capacity_stops_nobody_and_the_use_counts_what_existed() -> None:
    jobs = Trace.of([Job(submit=0, run=100, instances=4), Job(submit=10, run=10, instances=2), Job(submit=199, run=1)])
    changes = [CapacityChange(at=50, capacity=1), CapacityChange(at=150, capacity=2)]
    rehearsal = rehearse(Fifo(), jobs, capacity=4, capacity_changes=changes)
    assert [outcome.runs for outcome in rehearsal.outcomes] == [
        (Run(0, 100, False),),
        (Run(150, 160, False),),
        (Run(199, 200, False),),
    ]
    existed = 100 * 4 + 50 * 1 + 50 * 2  # the run above the limit keeps its instances
    assert rehearsal.utilization == (400 + 20 + 1) / existed
    assert summarize({"q": rehearsal})["rehearsals"]["q"]["capacity_over_time"] == [[0, 4], [50, 1], [150, 2]]


def test_the_end_of_a_capacity_block_stops_the_newest_runs_30_minutes_before() -> None:
    jobs = Trace.of(
        [
            Job(name="old", submit=0, run=10_000, checkpoint=60, instances=2),
            Job(name="new", submit=100, run=10_000, checkpoint=600, instances=2),
        ]
    )
    rehearsal = rehearse(Fifo(), jobs, capacity=4, capacity_changes=[CapacityChange(at=5400, capacity=2, ends="kill")])
    old, new = rehearsal.outcomes
    assert old.runs == (Run(0, 10_000, False),)
    assert new.runs == (Run(100, 3600, True), Run(10_000, 10_000 + 10_000 - 3000, False))
    assert (new.state, new.lost, rehearsal.total.preemptions, rehearsal.total.stopping) == ("succeeded", 2 * 500, 1, 0)


def test_a_job_never_runs_if_it_needs_more_than_all_capacity_to_come() -> None:
    jobs = [Job(submit=0, run=10, instances=8), Job(submit=1, run=10), Job(submit=60, run=10, instances=8)]
    changes = [CapacityChange(at=50, capacity=8), CapacityChange(at=55, capacity=4)]
    rehearsal = rehearse(Fifo(), Trace.of(jobs), capacity=4, capacity_changes=changes)
    assert [outcome.first_start for outcome in rehearsal.outcomes] == [50, 60, None]


def test_a_job_whose_capacity_ends_for_ever_counts_until_then() -> None:
    jobs = [Job(share="a", submit=0, run=5000, instances=8), Job(share="a", submit=10, run=100, instances=6)]
    jobs.append(Job(share="b", submit=10, run=100, instances=5))
    policy = FairShare({"a": 1, "b": 1})
    changes = [CapacityChange(at=1800 + 3600, capacity=6, ends="kill")]
    rehearsal = rehearse(policy, Trace.of(jobs), capacity=8, capacity_changes=changes)
    assert rehearsal.outcomes[0].runs == (Run(0, 3600, True),)
    assert rehearsal.fairness is not None, "the second job of a waited together with the job of b"
    assert rehearsal.fairness.max_min == 0
    alone = rehearse(Fifo(), Trace.of(jobs[:1]), capacity=8, capacity_changes=changes)
    assert [*alone.share("a").use] == [*alone.total.use] == [(0, 8), (3600, 0)]
    assert alone.total.never_ran == 0


def test_entitlements_follow_the_capacity() -> None:
    jobs = [Job(share="ab"[row % 2], submit=0, run=100) for row in range(16)] + [Job(share="a", submit=199, run=1)]
    changes = [CapacityChange(at=100, capacity=2)]
    rehearsal = rehearse(FairShare({"a": 1, "b": 1}), Trace.of(jobs), capacity=4, capacity_changes=changes)
    assert rehearsal.share("a").entitlement == 1.5
    assert rehearsal.share("a").starvation == []


def test_changes_of_one_instance_type_leave_the_others() -> None:
    share = QuotaShare(name="a", capacity={P5: 2, G5: 2}, sharing=Sharing.RESERVE)
    jobs = [Job(share="a", submit=0, run=10, instance_type=unit) for unit in (P5, G5) for _ in range(2)]
    changes = [CapacityChange(at=0, capacity=1, instance_type=P5)]
    rehearsal = rehearse(QuotaManagement(share), Trace.of(jobs), capacity={P5: 2, G5: 2}, capacity_changes=changes)
    assert [outcome.first_start for outcome in rehearsal.outcomes] == [0, 10, 0, 0]


def test_changes_on_another_clock_get_advice() -> None:
    jobs = Trace.of([Job(submit=1_772_625_600, run=10)])
    advice = rehearse(Fifo(), jobs, capacity=1, capacity_changes=[CapacityChange(at=5, capacity=1)]).advice
    assert advice == (
        "no change of the capacity is between the first submission and the last event: compare the clocks",
    )


ENDS_AT_100 = CapacityChange(at=1900, capacity=2, ends="kill")


def test_a_job_that_ran_before_the_capacity_ended_for_good_counts_in_its_share() -> None:
    jobs = [
        Job(share="a", submit=0, run=1000, instances=4),
        Job(share="b", submit=0, run=1000, instances=2),
        Job(share="b", submit=10, run=10, instances=2),
    ]
    policy = FairShare({"a": 1, "b": 1})
    rehearsal = rehearse(policy, Trace.of(jobs), capacity=6, capacity_changes=[ENDS_AT_100])
    assert list(rehearsal.share("a").use) == [(0, 4), (100, 0)]
    assert rehearsal.share("a").starvation == [], "it can no longer run, so that it does not wait"
    jobs = [replace(job, share="a") for job in jobs]
    rehearsal = rehearse(FairShare({"a": 1}), Trace.of(jobs), capacity=5, capacity_changes=[ENDS_AT_100])
    assert rehearsal.share("a").starvation == [(0, 100)]


def test_a_job_that_a_time_limit_ends_loses_its_saved_work() -> None:
    limit = JobStateTimeLimitAction(reason=TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE, max_time_seconds=600)
    rehearsal = rehearse(
        Fifo(),
        Trace.of([Job(submit=0, run=1000, instances=4, checkpoint=10), Job(submit=5, run=10)]),
        capacity=4,
        capacity_changes=[ENDS_AT_100],
        strategies=Strategies(unrunnable="block"),
        time_limit_actions=[limit],
    )
    large, small = rehearsal.outcomes
    assert (large.state, large.end, large.lost) == ("failed", 700, 100 * 4)
    assert small.first_start == 700
    assert rehearsal.total.use.integral([rehearsal.span]) == 10 + rehearsal.total.lost


def test_progress_increases_over_runs_that_are_stopped() -> None:
    jobs = Trace.of([Job(submit=n, run=500) for n in range(0, 1000, 2)])
    changes = [CapacityChange(at=1800 + 200 * n, capacity=n % 2 * 200, ends="kill") for n in range(1, 7)]
    reports: list[float] = []
    rehearse(Fifo(), jobs, capacity=200, capacity_changes=changes, progress=reports.append)
    assert reports == sorted(set(reports))
    assert reports[-1] == 1
