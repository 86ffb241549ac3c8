"""Sample jobs of the deployed queues, which show how the shares of a queue use its capacity."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fairlane.scheduling import FairShare, Fifo, QuotaManagement, Sharing, State
from fairlane_local.batch.deployed_queues import DeployedQueue

_MAX_SHARES: Final = 3
_JOBS_OF_SHARE: Final = 16
_LONG: Final = 255
"""Minutes that are longer than the default limit of the alarm on the oldest wait."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleJobs:
    """Equal jobs that a share submits at the same time.

    Attributes:
        name: Name of each job.
        share: Share identifier or quota share. Empty for a queue without shares.
        size: Number of instances or vCPUs of each job.
        number: Number of jobs.
        minute: Minute of the submission.
        run: Number of minutes that the first job runs. Each other job runs for five minutes longer.
        failure: Status reason that the jobs fail with. None if they succeed.
    """

    name: str
    share: str = ""
    size: int
    number: int = 1
    minute: int = 0
    run: int = 60
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Sample jobs of a queue.

    Attributes:
        queue: Queue that the jobs are submitted to.
        unit: Capacity unit that the size of the jobs counts.
        title: Sentence about the jobs.
        samples: Jobs in the order of their submission.
    """

    queue: DeployedQueue
    unit: str
    title: str
    samples: tuple[SampleJobs, ...]


def scenarios(queues: Iterable[DeployedQueue]) -> list[Scenario]:
    """Return a scenario of preemption and a scenario of fair share, or one of FIFO if no queue has such shares.

    Each scenario uses the first queue that fits. Disabled queues are left out.
    """
    enabled = [queue for queue in queues if queue.state == State.ENABLED]
    with_shares = [next(scenario, None) for scenario in (_preemptions(enabled), _fair_shares(enabled))]
    return [scenario for scenario in with_shares if scenario] or [*_orders(enabled)][:1]


def _preemptions(queues: Iterable[DeployedQueue]) -> Iterator[Scenario]:
    """Yield scenarios in which a share borrows all that it may, and all other shares then use their own capacity."""
    for queue in queues:
        scheduling = queue.scheduling
        if not isinstance(scheduling, QuotaManagement):
            continue
        ceilings = scheduling.ceilings(queue.capacity)
        shares = [share for share in scheduling.shares if share.state == State.ENABLED]
        for borrower in reversed(shares):
            for unit, own in borrower.capacity.items():
                borrowed = int(ceilings[borrower.name][unit]) - own
                others = [share for share in shares if share is not borrower and unit in share.capacity]
                lenders = [share for share in others if share.sharing != Sharing.RESERVE]
                if borrower.sharing != Sharing.LEND_AND_BORROW or borrowed < 1 or not lenders:
                    continue
                yield Scenario(
                    queue,
                    unit,
                    f"{borrower.name} borrows {borrowed} instances, then the other shares need them",
                    (
                        SampleJobs(name="baseline", share=borrower.name, size=own, failure="AlgorithmError: NaN"),
                        SampleJobs(name="sweep", share=borrower.name, size=borrowed),
                        *(
                            SampleJobs(
                                name="production", share=share.name, size=share.capacity[unit], minute=1, run=_LONG
                            )
                            for share in others
                        ),
                    ),
                )


def _fair_shares(queues: Iterable[DeployedQueue]) -> Iterator[Scenario]:
    """Yield scenarios in which each share submits jobs for the whole capacity at the same time."""
    for queue in queues:
        if isinstance(queue.scheduling, FairShare) and len(queue.scheduling.weight_factors) > 1:
            ((unit, capacity), *_) = queue.capacity.items()
            size = max(1, capacity // _JOBS_OF_SHARE)
            shares = [share.replace("*", "1") for share in queue.scheduling.weight_factors][:_MAX_SHARES]
            jobs = (SampleJobs(name="train", share=share, size=size, number=capacity // size) for share in shares)
            title = f"{len(shares)} shares submit {capacity // size} jobs each, more than the queue can run"
            yield Scenario(queue, unit, title, (*jobs,))


def _orders(queues: Iterable[DeployedQueue]) -> Iterator[Scenario]:
    """Yield scenarios in which three jobs of half the capacity start in the order of their submission."""
    for queue in queues:
        if isinstance(queue.scheduling, Fifo):
            ((unit, capacity), *_) = queue.capacity.items()
            size = max(1, capacity // 2)
            jobs = (SampleJobs(name=f"train-{number}", size=size, run=_LONG) for number in (1, 2, 3))
            yield Scenario(queue, unit, "jobs start in the order of their submission", (*jobs,))
