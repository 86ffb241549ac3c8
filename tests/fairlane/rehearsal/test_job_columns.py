"""Failures, dependencies, instance types and nodes of jobs, in cases computed by hand."""

from typing import Any

import pytest

from fairlane import ConfigurationError, FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Ec2Instances, Rehearsal, Run, rehearse
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import JobStateTimeLimitAction, SchedulingPolicy, TimeLimitReason

P5, G5 = "ml.p5.48xlarge", "ml.g5.xlarge"


def fifo(*jobs: Job, capacity: int = 8, **options: Any) -> Rehearsal:
    return rehearse(Fifo(), Trace.of(jobs), capacity=capacity, **options)


def runs(rehearsal: Rehearsal) -> list[list[tuple[int, int, bool]]]:
    return [[(run.start, run.stop, run.failed) for run in outcome.runs] for outcome in rehearsal.outcomes]


def problems(*jobs: Any) -> list[str]:
    return [str(problem) for problem in Trace.of(jobs).problems()]


class TestFailures:
    def test_a_job_has_its_attempts_and_continues_after_its_last_checkpoint(self) -> None:
        job = Job(submit=0, run=100, instances=2, fails_after=25, attempts=3, checkpoint=10, restart=5)
        rehearsal = fifo(job)
        assert runs(rehearsal) == [[(0, 25, True), (25, 55, True), (55, 85, True)]]
        (outcome,) = rehearsal.outcomes
        assert (outcome.state, outcome.lost, outcome.preemptions) == ("failed", 75 * 2, 0)
        assert rehearsal.total.failed == 1

    def test_the_last_run_does_not_fail_if_it_ends_before(self) -> None:
        rehearsal = fifo(Job(submit=0, run=40, fails_after=25, attempts=3, checkpoint=10))
        assert runs(rehearsal) == [[(0, 25, True), (25, 45, False)]]
        assert (rehearsal.outcomes[0].state, rehearsal.outcomes[0].lost) == ("succeeded", 5)

    def test_without_attempts_the_job_has_those_of_the_instances_or_one(self) -> None:
        job = Job(submit=0, run=40, fails_after=40)
        assert runs(fifo(job)) == [[(0, 40, True)]]
        assert len(fifo(job, ec2_instances=Ec2Instances(attempts=2)).outcomes[0].runs) == 2

    def test_a_start_up_is_no_work(self) -> None:
        instances = Ec2Instances(start_up_seconds=30)
        assert runs(fifo(Job(submit=0, run=40, fails_after=10), ec2_instances=instances)) == [[(0, 40, True)]]

    def test_policies_have_the_same_failures_and_the_part_that_fails_is_the_probability(self) -> None:
        jobs = [
            Job(share="ab"[row % 2], name=f"{row}", submit=row, run=50, fails_after=9, fails=0.3, attempts=2)
            for row in range(600)
        ]

        def failed(policy: SchedulingPolicy, seed: int = 0, share: str = "ab") -> list[list[bool]]:
            trace = Trace.of(job for job in jobs if job.share in share)
            outcomes = rehearse(policy, trace, capacity=5, seed=seed).outcomes
            return [[run.failed for run in outcome.runs] for outcome in outcomes]

        found = failed(Fifo())
        assert failed(FairShare({"a": 1, "b": 9})) == found
        assert failed(Fifo(), share="a") == found[::2]
        assert failed(Fifo(), seed=1) != found
        assert 0.25 < sum(each[0] for each in found) / len(found) < 0.35
        assert 0.05 < sum(all(each) for each in found) / len(found) < 0.13

    def test_wrong_values_are_problems(self) -> None:
        assert problems(Job(submit=0, run=9, attempts=11, nodes=0, fails=2, queue=3)) == [  # type: ignore[arg-type]
            "trace[0].queue: got 3, allowed: a text",
            "trace[0].attempts: got 11, allowed: a whole number, 1 to 10",
            "trace[0].nodes: got 0, allowed: a whole number, 1 to 1000",
            "trace[0].fails: got 2, allowed: a number, 0 to 1",
            "trace[0].fails_after: missing; use the seconds of work after which a run fails, because the job has fails",
        ]
        late, never = problems(Job(submit=0, run=9, fails_after=10), Job(submit=0, run=9, fails_after=0))
        assert late == "trace[0].fails_after: the job ends after 9 seconds, before it fails: use at most 9"
        assert never.startswith("trace[1].fails_after: got 0, allowed: a whole number of seconds, 1 to ")


