"""Traces that are made up: what shares may ask for, from a seed."""

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
_PEAK: Final = 15 * _HOUR  # of a day
_WEEK: Final = 7
_SATURDAY: Final = 5  # traces begin on a Monday
_LARGEST: Final = 10**6
_LONGEST_RUN: Final = 30 * _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What people of one share submit.

    Single jobs and sweeps arrive by chance (a Poisson process), each at a rate of its own that follows the hours of a
    day and its weekends. Run times are lognormal, or Pareto where `tail` says so: most short, a few very long.

    Args:
        jobs_per_day: single jobs, on an average weekday.
        sweeps_per_day: sweeps, on an average weekday: equal jobs, submitted at once.
        sweep_jobs: how many jobs a sweep has.
        instances: how many instances each job needs.
        instance_type: of its instances; empty for the queue's only type.
        priority: 0 to 9999.
        run: half of all jobs run for longer, in seconds; none for more than 30 days.
        spread: how far run times differ, as the standard deviation of their logarithm; 0 for none.
        tail: instead, the index of a Pareto distribution; the smaller, the longer are the longest. At 1 and below, a
            few jobs make up most of the work.
        checkpoint: seconds between checkpoints; None for none.
        day: how much busier than on average it is at 15:00, and quieter at 3:00: 0 for not at all, 1 for twice as busy.
        weekend: the part of a weekday's jobs that comes on a Saturday or Sunday.
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
        """Yields every value of which no trace can be made."""
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
    """Makes a trace up; the same arguments make the same trace.

    Args:
        seed: what chance depends on. Each share has chances of its own, so that another share changes none.
        days: how long people submit jobs, from a Monday, 0:00, on.
        shares: what people of each share submit, by its name.

    Raises:
        ConfigurationError: with every value of which no trace can be made.
    """
    problems = [*check_whole_number(("seed",), seed, 0), *check_number(("days",), days, 0, _LARGEST)]
    for name, load in shares.items():
        problems += [problem.within("shares", name) for problem in load.problems()]
    if not shares:
        problems.append(Problem(("shares",), None, "one share or more"))
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
    """Draws arrivals at the highest rate of all hours, and keeps as many of them as the hour's own rate has."""
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
