"""Rules of scheduling policies that AWS documents, in small cases."""

import math
from typing import Any

import pytest

from fairlane import ConfigurationError, FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Backlog, Ec2Instances, Outcome, Rehearsal, Run, rehearse
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies, hours, minutes
from fairlane.scheduling import SchedulingPolicy

UNIT = "ml.p4d.24xlarge"


def share(name: str, own: int, sharing: Sharing = Sharing.LEND_AND_BORROW, **options: Any) -> QuotaShare:
    return QuotaShare(name=name, capacity={UNIT: own}, sharing=sharing, **options)


def by_name(policy: SchedulingPolicy, jobs: list[Job], capacity: Any, **options: Any) -> dict[str, Outcome]:
    rehearsal = rehearse(policy, Trace.of(jobs), capacity=capacity, **options)
    return {job.name: outcome for job, outcome in zip(rehearsal.trace, rehearsal.outcomes, strict=True)}


TWO_TEAMS = QuotaManagement(
    share("ProdExp1", 60, in_share_preemption=True), share("ProdExp2", 40, in_share_preemption=True)
)


def test_an_owner_gets_lent_capacity_back_by_preemption() -> None:
    jobs = [Job(name=f"two {n}", share="ProdExp2", instances=5, submit=0, run=hours(9)) for n in range(5)]
    jobs += [Job(name=f"one {n}", share="ProdExp1", instances=15, submit=60, run=hours(9)) for n in range(5)]
    jobs += [Job(name=f"back {n}", share="ProdExp2", instances=5, submit=120, run=hours(9)) for n in range(3)]
    rehearsal = rehearse(TWO_TEAMS, Trace.of(jobs), capacity={UNIT: 100})
    borrower, owner = rehearsal.share("ProdExp1"), rehearsal.share("ProdExp2")
    assert (borrower.use.value_at(59), owner.use.value_at(59)) == (0, 25)
    assert (borrower.use.value_at(119), owner.use.value_at(119)) == (75, 25), (
        "ProdExp1 borrows the 15 that ProdExp2 does not use"
    )
    assert (borrower.use.value_at(140), owner.use.value_at(140)) == (60, 40), "the owner has its 40 after the stop"
    assert (borrower.preemptions, owner.preemptions) == (1, 0), "one job of 15 is enough for three of 5"
    assert owner.wait.max == 20
    assert owner.starvation == [(120, 140)]


def test_a_high_priority_preempts_only_the_lowest_priority() -> None:
    jobs = [
        Job(name=f"{priority}", share="ProdExp1", priority=priority, instances=15, submit=0, run=hours(5))
        for priority in (80, 50, 30, 10)
    ]
    jobs.append(Job(name="others", share="ProdExp2", instances=40, submit=0, run=hours(5)))
    jobs.append(Job(name="90", share="ProdExp1", priority=90, instances=15, submit=600, run=hours(1)))
    outcomes = by_name(TWO_TEAMS, jobs, {UNIT: 100})
    assert {name for name, outcome in outcomes.items() if outcome.preemptions} == {"10"}
    assert outcomes["90"].runs == (Run(620, 620 + hours(1), False),)
    assert outcomes["10"].runs[0] == Run(0, 620, True)
    assert outcomes["10"].lost == 600 * 15, "the 20 seconds of the stop do not count as work"
    assert outcomes["10"].first_start == 0
    assert outcomes["10"].runs[1].start == 620 + hours(1)


def aws_sample(*jobs: tuple[str, str, int, int]) -> dict[str, Outcome]:
    """Return the outcomes of AWS's sample: three shares that own one instance each."""
    policy = QuotaManagement(
        share("QS1", 1, borrow_limit=200, in_share_preemption=True),
        share("QS2", 1, Sharing.LEND),
        share("QS3", 1, Sharing.RESERVE),
    )
    return by_name(
        policy,
        [
            Job(name=name, share=owner, priority=priority, submit=submit, run=1000)
            for name, owner, priority, submit in jobs
        ],
        {UNIT: 3},
    )


def test_aws_sample_of_cross_share_preemption() -> None:
    outcomes = aws_sample(("high", "QS1", 3, 0), ("medium", "QS1", 2, 0), ("low", "QS1", 1, 0), ("two", "QS2", 0, 100))
    assert outcomes["high"].runs == (Run(0, 1000, False),)
    assert outcomes["medium"].runs[0] == Run(0, 120, True), "it borrowed the instance of QS2"
    assert outcomes["two"].runs == (Run(120, 1120, False),)
    assert outcomes["low"].first_start is not None
    assert outcomes["low"].first_start >= 1000, "QS3 lends nothing"


