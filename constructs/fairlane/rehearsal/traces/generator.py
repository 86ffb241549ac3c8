"""Generator of random traces from a seed."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from random import Random
from typing import Final

from fairlane._internal.checks import check_number, check_whole_number
from fairlane.errors import ConfigurationError, Problem
from fairlane.scheduler.job import Job, Trace

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_PEAK: Final = 15 * _HOUR  # busiest time of a day
_WEEK: Final = 7
_SATURDAY: Final = 5  # traces begin on a Monday
_LARGEST: Final = 10**6
_LONGEST_RUN: Final = 30 * _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Random load of one share.

    Single jobs and sweeps arrive as two Poisson processes. Their rates depend on the hour of the day and on the
    weekend. Run times have a lognormal distribution or, with `tail`, a Pareto distribution: most runs are short, and a
    few are very long.

    Args:
        jobs_per_day: Mean number of single jobs on a weekday, 0 to 1,000,000.
        sweeps_per_day: Mean number of sweeps on a weekday, 0 to 1,000,000. A sweep is a set of equal jobs that are
            submitted at the same time. Default: 0.
        sweep_jobs: Number of jobs in a sweep, 1 to 1,000,000. Default: 20.
        instances: Number of instances that each job needs, 1 to 1,000,000. Default: 1.
        instance_type: Instance type of the jobs. Default: the only type of the queue.
        priority: Scheduling priority of the jobs, 0 to 9999. Default: 0.
        run: Median run time in seconds, 1 to 2,592,000 (30 days). No job runs longer than 30 days. Default: 7200.
        spread: Standard deviation of the logarithm of the run times, 0 to 10. For 0, all run times are equal.
            Default: 1.0.
        tail: Index of a Pareto distribution of the run times, 0.1 to 100, which replaces `spread`. With a smaller
            index, the longest runs are longer. With 1 or less, a few jobs do most of the work. Default: lognormal.
        checkpoint: Number of seconds of work between checkpoints, 1 or more. Default: no checkpoints.
        day: Difference between the busiest and the average hour, 0 to 1, as a part of the average. The busiest hour is
            15:00, and 3:00 is quieter by the same difference. For 1, the busiest hour has twice the average.
            Default: 0.8.
        weekend: Rate on a Saturday or Sunday as a part of the rate on a weekday, 0 to 10. Default: 0.3.
    """

    jobs_per_day: float
    sweeps_per_day: float = 0
    sweep_jobs: int = 20
    instances: int = 1
    instance_type: str = ""
    priority: int = 0
    run: int = 2 * _HOUR
    spread: float = 1.0
    tail: float | None = None
    checkpoint: int | None = None
    day: float = 0.8
    weekend: float = 0.3

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the values."""
        yield from check_number(("jobs_per_day",), self.jobs_per_day, 0, _LARGEST)
        yield from check_number(("sweeps_per_day",), self.sweeps_per_day, 0, _LARGEST)
        yield from check_whole_number(("sweep_jobs",), self.sweep_jobs, 1, _LARGEST, unit="jobs")
        yield from check_whole_number(("instances",), self.instances, 1, _LARGEST, unit="instances")
        yield from check_whole_number(("priority",), self.priority, 0, 9999)
        yield from check_whole_number(("run",), self.run, 1, _LONGEST_RUN, unit="seconds")
        yield from check_number(("spread",), self.spread, 0, 10)
        if self.tail is not None:
            yield from check_number(("tail",), self.tail, 0.1, 100)
        if self.checkpoint is not None:
            yield from check_whole_number(("checkpoint",), self.checkpoint, 1, unit="seconds")
        yield from check_number(("day",), self.day, 0, 1)
        yield from check_number(("weekend",), self.weekend, 0, 10)


def generate(seed: int, *, days: float, shares: Mapping[str, Load]) -> Trace:
    """Return a random trace. The same arguments give the same trace.

    Args:
        seed: Seed of the random numbers, 0 or more. Each share has its own random numbers, so adding a share leaves the
            other shares' jobs unchanged.
        days: Number of days on which jobs are submitted, 0 to 1,000,000. The first day is a Monday and starts at 0:00.
        shares: Load by name of the share. At least one share is required.

    Returns:
        Jobs in the order of their submission.

    Raises:
        ConfigurationError: If a value is out of its range, or if `shares` is empty.
    """
    problems = [*check_whole_number(("seed",), seed, 0), *check_number(("days",), days, 0, _LARGEST)]
    for name, load in shares.items():
        problems += [problem.within("shares", name) for problem in load.problems()]
    if not shares:
        problems.append(Problem(("shares",), None, "at least one share"))
    if problems:
        raise ConfigurationError("generated trace", problems)
    end = int(days * _DAY)
    jobs = chain.from_iterable(_jobs(seed, name, load, end) for name, load in sorted(shares.items()))
    return Trace.of(sorted(jobs, key=lambda job: job.submit))


def _jobs(seed: int, share: str, load: Load, end: int) -> Iterator[Job]:
    random = Random(f"{seed} {share}")
    for kind, per_day, size in (("job", load.jobs_per_day, 1), ("sweep", load.sweeps_per_day, load.sweep_jobs)):
        for number, submit in enumerate(_arrivals(random, load, per_day / _DAY, end), 1):
            run = _run(random, load)
            for _ in range(size):
                yield Job(
                    share=share,
                    priority=load.priority,
                    instances=load.instances,
                    instance_type=load.instance_type,
                    submit=submit,
                    run=run,
                    checkpoint=load.checkpoint,
                    name=f"{share}-{kind}-{number}",
                )


def _arrivals(random: Random, load: Load, rate: float, end: int) -> Iterator[int]:
    """Yield the times of arrivals, by thinning of a Poisson process that has the highest rate of all hours."""
    highest = rate * (1 + load.day) * max(1, load.weekend)
    if not highest:
        return
    time = random.expovariate(highest)
    while time < end:
        if random.random() * highest < rate * _busyness(load, time):
            yield int(time)
        time += random.expovariate(highest)


def _busyness(load: Load, time: float) -> float:
    weekend = load.weekend if time // _DAY % _WEEK >= _SATURDAY else 1
    return weekend * (1 + load.day * math.cos(2 * math.pi * (time - _PEAK) / _DAY))


def _run(random: Random, load: Load) -> int:
    if load.tail is None:
        run = load.run * math.exp(load.spread * random.normalvariate())
    else:
        run = load.run * random.paretovariate(load.tail) / 2 ** (1 / load.tail)
    return max(1, round(min(run, _LONGEST_RUN)))
