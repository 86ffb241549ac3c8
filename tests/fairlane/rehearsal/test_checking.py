"""Arguments that `rehearse` refuses: one error lists all mistakes."""

import math
from typing import Any

import pytest

from fairlane import ConfigurationError, FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Ec2Instances, rehearse
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import JobStateTimeLimitAction, State, TimeLimitReason

UNIT = "ml.p4d.24xlarge"
TIME_LIMIT = JobStateTimeLimitAction(reason=TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE, max_time_seconds=1)


def share(name: str, **options: Any) -> QuotaShare:
    return QuotaShare(name=name, capacity={UNIT: 1}, sharing=Sharing.LEND_AND_BORROW, **options)


def mistakes(*args: Any, **options: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        rehearse(*args, **options)
    return [str(problem) for problem in raised.value.problems]


def test_one_error_lists_all_mistakes_of_a_trace() -> None:
    jobs: list[Any] = [
        Job(submit=-1, run=0, instances=0, priority=10_000, checkpoint=0, restart=-1),
        Job(submit=math.nan, run=1.5, share=3),  # type: ignore[arg-type]
        Job(submit=0, run=1),
        Job(submit=True, run=10**12),
    ]
    fields = [problem.partition(": ")[0] for problem in mistakes(Fifo(), Trace.of(jobs), capacity=1)]
    assert fields == [
        "trace[0].priority",
        "trace[0].instances",
        "trace[0].submit",
        "trace[0].run",
        "trace[0].checkpoint",
        "trace[0].restart",
        "trace[1].share",
        "trace[1].submit",
        "trace[1].run",
        "trace[3].submit",
        "trace[3].run",
    ]


def test_a_trace_refuses_values_that_are_not_jobs() -> None:
    jobs: list[Any] = [Job(submit=0, run=1), {"submit": 0, "run": 1}]
    (problem,) = mistakes(Fifo(), Trace.of(jobs), capacity=1)
    assert problem.startswith("trace[1]: got {'submit': 0, 'run': 1}, allowed: a Job")


def test_an_error_lists_at_most_100_bad_jobs() -> None:
    problems = mistakes(Fifo(), Trace.of([Job(submit=0, run=0) for _ in range(1000)]), capacity=1)
    assert len(problems) == 101
    assert "1000 jobs have problems" in problems[-1]


def test_shares_and_instance_types_must_be_those_of_the_queue() -> None:
    policy = QuotaManagement(share("a"), share("disabled", state=State.DISABLED))
    jobs = [Job(share="b", submit=0, run=1, instance_type="ml.g5.xlarge"), Job(share="disabled", submit=0, run=1)]
    problems = mistakes(policy, Trace.of(jobs), capacity={UNIT: 2}, ec2_instances=Ec2Instances())
    assert [problem.partition(": ")[0] for problem in problems] == [
        "ec2_instances",
        "trace.share",
        "trace.share",
        "trace.instance_type",
    ]
    assert problems[0].startswith("ec2_instances: QuotaManagement takes no ec2_instances, because SageMaker manages")
    assert problems[1] == "trace.share: got 'b', allowed: an enabled quota share: a (row 0)"


def test_a_problem_of_a_share_lists_its_first_rows() -> None:
    policy = QuotaManagement(share("vision"))
    jobs = [Job(share="visoin" if row in (3, 5, 6, 7, 8, 9) else "vision", submit=row, run=1) for row in range(10)]
    (problem,) = mistakes(policy, Trace.of(jobs), capacity={UNIT: 1})
    assert problem == (
        "trace.share: got 'visoin', allowed: an enabled quota share: vision (rows 3, 5, 6, 7, 8 and 1 more)"
    )


def test_with_two_instance_types_each_job_names_one() -> None:
    policy = QuotaManagement(QuotaShare(name="a", capacity={UNIT: 1, "ml.g5.xlarge": 1}, sharing=Sharing.RESERVE))
    trace = Trace.of([Job(share="a", submit=0, run=1)])
    assert len(mistakes(policy, trace, capacity={UNIT: 1, "ml.g5.xlarge": 1})) == 1


@pytest.mark.parametrize(
    ("policy", "options", "field"),
    [
        (FairShare({"a": 0}), {}, "policy.weight_factors.a"),
        (FairShare({"a": "${Token[weight.1]}"}), {}, "policy.weight_factors"),  # type: ignore[dict-item]
        (Fifo(), {"capacity": 0}, "capacity"),
        (Fifo(), {"capacity": {UNIT: 4}}, "capacity"),
        (Fifo(), {"strategies": Strategies(victims="oldest")}, "strategies.victims"),  # type: ignore[arg-type]
        (Fifo(), {"strategies": Strategies(stop_seconds=-1)}, "strategies.stop_seconds"),
        (Fifo(), {"strategies": Strategies(rank_seconds=0)}, "strategies.rank_seconds"),
        (Fifo(), {"strategies": Strategies(start_charge=-1)}, "strategies.start_charge"),
        (Fifo(), {"strategies": Strategies(restart_seconds=0.5)}, "strategies.restart_seconds"),  # type: ignore[arg-type]
        (Fifo(), {"strategies": Strategies(unrunnable="stop")}, "strategies.unrunnable"),  # type: ignore[arg-type]
        (Fifo(), {"time_limit_actions": [600]}, "time_limit_actions[0]"),
        (Fifo(), {"time_limit_actions": [TIME_LIMIT]}, "time_limit_actions[0].max_time_seconds"),
        (Fifo(), {"ec2_instances": Ec2Instances(attempts=0)}, "ec2_instances.attempts"),
        (Fifo(), {"ec2_instances": Ec2Instances(reclaims_per_hour=math.inf)}, "ec2_instances.reclaims_per_hour"),
        (Fifo(), {"strategies": {"victims": "newest"}}, "strategies"),
        (Fifo(), {"ec2_instances": 3}, "ec2_instances"),
        ("fifo", {}, "policy"),
    ],
)
def test_invalid_arguments_are_refused(policy: Any, options: dict[str, Any], field: str) -> None:
    trace = Trace.of([Job(share="a", submit=0, run=1)])
    assert field in [problem.partition(": ")[0] for problem in mistakes(policy, trace, **{"capacity": 4, **options})]


def test_fair_share_needs_share_identifiers() -> None:
    (problem,) = mistakes(FairShare({"a": 1}), Trace.of([Job(submit=0, run=1)]), capacity=4)
    sentence = "jobs without a share identifier cannot run with FairShare: give each job a share"
    assert problem == f"trace.share: {sentence} (row 0)"


def test_shares_that_are_no_quota_shares_are_refused() -> None:
    problems = mistakes(QuotaManagement("a"), Trace.of([Job(submit=0, run=1)]), capacity={UNIT: 1})  # type: ignore[arg-type]
    assert any("QuotaShare" in problem for problem in problems)
