"""Numbers of a summary, computed again second by second from the runs of each job."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from fairlane import FairShare, Fifo
from fairlane.rehearsal import Outcome, Rehearsal, rehearse, summarize
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies
from tests.fairlane.rehearsal.test_properties import CHANCE, random_case

GPUS = 8
Pair = tuple[Job, Outcome]


def pairs(rehearsal: Rehearsal) -> list[Pair]:
    return list(zip(rehearsal.trace, rehearsal.outcomes, strict=True))


def held(jobs: list[Pair], start: int, stop: int) -> int:
    """Return the instance-seconds that the jobs held in the seconds from `start` to before `stop`."""
    return sum(
        job.instances * max(0, min(run.stop, stop) - max(run.start, start))
        for job, outcome in jobs
        for run in outcome.runs
    )


def is_waiting(pair: Pair, second: int) -> bool:
    job, outcome = pair
    has_run = any(run.start <= second < run.stop for run in outcome.runs)
    return job.submit <= second and bool(outcome.runs) and not has_run and outcome.runs[-1].stop > second


def numbers_again(jobs: list[Pair], start: int, end: int) -> dict[str, Any]:
    """Return the numbers of a share in the window from `start` to before `end`."""
    ran = [(job, outcome) for job, outcome in jobs if outcome.runs]
    waits = sorted(
        sum(
            later - earlier
            for earlier, later in zip(
                [job.submit, *(run.stop for run in outcome.runs)], [run.start for run in outcome.runs], strict=False
            )
        )
        for job, outcome in ran
    )
    slowdowns = [max(1, (outcome.waited + job.run) / max(600, job.run)) for job, outcome in ran]
    left = [pair for pair in ran if pair[1].runs[-1].stop > end]
    running = [pair for pair in left if any(run.start < end < run.stop for run in pair[1].runs)]
    return {
        "jobs": len(jobs),
        "failed": sum(outcome.state == "failed" for _, outcome in jobs),
        "never_ran": len(jobs) - len(ran),
        "mean_wait": sum(waits) / len(waits) if waits else None,
        "p95": waits[max(0, -(-95 * len(waits) // 100) - 1)] if waits else None,
        "slowdown": sum(slowdowns) / len(slowdowns) if ran else None,
        "mean_use": held(jobs, start, end) / (end - start),
        "waiting_jobs": len(left) - len(running),
        "running_jobs": len(running),
        "backlog": held(jobs, end, 10**9) / 3600,
        "lost": sum(outcome.lost for _, outcome in jobs) / 3600,
    }


def numbers_of(numbers: Any) -> dict[str, Any]:
    waits, backlog = numbers["wait_seconds"] or {"mean": None, "p95": None}, numbers["backlog"]
    assert backlog["gpu_hours"] == pytest.approx(GPUS * backlog["instance_hours"])
    assert numbers["lost_gpu_hours"] == pytest.approx(GPUS * numbers["lost_instance_hours"])
    return {
        **{name: numbers[name] for name in ("jobs", "failed", "never_ran", "slowdown", "mean_use")},
        **{name: backlog[name] for name in ("waiting_jobs", "running_jobs")},
        "mean_wait": waits["mean"],
        "p95": waits["p95"],
        "backlog": backlog["instance_hours"],
        "lost": numbers["lost_instance_hours"],
    }


@given(CHANCE)
@settings(max_examples=100)
def test_the_numbers_are_those_of_the_runs(chance: Random) -> None:
    policy, trace, options = random_case(chance)
    rehearsal = rehearse(policy, trace, **options)
    summary = summarize({"x": rehearsal}, gpus={"": GPUS})["rehearsals"]["x"]
    start, end = min(trace.submits), max(trace.submits) + 1
    everything = pairs(rehearsal)
    assert numbers_of(summary["total"]) == pytest.approx(numbers_again(everything, start, end))
    capacity = sum(rehearsal.capacity.values())
    assert summary["utilization"] == pytest.approx(held(everything, start, end) / (end - start) / capacity)
    assert summary["window_seconds"] == end - start
    for name, numbers in summary["shares"].items():
        own = [pair for pair in everything if pair[0].share == name]
        assert numbers_of(numbers) == pytest.approx(numbers_again(own, start, end)), name


@given(CHANCE)
@settings(max_examples=30, deadline=None)
def test_fairness_weighs_shares_by_their_entitlement_while_they_compete(chance: Random) -> None:
    policy, trace, options = random_case(chance)
    # A job that waits for ever behind a job that can never run is waiting, too: `is_waiting` does not know such jobs.
    options["strategies"] = replace(options.get("strategies", Strategies()), unrunnable="pass")
    rehearsal = rehearse(policy, trace, **options)
    entitled = {name: share.entitlement for name, share in rehearsal.shares.items() if share.entitlement}
    of_share = {name: [pair for pair in pairs(rehearsal) if pair[0].share == name] for name in entitled}
    used, due = dict.fromkeys(entitled, 0.0), dict.fromkeys(entitled, 0.0)
    for second in range(*rehearsal.span):
        competing = [name for name in entitled if any(is_waiting(pair, second) for pair in of_share[name])]
        for name in competing if len(competing) > 1 else ():
            used[name] += held(of_share[name], second, second + 1)
            due[name] += entitled[name]
    ratios = {name: used[name] / due[name] for name in entitled if due[name]}
    fairness = rehearsal.fairness
    assert (fairness is None) == (not ratios)
    if fairness is not None:
        assert fairness.max_min == pytest.approx(min(ratios.values()))
        mean = sum(due[name] * ratio for name, ratio in ratios.items()) / sum(due.values())
        squares = sum(due[name] * ratio**2 for name, ratio in ratios.items()) / sum(due.values())
        assert fairness.jain == pytest.approx(mean**2 / squares if squares else 1)


def test_shares_that_hardly_compete_hardly_change_the_fairness() -> None:
    """Two shares compete for days. Four others submit a few jobs, and get nothing of their entitlement."""
    jobs = [Job(share=share, submit=0, run=3600) for share in ("a", "b") for _ in range(500)]
    few = [Job(share=f"few-{n}", instances=8, submit=0, run=60) for n in range(4)]
    policy = FairShare({"a": 1, "b": 1, "few-*": 1}, share_decay_seconds=604_800)
    alone, together = (rehearse(policy, Trace.of(trace), capacity=10) for trace in (jobs, jobs + few))
    assert alone.fairness is not None
    assert together.fairness is not None
    assert alone.fairness.jain > 0.99
    assert together.fairness.jain > 0.95


def test_the_use_of_all_policies_is_over_the_same_window() -> None:
    """Without preemption, use in the window and backlog add up to the work, whatever the order of the jobs."""
    chance = Random(1)
    trace = Trace.of(
        Job(share=chance.choice("ab"), instances=chance.choice([1, 4, 8]), submit=60 * n, run=chance.randint(60, 4000))
        for n in range(300)
    )
    work = sum(job.instances * job.run for job in trace)
    summary = summarize(
        {
            "fifo": rehearse(Fifo(), trace, capacity=8),
            "fair": rehearse(FairShare({"a": 1, "b": 9}), trace, capacity=8),
            "large": rehearse(Fifo(), trace, capacity=80),
        }
    )["rehearsals"]
    assert len({numbers["window_seconds"] for numbers in summary.values()}) == 1
    assert len({numbers["seconds"] for numbers in summary.values()}) == 3
    for numbers in summary.values():
        total = numbers["total"]
        in_window = total["mean_use"] * numbers["window_seconds"]
        assert in_window + 3600 * total["backlog"]["instance_hours"] == pytest.approx(work)
        assert total["backlog"]["gpu_hours"] is None


def test_one_second_of_submissions_is_a_window() -> None:
    (numbers,) = summarize({"x": rehearse(Fifo(), Trace.of([Job(submit=5, run=10)] * 3), capacity=2)})[
        "rehearsals"
    ].values()
    assert (numbers["window_seconds"], numbers["utilization"]) == (1, 1)
    assert numbers["total"]["backlog"] | {"instance_hours": 0} == {
        "waiting_jobs": 1,
        "running_jobs": 2,
        "instance_hours": 0,
        "gpu_hours": None,
    }
    assert numbers["total"]["backlog"]["instance_hours"] == pytest.approx((10 + 2 * 9) / 3600)


def test_an_empty_trace_has_no_numbers() -> None:
    (numbers,) = summarize({"x": rehearse(Fifo(), Trace.of([]), capacity=2)})["rehearsals"].values()
    assert (numbers["window_seconds"], numbers["utilization"], numbers["total"]["mean_use"]) == (0, 0, 0)
    assert (numbers["total"]["wait_seconds"], numbers["total"]["slowdown"]) == (None, None)


@given(CHANCE)
@settings(max_examples=20)
def test_others_are_the_jobs_of_all_shares_but_the_ten_with_the_most_work(chance: Random) -> None:
    names = [f"s{number}" for number in range(chance.randint(9, 30))]
    jobs = [
        Job(share=chance.choice(names), instances=chance.choice([1, 2, 20]), submit=n, run=chance.randint(1, 900))
        for n in range(200)
    ]
    rehearsal = rehearse(FairShare(dict.fromkeys(names, 1)), Trace.of(jobs), capacity=10)
    summary = summarize({"x": rehearsal}, gpus={"": GPUS})
    ran = [job for job, outcome in pairs(rehearsal) if outcome.runs]
    work = {name: sum(job.instances * job.run for job in ran if job.share == name) for name in names}
    largest, others = summary["largest_shares"], summary["rehearsals"]["x"]["others"]
    assert len(largest) == min(10, len(names))
    assert summary["other_shares"] == len(names) - len(largest)
    rest = [name for name in names if name not in largest]
    assert min(work[name] for name in largest) >= max((work[name] for name in rest), default=0)
    if others is None:
        assert not rest
    else:
        mine = [pair for pair in pairs(rehearsal) if pair[0].share in rest]
        start, end = rehearsal.window
        assert numbers_of(others) == pytest.approx(numbers_again(mine, start, end))
        assert others["entitlement"] == pytest.approx(10 * len(rest) / len(names))