def test_aws_sample_of_in_share_preemption() -> None:
    outcomes = aws_sample(
        ("high", "QS1", 3, 0), ("medium", "QS1", 2, 0), ("two", "QS2", 0, 100), ("low, raised", "QS1", 4, 200)
    )
    assert outcomes["high"].runs[0] == Run(0, 220, True)
    assert outcomes["low, raised"].runs == (Run(220, 1220, False),)
    assert outcomes["two"].preemptions == 0


def test_contention_converges_to_the_entitlements() -> None:
    weights = {"HIGHPRI": 1, "MIDPRI": 3, "LOWPRI": 5}
    jobs = [Job(share=name, submit=0, run=100 + n * 37 % 200) for name in weights for n in range(6000)]
    rehearsal = rehearse(FairShare(weights, share_decay_seconds=hours(2)), Trace.of(jobs), capacity=46)
    spans = [(hours(2), hours(6))]
    used = {name: rehearsal.share(name).use.integral(spans) / (46 * hours(4)) for name in weights}
    assert used == pytest.approx({"HIGHPRI": 15 / 23, "MIDPRI": 5 / 23, "LOWPRI": 3 / 23}, abs=0.01)
    assert rehearsal.fairness is not None
    assert rehearsal.fairness.max_min > 0.95


def test_the_share_with_the_lowest_weight_factor_runs_first_although_submitted_last() -> None:
    jobs = [Job(name=f"low {n}", share="LOWPRI", submit=0, run=600) for n in range(8)]
    jobs += [Job(name="high", share="HIGHPRI", submit=10, run=600)]
    outcomes = by_name(FairShare({"HIGHPRI": 1, "LOWPRI": 5}), jobs, 4)
    assert outcomes["high"].first_start == 600
    assert sorted(outcome.first_start or 0 for outcome in outcomes.values()) == [0] * 4 + [600] * 4 + [1200]


def test_a_fifo_queue_blocks_or_skips_a_job_that_does_not_fit() -> None:
    jobs = [
        Job(name="a", instances=3, submit=0, run=100),
        Job(name="b", instances=2, submit=1, run=100),
        Job(name="c", instances=1, submit=2, run=100),
    ]
    starts = {name: outcome.first_start for name, outcome in by_name(Fifo(), jobs, 4).items()}
    assert starts == {"a": 0, "b": 100, "c": 100}
    skipping = by_name(Fifo(), jobs, 4, strategies=Strategies(head_of_line="skip"))
    assert {name: outcome.first_start for name, outcome in skipping.items()} == {"a": 0, "b": 100, "c": 2}


def test_a_reservation_stays_free_for_shares_without_jobs() -> None:
    jobs = [Job(name=f"a{n}", share="a", submit=0, run=hours(1)) for n in range(10)]
    jobs += [Job(name="b", share="b", submit=60, run=60)]
    outcomes = by_name(FairShare({"a": 1, "b": 1}, compute_reservation=50), jobs, 10)
    starts = sorted(outcome.first_start or 0 for name, outcome in outcomes.items() if name != "b")
    assert outcomes["b"].first_start == 60
    assert starts == [0] * 5 + [60, 120] + [hours(1)] * 3, "half is reserved for one active share, a quarter for two"


def test_a_preempted_job_continues_from_its_checkpoint() -> None:
    owner = Job(name="owner", share="ProdExp2", instances=40, submit=1000, run=100)
    borrower = Job(name="borrower", share="ProdExp1", instances=61, submit=0, run=2000, checkpoint=300)
    stopped = by_name(TWO_TEAMS, [borrower, owner], {UNIT: 100})["borrower"]
    assert stopped.lost == 100 * 61
    assert stopped.runs == (Run(0, 1020, True), Run(1120, 1120 + 2000 - 900, False))
    assert stopped.waited == 100


@pytest.mark.parametrize(("retries", "state"), [(0, "failed"), (1, "succeeded"), (None, "succeeded")])
def test_a_job_fails_after_its_retries(retries: int | None, state: str) -> None:
    owner = Job(name="owner", share="ProdExp2", instances=40, submit=1000, run=100)
    borrower = Job(name="borrower", share="ProdExp1", instances=61, submit=0, run=2000, checkpoint=300)
    strategies = Strategies(retries_before_termination=retries)
    outcome = by_name(TWO_TEAMS, [borrower, owner], {UNIT: 100}, strategies=strategies)["borrower"]
    assert outcome.state == state
    assert outcome.lost == (1000 * 61 if state == "failed" else 100 * 61)


