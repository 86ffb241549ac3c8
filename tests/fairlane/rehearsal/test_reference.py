"""Small cases with results computed by hand, for the reference and the simulator."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import pytest

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Ec2Instances
from fairlane.scheduler.job import Job
from fairlane.scheduler.options import Strategies
from tests.fairlane.rehearsal.reference import reference, simulate
from tests.fairlane.rehearsal.reference_lists import Result

P5 = "ml.p5.48xlarge"
BOTH = Sharing.LEND_AND_BORROW
Schedule: TypeAlias = Callable[..., list[Result]]


@pytest.fixture(params=[reference, simulate], ids=["reference", "simulator"])
def schedule(request: pytest.FixtureRequest) -> Schedule:
    implementation: Schedule = request.param
    return implementation


def starts(results: Sequence[Result]) -> list[list[int]]:
    return [[start for start, _, _ in result.runs] for result in results]


def quota(name: str, own: int, sharing: Sharing = Sharing.LEND, **options: Any) -> QuotaShare:
    return QuotaShare(name=name, capacity={P5: own}, sharing=sharing, **options)


def with_quotas(
    schedule: Schedule,
    shares: Sequence[QuotaShare],
    jobs: Sequence[Job],
    capacity: int | Mapping[str, int],
    **strategies: Any,
) -> list[Result]:
    limits = {P5: capacity} if isinstance(capacity, int) else capacity
    return schedule(QuotaManagement(*shares), jobs, limits, Strategies(**strategies))


class TestFifo:
    JOBS = (
        Job(submit=0, run=10, instances=3),
        Job(submit=1, run=5, instances=2),
        Job(submit=2, run=3, instances=1),
        Job(submit=2, run=3, instances=5),
    )

    @pytest.mark.parametrize(("head_of_line", "third"), [("block", (10, 13)), ("skip", (2, 5))])
    def test_a_first_job_that_does_not_fit_blocks_or_is_skipped(
        self, schedule: Schedule, head_of_line: Any, third: tuple[int, int]
    ) -> None:
        results = schedule(Fifo(), self.JOBS, 4, Strategies(head_of_line=head_of_line))
        assert [result.runs for result in results] == [[(0, 10, False)], [(10, 15, False)], [(*third, False)], []]
        assert [result.state for result in results] == ["succeeded"] * 3 + ["waiting"]

    @pytest.mark.parametrize(("idle", "second_ends"), [(29, 110), (30, 80)])
    def test_a_job_waits_for_cold_instances(self, schedule: Schedule, idle: int, second_ends: int) -> None:
        jobs = [Job(submit=0, run=5, instances=2), Job(submit=65, run=15, instances=1)]
        results = schedule(Fifo(), jobs, 4, Strategies(), Ec2Instances(start_up_seconds=30, idle_seconds=idle))
        assert [result.runs for result in results] == [[(0, 35, False)], [(65, second_ends, False)]]


class TestJobsThatCanNeverRun:
    JOBS = (
        Job(submit=0, run=10, share="a", instances=3),
        Job(submit=1, run=10, share="a", instances=99),
        Job(submit=2, run=10, share="a"),
        Job(submit=3, run=10, share="b", instances=3),
    )

    @pytest.mark.parametrize(
        ("strategies", "time_limit", "later"),
        [
            ({}, 600, [[2], [10]]),
            ({"unrunnable": "block"}, None, [[], []]),
            ({"unrunnable": "block"}, 600, [[601], [601]]),
            ({"unrunnable": "block", "head_of_line": "skip"}, 600, [[2], [10]]),
        ],
        ids=str,
    )
    def test_they_block_a_queue_until_its_time_limit(
        self, schedule: Schedule, strategies: Any, time_limit: int | None, later: list[list[int]]
    ) -> None:
        results = schedule(Fifo(), self.JOBS, 4, Strategies(**strategies), time_limit=time_limit)
        assert starts(results) == [[0], [], *later]
        blocks = strategies == {"unrunnable": "block"}
        assert results[1].state == ("failed" if blocks and time_limit else "waiting")
        assert results[2].state == ("succeeded" if later[0] else "waiting")

    def test_they_block_all_shares_of_a_fair_share_queue_while_theirs_is_first(self, schedule: Schedule) -> None:
        policy = FairShare({"a": 1, "b": 50})
        results = schedule(policy, self.JOBS, 4, Strategies(unrunnable="block"), time_limit=700)
        assert starts(results) == [[0], [], [701], [10]]

    def test_they_block_their_quota_share_only(self, schedule: Schedule) -> None:
        policy = QuotaManagement(quota("a", 3), quota("b", 3))
        results = schedule(policy, self.JOBS, {P5: 6}, Strategies(unrunnable="block"), time_limit=700)
        assert starts(results) == [[0], [], [701], [3]]
        assert [result.state for result in results] == ["succeeded", "failed", "succeeded", "succeeded"]


class TestFairShare:
    @pytest.mark.parametrize(("decay", "order"), [("none", "abaaabaaab"), ("linear", "abaabaaab")])
    def test_weights_1_and_3_alternate(self, schedule: Schedule, decay: Any, order: str) -> None:
        jobs = [Job(share=share, submit=0, run=10) for share in "ab" for _ in range(10)]
        results = schedule(FairShare({"a": 1, "b": 3}), jobs, 1, Strategies(decay=decay))
        began = sorted((result.runs[0][0], job.share) for result, job in zip(results, jobs, strict=True))
        assert "".join(share for _, share in began).startswith(order)
        assert [start for start, _ in began] == list(range(0, 200, 10))

    def test_jobs_count_as_use_in_the_second_in_which_they_start(self, schedule: Schedule) -> None:
        jobs = [Job(share=share, submit=0, run=10) for share in "ab" for _ in range(10)]
        results = schedule(FairShare({"a": 1, "b": 3}), jobs, 4, Strategies())
        assert [row for row, began in enumerate(starts(results)) if began == [0]] == [0, 1, 2, 10]

    def test_half_is_reserved_then_a_quarter_then_an_eighth(self, schedule: Schedule) -> None:
        jobs = [
            *[Job(share="a", submit=0, run=100) for _ in range(10)],
            *[Job(share="b", submit=10, run=100) for _ in range(10)],
            *[Job(share="c", submit=20, run=100) for _ in range(3)],
        ]
        results = schedule(FairShare({"a": 1, "b": 1}, compute_reservation=50), jobs, 8, Strategies())
        early = [(start, job.share) for job, (start, *_) in zip(jobs, starts(results), strict=True) if start < 100]
        assert early == [(0, "a")] * 4 + [(10, "b")] * 2 + [(20, "c")]

    @pytest.mark.parametrize(("second", "number"), [(20, 6), (609, 6), (610, 4)])
    def test_a_share_is_active_while_its_use_is_in_the_window(
        self, schedule: Schedule, second: int, number: int
    ) -> None:
        jobs = [Job(share="a", submit=0, run=10), *[Job(share="b", submit=second, run=50) for _ in range(8)]]
        results = schedule(FairShare({"a": 1, "b": 1}, compute_reservation=50), jobs, 8, Strategies())
        assert starts(results)[1:].count([second]) == number

    def test_a_share_is_active_longer_with_a_longer_window(self, schedule: Schedule) -> None:
        jobs = [Job(share="a", submit=0, run=10), *[Job(share="b", submit=650, run=50) for _ in range(8)]]
        policy = FairShare({"a": 1, "b": 1}, compute_reservation=50, share_decay_seconds=700)
        assert starts(schedule(policy, jobs, 8, Strategies()))[1:].count([650]) == 6

    def test_reservation_and_weights_are_exact(self, schedule: Schedule) -> None:
        jobs = [Job(share="a", submit=0, run=10) for _ in range(3)]
        policy = FairShare({"a": 1}, compute_reservation=80)
        assert starts(schedule(policy, jobs, 10, Strategies())) == [[0], [0], [10]]
        jobs = [Job(share=share, submit=0, run=10) for share in "ab" for _ in range(4)]
        results = schedule(FairShare({"a": 0.1, "b": 0.3}), jobs, 1, Strategies(decay="none"))
        assert starts(results)[:5] == [[0], [20], [30], [40], [10]]

    @pytest.mark.parametrize(
        ("strategies", "second", "third"),
        [
            ({}, 60, 1000),
            ({"rank_seconds": 25}, 50, 1000),
            ({"rank_seconds": None}, 1000, 1010),
        ],
        ids=str,
    )
    def test_another_share_is_first_when_its_past_use_counts_less(
        self, schedule: Schedule, strategies: Any, second: int, third: int
    ) -> None:
        """At 20, a is next and its first job does not fit. From 49 on, b is next."""
        jobs = [
            Job(share="b", submit=0, run=10),
            Job(share="a", submit=0, run=1000),
            Job(share="a", submit=20, run=10, instances=2),
            Job(share="b", submit=20, run=10),
            Job(share="b", submit=60, run=10, instances=99),
        ]
        results = schedule(FairShare({"a": 1, "b": 5}), jobs, 2, Strategies(**strategies))
        assert starts(results) == [[0], [0], [third], [second], []], "the job that can never run changes nothing"

    @pytest.mark.parametrize(("start_charge", "second_share"), [(0, 0), (1, 2)])
    def test_a_start_counts_as_use_at_once(self, schedule: Schedule, start_charge: int, second_share: int) -> None:
        jobs = [Job(share=share, submit=0, run=10) for share in "ab" for _ in range(4)]
        results = schedule(FairShare({"a": 1, "b": 1}), jobs, 4, Strategies(start_charge=start_charge))
        assert starts(results[4:]).count([0]) == second_share

    @pytest.mark.parametrize(("head_of_line", "second"), [("block", 100), ("skip", 10)])
    def test_the_next_share_blocks_the_other_shares(self, schedule: Schedule, head_of_line: Any, second: int) -> None:
        jobs = [
            Job(share="a", submit=0, run=100, instances=3),
            Job(share="new", submit=10, run=10, instances=2),
            Job(share="a", submit=10, run=10),
        ]
        results = schedule(FairShare({}), jobs, 4, Strategies(head_of_line=head_of_line))
        assert starts(results) == [[0], [100], [second]]

    def test_priority_orders_a_share_and_prefixes_have_weights(self, schedule: Schedule) -> None:
        jobs = [
            Job(share="b", submit=0, run=10),
            Job(share="team-1", submit=0, run=10, priority=1),
            Job(share="team-1", submit=0, run=10, priority=2),
            Job(share="team-2", submit=0, run=10),
        ]
        results = schedule(FairShare({"b": 1, "team-*": 0.25}), jobs, 1, Strategies())
        assert starts(results) == [[20], [30], [0], [10]]


class TestQuotas:
    def test_owner_takes_back_what_it_lent(self, schedule: Schedule) -> None:
        shares = quota("ProdExp1", 60, BOTH), quota("ProdExp2", 40)
        jobs = [
            *[Job(share="ProdExp2", instance_type=P5, instances=5, submit=0, run=1000) for _ in range(5)],
            *[Job(share="ProdExp1", instance_type=P5, instances=5, submit=1, run=2000) for _ in range(15)],
            *[Job(share="ProdExp2", instance_type=P5, instances=5, submit=100, run=2000) for _ in range(3)],
        ]
        results = with_quotas(schedule, shares, jobs, 100)
        assert [result.runs for result in results[:5]] == [[(0, 1000, False)]] * 5
        assert [result.runs for result in results[5:17]] == [[(1, 2001, False)]] * 12
        assert [result.runs for result in results[17:20]] == [[(1, 120, True), (1000, 3000, False)]] * 3
        assert [result.lost for result in results[17:20]] == [99 * 5] * 3
        assert [result.runs for result in results[20:]] == [[(120, 2120, False)]] * 3

    def test_higher_priority_stops_the_lowest_of_its_share_only(self, schedule: Schedule) -> None:
        shares = quota("ProdExp1", 60, in_share_preemption=True), quota("ProdExp2", 40)
        jobs = [
            *[
                Job(share="ProdExp1", instance_type=P5, instances=15, submit=0, run=1000, priority=priority)
                for priority in (80, 50, 30, 10)
            ],
            Job(share="ProdExp1", instance_type=P5, instances=15, submit=100, run=500, priority=90),
        ]
        results = with_quotas(schedule, shares, jobs, 100)
        assert [result.runs for result in results[:3]] == [[(0, 1000, False)]] * 3
        assert results[3].runs == [(0, 120, True), (620, 1620, False)]
        assert results[4].runs == [(120, 620, False)]

    def test_aws_notebook_of_three_shares(self, schedule: Schedule) -> None:
        shares = (
            quota("QS1", 1, BOTH, borrow_limit=200, in_share_preemption=True),
            quota("QS2", 1),
            quota("QS3", 1, Sharing.RESERVE),
        )
        jobs = [
            *[Job(share="QS1", instance_type=P5, submit=0, run=1000, priority=priority) for priority in (3, 2, 1)],
            Job(share="QS2", instance_type=P5, submit=100, run=1000),
            Job(share="QS1", instance_type=P5, submit=200, run=1000, priority=4),
        ]
        high, medium, low, other, highest = with_quotas(schedule, shares, jobs, 3)
        assert medium.runs[0] == (0, 120, True)
        assert other.runs == [(120, 1120, False)]
        assert high.runs[0] == (0, 220, True)
        assert highest.runs == [(220, 1220, False)]
        assert low.runs[0][0] > 1220

    @pytest.mark.parametrize(
        ("retries", "state", "lost"), [(None, "succeeded", (110 % 50) * 2), (1, "succeeded", 20), (0, "failed", 220)]
    )
    def test_checkpoints_save_work_unless_the_job_fails(
        self, schedule: Schedule, retries: int | None, state: str, lost: int
    ) -> None:
        shares = quota("a", 1, BOTH), quota("b", 2)
        jobs = [
            Job(share="a", instance_type=P5, instances=2, submit=0, run=300, checkpoint=50),
            Job(share="b", instance_type=P5, instances=2, submit=110, run=100),
        ]
        first, second = with_quotas(schedule, shares, jobs, 3, retries_before_termination=retries)
        assert second.runs == [(130, 230, False)]
        assert first.runs == [(0, 130, True), *([(230, 430, False)] if state == "succeeded" else [])]
        assert (first.state, first.lost) == (state, lost)

    @pytest.mark.parametrize(("restart", "end", "lost"), [(None, 460, 20), (0, 430, 20), (500, 930, 20)])
    def test_a_stopped_job_restarts_before_it_works(
        self, schedule: Schedule, restart: int | None, end: int, lost: int
    ) -> None:
        shares = quota("a", 1, BOTH), quota("b", 2)
        jobs = [
            Job(share="a", instance_type=P5, instances=2, submit=0, run=300, checkpoint=50, restart=restart),
            Job(share="b", instance_type=P5, instances=2, submit=110, run=100),
        ]
        first, _ = with_quotas(schedule, shares, jobs, 3, restart_seconds=30)
        assert (first.runs, first.lost) == ([(0, 130, True), (230, end, False)], lost)

    def test_a_job_that_is_stopped_during_its_restart_loses_no_work(self, schedule: Schedule) -> None:
        shares = quota("a", 1, BOTH), quota("b", 2)
        jobs = [
            Job(share="a", instance_type=P5, instances=2, submit=0, run=300, checkpoint=50),
            *[Job(share="b", instance_type=P5, instances=2, submit=submit, run=100) for submit in (110, 250)],
        ]
        first, *_ = with_quotas(schedule, shares, jobs, 3, restart_seconds=30)
        assert first.runs == [(0, 130, True), (230, 270, True), (370, 600, False)]
        assert first.lost == 20

    def test_capacity_of_a_preempted_run_goes_to_the_job_that_preempted_it(self, schedule: Schedule) -> None:
        shares = quota("a", 1, BOTH), quota("b", 3), quota("c", 1)
        jobs = [
            *[Job(share="a", instance_type=P5, submit=0, run=100) for _ in range(3)],
            Job(share="b", instance_type=P5, instances=3, submit=10, run=100),
            Job(share="c", instance_type=P5, submit=15, run=100),
        ]
        results = with_quotas(schedule, shares, jobs, 5)
        assert [result.runs[0] for result in results[2::-1]] == [(0, 30, True), (0, 35, True), (0, 100, False)]
        assert starts(results[3:]) == [[30], [35]]

    @pytest.mark.parametrize(("head_of_line", "small"), [("block", [100, 110]), ("skip", [1, 2])])
    def test_a_job_that_must_borrow_blocks_or_is_skipped(
        self, schedule: Schedule, head_of_line: Any, small: list[int]
    ) -> None:
        """The large job needs two instances of b, which b uses until 100."""
        shares = quota("a", 3, BOTH), quota("b", 2)
        jobs = [
            Job(share="a", instance_type=P5, submit=0, run=50),
            Job(share="b", instance_type=P5, submit=0, run=100, instances=2),
            Job(share="a", instance_type=P5, submit=1, run=100, instances=4, priority=5),
            Job(share="a", instance_type=P5, submit=1, run=10),
            Job(share="a", instance_type=P5, submit=2, run=10),
        ]
        results = with_quotas(schedule, shares, jobs, 5, head_of_line=head_of_line)
        assert starts(results) == [[0], [0], [100], [small[0]], [small[1]]]

    def test_neither_reserved_capacity_nor_capacity_without_an_owner_is_lent(self, schedule: Schedule) -> None:
        shares = quota("a", 2, BOTH), quota("b", 2), quota("c", 2, Sharing.RESERVE)
        jobs = [Job(share="a", instance_type=P5, submit=row, run=100) for row in range(6)]
        assert starts(with_quotas(schedule, shares, jobs, 8)) == [[0], [1], [2], [3], [100], [101]]

    def test_the_borrow_limit_limits_use(self, schedule: Schedule) -> None:
        shares = quota("a", 2, BOTH, borrow_limit=50), quota("b", 4)
        jobs = [Job(share="a", instance_type=P5, submit=row, run=100) for row in range(4)]
        jobs.append(Job(share="a", instance_type=P5, instances=4, submit=4, run=100))
        results = with_quotas(schedule, shares, jobs, 6)
        assert starts(results) == [[0], [1], [2], [100], []]
        assert results[4].state == "waiting"

    def test_an_overcommitted_reservation_does_not_starve_another_owner(self, schedule: Schedule) -> None:
        shares = quota("a", 4, Sharing.RESERVE), quota("b", 3)
        jobs = [Job(share="b", instance_type=P5, submit=0, run=10, instances=3)]
        assert starts(with_quotas(schedule, shares, jobs, 4)) == [[0]]

    def test_an_owner_gets_surplus_capacity_before_borrowers(self, schedule: Schedule) -> None:
        shares = quota("a", 1, BOTH, in_share_preemption=True), quota("b", 4, BOTH), quota("c", 5, BOTH)
        rows = [
            *[("c", 0, 1, 2, 10), ("b", 0, 1, 2, 10), ("a", 0, 1, 4, 6), ("b", 0, 4, 6, 6), ("b", 1, 2, 7, 1)],
            *[("a", 1, 1, 7, 3), ("c", 0, 1, 9, 3), ("c", 0, 1, 11, 1), ("c", 0, 1, 11, 1)],
        ]
        jobs = [
            Job(share=share, priority=priority, instances=instances, submit=submit, run=run)
            for share, priority, instances, submit, run in rows
        ]
        results = with_quotas(schedule, shares, jobs, 8, victims="newest", stop_seconds=0)
        assert results[2].runs == [(4, 9, True), (12, 18, False)]

    @pytest.mark.parametrize(("victims", "stopped"), [("lowest-priority", 0), ("newest", 2)])
    def test_the_strategy_chooses_the_preempted_job(self, schedule: Schedule, victims: Any, stopped: int) -> None:
        shares = quota("a", 1, BOTH), quota("b", 2)
        jobs = [
            *[Job(share="a", instance_type=P5, submit=row, run=100, priority=row) for row in range(3)],
            Job(share="b", instance_type=P5, submit=50, run=100),
        ]
        results = with_quotas(schedule, shares, jobs, 3, victims=victims, stop_seconds=0)
        assert [row for row in range(3) if results[row].runs[0][1:] == (50, True)] == [stopped]
        assert results[3].runs == [(50, 150, False)]

    @pytest.mark.parametrize(("order", "first"), [("declared", 2), ("least-used", 3)])
    def test_the_order_of_shares_matters_if_quotas_exceed_the_capacity(
        self, schedule: Schedule, order: Any, first: int
    ) -> None:
        shares = quota("a", 4), quota("b", 4)
        jobs = [
            Job(share="a", instance_type=P5, submit=0, run=100),
            Job(share="b", instance_type=P5, instances=3, submit=0, run=10),
            Job(share="a", instance_type=P5, instances=3, submit=5, run=10),
            Job(share="b", instance_type=P5, instances=3, submit=6, run=10),
        ]
        results = with_quotas(schedule, shares, jobs, 4, share_order=order)
        assert results[first].runs == [(10, 20, False)]

    def test_instance_types_are_independent(self, schedule: Schedule) -> None:
        g5 = "ml.g5.xlarge"
        shares = [QuotaShare(name="a", capacity={P5: 1, g5: 1}, sharing=Sharing.RESERVE)]
        jobs = [Job(share="a", instance_type=unit, submit=0, run=10) for unit in (P5, P5, g5)]
        assert starts(with_quotas(schedule, shares, jobs, {P5: 1, g5: 1})) == [[0], [10], [0]]