class TestDependencies:
    def test_a_job_runs_when_all_jobs_of_the_names_have_succeeded(self) -> None:
        rehearsal = fifo(
            Job(name="eval", submit=0, run=5, after=("train", "data")),
            Job(name="data", submit=0, run=10),
            Job(name="train", submit=0, run=20),
            Job(name="train", submit=30, run=20),
        )
        assert runs(rehearsal)[0] == [(50, 55, False)]
        assert rehearsal.outcomes[0].waited == 0, "the time of its dependencies is no wait"
        assert rehearsal.total.wait.max == 0

    def test_it_waits_from_then_on_in_its_old_place(self) -> None:
        rehearsal = fifo(
            Job(name="a", submit=0, run=10),
            Job(submit=1, run=5, after=("a",)),
            Job(submit=2, run=5),
            Job(submit=3, run=5),
            capacity=1,
        )
        assert [outcome.first_start for outcome in rehearsal.outcomes] == [0, 10, 15, 20]

    def test_it_fails_if_one_of_them_fails_also_before_its_submission(self) -> None:
        rehearsal = fifo(
            Job(name="a", submit=0, run=10, fails_after=10),
            Job(name="b", submit=1, run=5, after=("a",)),
            Job(name="c", submit=2, run=5, after=("b",)),
            Job(submit=50, run=5, after=("c",)),
        )
        assert [outcome.state for outcome in rehearsal.outcomes] == ["failed"] * 4
        assert [outcome.end for outcome in rehearsal.outcomes] == [10, 10, 10, 50]
        assert (rehearsal.total.failed, rehearsal.total.never_ran) == (4, 3)
        assert rehearsal.advice == ("jobs that failed because a job that they depend on failed: 3",)

    def test_it_never_runs_if_one_of_them_never_runs(self) -> None:
        rehearsal = fifo(Job(name="a", submit=0, run=10, instances=9), Job(submit=1, run=5, after=("a",)))
        assert [outcome.state for outcome in rehearsal.outcomes] == ["waiting"] * 2
        assert rehearsal.advice[-1] == "jobs that never run because a job that they depend on never ends: 1"

    def test_a_time_limit_that_ends_a_job_fails_the_jobs_after_it(self) -> None:
        limit = JobStateTimeLimitAction(reason=TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE, max_time_seconds=600)
        rehearsal = fifo(
            Job(name="a", submit=0, run=10, instances=9),
            Job(submit=1, run=5, after=("a",)),
            Job(submit=2, run=5),
            strategies=Strategies(unrunnable="block"),
            time_limit_actions=[limit],
        )
        assert [outcome.end for outcome in rehearsal.outcomes] == [600, 600, 605]

    def test_unknown_names_circles_and_other_values_are_problems(self) -> None:
        assert problems(
            Job(name="a", submit=5, run=1, after=("b",)),
            Job(name="b", submit=0, run=1, after=("a", "x")),
        ) == [
            "trace[1].after: got 'x', allowed: the name of a job of the trace",
            "trace[0].after: the jobs a -> b -> a wait for each other in a circle: remove a dependency",
            "trace[1].after: the jobs a -> b -> a wait for each other in a circle: remove a dependency",
        ]
        assert problems(Job(submit=0, run=1, after="a"), Job(submit=0, run=1, after=("a", "a"))) == [  # type: ignore[arg-type]
            "trace[0].after: got 'a', allowed: a tuple of names",
            "trace[1].after: a name is listed twice: list each name once",
        ]