def test_instances_start_up_and_stay_idle_for_a_time() -> None:
    jobs = [Job(submit=0, run=100), Job(submit=150, run=100), Job(submit=400, run=100)]
    ec2_instances = Ec2Instances(start_up_seconds=30, idle_seconds=60)
    rehearsal = rehearse(Fifo(), Trace.of(jobs), capacity=1, ec2_instances=ec2_instances)
    runs = [outcome.runs[0] for outcome in rehearsal.outcomes]
    assert runs == [Run(0, 130, False), Run(150, 250, False), Run(400, 530, False)]


def test_reclaimed_jobs_are_retried_and_fail_after_their_attempts() -> None:
    jobs = [Job(submit=0, run=hours(2), checkpoint=60) for _ in range(50)]
    ec2_instances = Ec2Instances(reclaims_per_hour=1, attempts=2, seed=7)
    rehearsal = rehearse(Fifo(), Trace.of(jobs), capacity=50, ec2_instances=ec2_instances)
    failed = [outcome for outcome in rehearsal.outcomes if outcome.state == "failed"]
    assert failed
    assert all(outcome.preemptions == len(outcome.runs) == 2 for outcome in failed)
    assert rehearsal.total.failed == len(failed)
    assert rehearse(Fifo(), Trace.of(jobs), capacity=50, ec2_instances=ec2_instances).total.lost == rehearsal.total.lost


def test_a_job_that_can_never_run_blocks_no_other_job() -> None:
    jobs = [Job(name="huge", share="a", instances=11, submit=0, run=60), Job(name="b", share="a", submit=0, run=60)]
    rehearsal = rehearse(FairShare({"a": 1}), Trace.of(jobs), capacity=10)
    assert [outcome.state for outcome in rehearsal.outcomes] == ["waiting", "succeeded"]
    assert rehearsal.outcomes[0].runs == ()
    assert rehearsal.advice == (
        "jobs that can never run, because they need more capacity than can be free: 1; "
        "the first is huge of share a, which needs 11",
    )
    assert rehearsal.share("a").starvation == []
    wait = rehearsal.share("a").wait
    assert (rehearsal.share("a").never_ran, wait.p50, wait.mean, wait.max) == (1, 0, 0, 0)


def test_jobs_that_never_run_wait_forever() -> None:
    policy = QuotaManagement(share("prod", 4, Sharing.LEND))
    jobs = [Job(share="prod", instances=5, submit=0, run=60) for _ in range(50)]
    prod = rehearse(policy, Trace.of(jobs), capacity={UNIT: 4}).share("prod")
    assert (prod.jobs, prod.never_ran) == (50, 50)
    assert (prod.wait.mean, prod.wait.p50, prod.wait.p95, prod.wait.max) == (math.inf,) * 4


def test_the_planned_end_of_a_preempted_run_is_not_in_the_span() -> None:
    policy = QuotaManagement(share("dev", 4), share("prod", 4, Sharing.LEND))
    jobs = [Job(share="dev", instances=8, submit=0, run=10_000), Job(share="prod", instances=4, submit=10, run=100)]
    strategies = Strategies(retries_before_termination=0)
    rehearsal = rehearse(policy, Trace.of(jobs), capacity={UNIT: 8}, strategies=strategies)
    assert rehearsal.span == (0, 130)


def test_unlisted_share_identifiers_have_weight_factor_1() -> None:
    jobs = [Job(share=name, submit=0, run=60) for name in ("listed", "team-a", "other")]
    rehearsal = rehearse(FairShare({"listed": 1, "team-*": 2}), Trace.of(jobs), capacity=10)
    assert rehearsal.advice == ("share identifiers that the policy does not list have weight factor 1: other",)
    entitled = {name: result.entitlement for name, result in rehearsal.shares.items()}
    assert entitled == pytest.approx({"listed": 4, "team-a": 2, "other": 4})


def test_at_most_ten_unlisted_share_identifiers_are_named() -> None:
    jobs = [Job(share=f"s{n}", submit=0, run=60) for n in range(12)]
    (advice,) = rehearse(FairShare({"listed": 1}), Trace.of(jobs), capacity=10).advice
    assert advice.endswith("weight factor 1: s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 2 others")


def test_share_identifiers_with_the_same_prefix_divide_its_part() -> None:
    jobs = [Job(share=name, submit=0, run=60) for name in ("listed", "team-a", "team-b")]
    rehearsal = rehearse(FairShare({"listed": 1, "team-*": 1}), Trace.of(jobs), capacity=8)
    entitled = {name: result.entitlement for name, result in rehearsal.shares.items()}
    assert entitled == pytest.approx({"listed": 4, "team-a": 2, "team-b": 2})


