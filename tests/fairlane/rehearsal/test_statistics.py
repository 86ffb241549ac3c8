"""Results of shares: the same as from the outcomes of single jobs, and exact for the largest numbers."""

import math
import sys
from random import Random

import pytest

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Ec2Instances, Job, Rehearsal, Trace, rehearse
from fairlane.rehearsal.results import SHORTEST_RUN

UNIT = "ml.p4d.24xlarge"
QUOTAS = QuotaManagement(
    *(
        QuotaShare(name=name, capacity={UNIT: 8}, sharing=Sharing.LEND_AND_BORROW, in_share_preemption=True)
        for name in ("a", "b")
    )
)


def trace(seed: int) -> Trace:
    random = Random(seed)
    jobs = [
        Job(
            share=random.choice("ab"),
            submit=random.randrange(4000),
            run=random.randrange(1, 900),
            instances=random.choice([1, 2, 5, 40]),
            priority=random.randrange(3),
            checkpoint=random.choice([None, 60]),
        )
        for _ in range(120)
    ]
    return Trace.of(jobs)


def rehearsals() -> list[Rehearsal]:
    found = [rehearse(QUOTAS, trace(seed)) for seed in range(3)]
    spot = Ec2Instances(start_up_seconds=30, reclaims_per_hour=2, attempts=2)
    return [*found, rehearse(FairShare({"a": 1, "b": 2}), trace(4), capacity=16, ec2_instances=spot)]


@pytest.mark.parametrize("rehearsal", rehearsals(), ids=range(4))
def test_results_are_those_of_the_outcomes(rehearsal: Rehearsal) -> None:
    _, end = rehearsal.window
    for name, result in {**rehearsal.shares, "": rehearsal.total}.items():
        jobs = [
            (job, outcome)
            for job, outcome in zip(rehearsal.trace, rehearsal.outcomes, strict=True)
            if name in ("", job.share)
        ]
        ran = [(job, outcome) for job, outcome in jobs if outcome.runs]
        waits = sorted(outcome.waited for _, outcome in ran)
        slow = [max(1, (each.waited + job.run) / max(job.run, SHORTEST_RUN)) for job, each in ran]
        assert (result.jobs, result.never_ran) == (len(jobs), len(jobs) - len(ran))
        assert result.failed == sum(outcome.state == "failed" for _, outcome in jobs)
        assert (result.wait.mean, result.wait.max) == (sum(waits) / len(waits), waits[-1])
        assert result.slowdown == math.fsum(slow) / len(slow)
        assert result.preemptions == sum(outcome.preemptions for _, outcome in ran)
        assert result.lost == sum(outcome.lost for _, outcome in ran)
        late = [(job.instances, run) for job, outcome in jobs for run in outcome.runs if run.stop > end]
        assert result.backlog.instance_seconds == sum(size * (run.stop - max(end, run.start)) for size, run in late)
        assert result.backlog.running == sum(run.start < end for _, run in late)
        names = [name] if name else [*rehearsal.shares]
        assert [*rehearsal.waits(names)] == waits + [math.inf] * result.never_ran
        stops = [run.stop for _, outcome in jobs for run in outcome.runs if run.preempted]
        assert sorted(rehearsal.stops(names)) == sorted(stops)
    assert sum(rehearsal.remaining.values()) == rehearsal.total.backlog.instance_seconds
    assert rehearsal.combine([*rehearsal.shares]).wait == rehearsal.total.wait


def test_instance_seconds_beyond_64_bits_are_exact() -> None:
    jobs = [Job(share="a", submit=0, run=10**11, instances=10**9), Job(share="a", submit=1, run=1)]
    rehearsal = rehearse(Fifo(), Trace.of(jobs), capacity=10**9)
    assert rehearsal.work == {"a": 10**20 + 1}
    assert rehearsal.remaining[0] == (10**11 - 2) * 10**9
    assert rehearsal.total.backlog.instance_seconds == (10**11 - 2) * 10**9 + 1
    assert rehearsal.utilization == 1


def test_results_without_numpy_name_the_command_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("arrays", "timeline", "lanes", "statistics"):
        monkeypatch.delitem(sys.modules, f"fairlane.rehearsal.{name}")
    monkeypatch.setitem(sys.modules, "numpy", None)
    rehearsal = rehearse(Fifo(), Trace.of([Job(submit=0, run=60)]), capacity=1)
    assert rehearsal.outcomes[0].end == 60
    with pytest.raises(ModuleNotFoundError, match=r'run pip install "fairlane\[report\]"'):
        print(rehearsal.total)