class TestInstanceTypes:
    POLICY = QuotaManagement(
        *(QuotaShare(name=name, capacity={P5: 2, G5: 2}, sharing=Sharing.LEND_AND_BORROW) for name in "ab")
    )

    def starts(self, *jobs: Job) -> list[int | None]:
        rehearsal = rehearse(self.POLICY, Trace.of(jobs), capacity={P5: 4, G5: 4})
        return [outcome.first_start for outcome in rehearsal.outcomes]

    def test_a_job_starts_on_the_first_type_with_room(self) -> None:
        jobs = [Job(share="a", submit=0, run=10, instances=2, instance_types=(P5, G5)) for _ in range(5)]
        trace = Trace.of(jobs)
        rehearsal = rehearse(self.POLICY, trace, capacity={P5: 4, G5: 4})
        assert [outcome.first_start for outcome in rehearsal.outcomes] == [0, 0, 0, 0, 10]
        assert rehearsal.share("a").use.peak == 8
        assert rehearsal.share("a").entitlement == 4

    def test_a_type_that_can_never_hold_it_is_passed(self) -> None:
        assert self.starts(Job(share="a", submit=0, run=10, instances=5, instance_types=(P5, G5))) == [None]
        policy = QuotaManagement(QuotaShare(name="a", capacity={P5: 2, G5: 6}, sharing=Sharing.RESERVE))
        job = Job(share="a", submit=0, run=10, instances=5, instance_types=(P5, G5))
        assert rehearse(policy, Trace.of([job]), capacity={P5: 2, G5: 6}).outcomes[0].first_start == 0

    def test_a_job_of_its_share_that_waits_there_is_first(self) -> None:
        large = Job(share="a", submit=0, run=10, instances=3, instance_type=G5, priority=9)
        places = (("a", P5), ("b", P5), ("b", G5))
        filler = [Job(share=name, submit=0, run=10, instances=2, instance_type=unit) for name, unit in places]
        guest = Job(share="a", submit=1, run=10, instances=1, instance_types=(P5, G5))
        assert self.starts(*filler, guest)[-1] == 1
        assert self.starts(*filler, large, guest)[-2:] == [10, 10]

    def test_its_share_takes_back_its_own_capacity_on_the_first_type(self) -> None:
        borrowed = [Job(share="b", submit=0, run=10, instances=2, instance_type=P5) for _ in range(2)]
        assert self.starts(*borrowed, Job(share="a", submit=1, run=10, instance_types=(P5, G5)))[-1] == 21

    def test_a_job_that_is_stopped_at_once_starts_on_its_first_type(self) -> None:
        policy = QuotaManagement(
            QuotaShare(name="a", capacity={G5: 1}, sharing=Sharing.LEND_AND_BORROW),
            QuotaShare(name="b", capacity={P5: 2, G5: 1}, sharing=Sharing.LEND_AND_BORROW),
        )
        jobs = [
            Job(share="b", submit=0, run=10, instances=2, instance_type=P5),
            Job(share="b", submit=0, run=30, instances=2, instance_types=(P5, G5)),
            Job(share="a", submit=10, run=100, instance_type=G5),
        ]
        rehearsal = rehearse(policy, Trace.of(jobs), capacity={P5: 2, G5: 2}, strategies=Strategies(stop_seconds=0))
        assert runs(rehearsal)[1] == [(0, 10, False), (10, 40, False)]

    def test_both_columns_are_refused(self) -> None:
        assert problems(Job(submit=0, run=1, instance_type=P5, instance_types=(P5,))) == [
            "trace[0].instance_types: the job has instance_type, too: use one of both"
        ]

    def test_an_unknown_type_names_its_rows(self) -> None:
        jobs = [Job(share="a", submit=0, run=1, instance_types=(P5, "ml.x")), Job(share="visoin", submit=1, run=1)]
        with pytest.raises(ConfigurationError) as raised:
            rehearse(self.POLICY, Trace.of(jobs), capacity={P5: 4, G5: 4})
        texts = [str(problem) for problem in raised.value.problems]
        assert "trace.share: got 'visoin', allowed: an enabled quota share: a, b (row 1)" in texts
        assert "trace.instance_type: got 'ml.x', allowed: an instance type of the queue: " in " ".join(texts)
        assert any(text.endswith(f"{G5} (row 0)") for text in texts)


class TestNodes:
    def test_a_container_that_is_larger_than_an_instance_never_runs_without_nodes(self) -> None:
        jobs = [Job(submit=0, run=1, instances=9), Job(submit=0, run=1, instances=9, nodes=2), Job(submit=0, run=1)]
        rehearsal = fifo(*jobs, capacity=32, largest_instance=8)
        assert [outcome.first_start for outcome in rehearsal.outcomes] == [None, 0, 0]
        assert rehearsal.advice == (
            "jobs that can never run, because they need more than 8 GPUs, the largest instance, on a node: 1; "
            "the first is row 0, which needs 9",
            "a column nodes divides the GPUs of a multi-node parallel job on its instances",
        )

    def test_it_blocks_its_queue_until_the_time_limit_of_its_reason(self) -> None:
        limit = JobStateTimeLimitAction(reason=TimeLimitReason.JOB_RESOURCE_REQUIREMENT, max_time_seconds=700)
        jobs = [Job(submit=0, run=1, instances=9), Job(submit=1, run=1)]
        options: Any = {"strategies": Strategies(unrunnable="block"), "time_limit_actions": [limit]}
        rehearsal = fifo(*jobs, capacity=32, largest_instance=8, **options)
        assert [outcome.first_start for outcome in rehearsal.outcomes] == [None, 700]


def test_more_share_identifiers_than_aws_allows_get_advice() -> None:
    jobs = [Job(share=f"{number}", submit=number, run=1) for number in range(501)]
    text = "the jobs have 501 share identifiers: AWS Batch refuses jobs with more than 500 active share identifiers"
    assert any(each.startswith(text) for each in rehearse(FairShare({}), Trace.of(jobs), capacity=1).advice)
    assert not any("500" in each for each in rehearse(FairShare({}), Trace.of(jobs[1:]), capacity=1).advice)


def test_a_run_is_a_tuple() -> None:
    assert Run(0, 1, False) == (0, 1, False, False)