def test_the_default_capacity_is_the_sum_of_all_quotas() -> None:
    shares = [QuotaShare(name=name, capacity={UNIT: own}, sharing=Sharing.LEND) for name, own in (("a", 2), ("b", 3))]
    trace = Trace.of([Job(share="a", submit=0, run=60)])
    assert rehearse(QuotaManagement(*shares), trace).capacity == {UNIT: 5}
    for policy in (Fifo(), FairShare({"a": 1})):
        with pytest.raises(
            ConfigurationError, match="capacity: missing; use the number of instances or GPUs of the queue"
        ):
            rehearse(policy, trace)


def test_utilization_and_use_of_a_queue() -> None:
    jobs = [Job(share="a", instances=4, submit=0, run=hours(1)), Job(share="b", submit=0, run=hours(3))]
    rehearsal = rehearse(FairShare({"a": 1, "b": 1, "idle": 1}), Trace.of(jobs), capacity=5)
    assert rehearsal.window == (0, 1)
    assert rehearsal.utilization == 1, "in the second of the only submissions"
    assert rehearsal.peak_utilization == 1
    assert list(rehearsal.total.use) == [(0, 5), (hours(1), 1), (hours(3), 0)]
    assert rehearsal.span == (0, hours(3))
    assert rehearsal.fairness is None, "no job waited"
    assert rehearsal.share("idle").jobs == 0
    with pytest.raises(KeyError):
        rehearsal.share("nobody")


def test_the_window_ends_with_the_last_submission() -> None:
    jobs = [Job(submit=100, run=hours(2)), Job(submit=100 + hours(1) - 1, run=hours(2)), Job(submit=200, run=30)]
    rehearsal = rehearse(Fifo(), Trace.of(jobs), capacity=1)
    assert rehearsal.window == (100, 100 + hours(1))
    assert rehearsal.utilization == 1
    assert rehearsal.remaining == {0: hours(1), 1: 30, 2: hours(2)}
    assert rehearsal.total.backlog == Backlog(waiting=2, running=1, instance_seconds=hours(3) + 30)


def test_percentiles_are_the_waits_of_jobs() -> None:
    rehearsal = rehearse(Fifo(), Trace.of([Job(submit=0, run=10) for _ in range(100)]), capacity=1)
    wait = rehearsal.total.wait
    assert (wait.mean, wait.p50, wait.p95, wait.max) == (495, 490, 940, 990)


def test_progress_increases_and_ends_at_1() -> None:
    reports: list[float] = []
    rehearse(Fifo(), Trace.of([Job(submit=n, run=10) for n in range(500)]), capacity=1, progress=reports.append)
    assert reports == sorted(set(reports))
    assert reports[-1] == 1
    assert 50 < len(reports) <= 101


def test_an_empty_trace_gives_an_empty_rehearsal() -> None:
    for policy, capacity in ((Fifo(), 4), (FairShare({"a": 1}), 4), (TWO_TEAMS, {UNIT: 100})):
        rehearsal = rehearse(policy, Trace.of([]), capacity=capacity)
        assert (rehearsal.utilization, rehearsal.peak_utilization, rehearsal.total.jobs) == (0, 0, 0)
        assert all(result.jobs == 0 for result in rehearsal.shares.values())


def test_minutes_and_hours_are_seconds() -> None:
    assert (minutes(1.5), hours(0.5)) == (90, 1800)


def test_a_trace_is_sorted_by_submission_and_otherwise_keeps_its_order() -> None:
    jobs = [Job(submit=5, run=1, name="c"), Job(submit=0, run=1, name="a"), Job(submit=5, run=1, name="b")]
    trace = Trace.of(jobs)
    assert [job.name for job in trace] == ["a", "c", "b"]
    assert trace.jobs == (jobs[1], jobs[0], jobs[2])
    assert (trace[-1], trace[1:]) == (jobs[2], (jobs[0], jobs[2]))
    assert trace == Trace.of(reversed([jobs[2], jobs[0], jobs[1]]))
    with pytest.raises(IndexError):
        trace[3]


def test_a_rehearsal_has_the_given_policy_and_trace() -> None:
    policy, trace = Fifo(), Trace.of([Job(submit=0, run=1)])
    rehearsal: Rehearsal = rehearse(policy, trace, capacity=1)
    assert rehearsal.policy is policy
    assert rehearsal.trace is trace
    assert rehearsal.strategies == Strategies()
