"""Simulations of a queue from its state to the starts of its waiting jobs."""

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import floor
from random import Random
from typing import Final

from fairlane.scheduler import Engine, Submission
from fairlane.scheduler.copies import thaw
from fairlane.scheduling import Fifo, QuotaManagement
from fairlane_client.eta.arrivals import HOUR, Arrivals
from fairlane_client.eta.past_jobs import PastJob, past_of_queued
from fairlane_client.eta.run_times import Draws, RunTimes, keys_of
from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.queues.live_engine import build_live_engine
from fairlane_client.queues.queue import Queue

MAX_DAYS: Final = 28
LATER: Final = 1 << 60
"""Start of a job that does not start within `MAX_DAYS`."""

_LARGE: Final = 50_000
_CHUNK: Final = 10


@dataclass(frozen=True, slots=True)
class State:
    """State of a queue. Times are seconds since 1970.

    Attributes:
        queue: Queue.
        now: Time of the state.
        holding: Jobs that hold capacity.
        waiting: Jobs that wait.
        ended: Jobs that have ended. Only fair share uses them.
    """

    queue: Queue
    now: float
    holding: Collection[QueuedJob]
    waiting: Collection[QueuedJob]
    ended: Collection[QueuedJob] = ()


class Simulation:
    """Queue that starts its waiting jobs again and again, with other random numbers.

    Args:
        state: State of the queue.
        times: Run times of past jobs.
        arrivals: Submissions of past hours. A FIFO queue does not use them: later jobs change no start there.
    """

    def __init__(self, state: State, times: RunTimes, arrivals: Arrivals) -> None:
        live = build_live_engine(state.queue, [*state.ended, *state.holding], state.now, waiting=state.waiting)
        self._name = state.queue.name
        self._is_typed = isinstance(state.queue.policy, QuotaManagement)
        self._times = times
        self._arrivals = None if isinstance(state.queue.policy, Fifo) else arrivals
        self._origin = live.origin
        self._frozen = live.engine.freeze()
        self._now = live.engine.now
        ages = [
            (self._now - (floor(job.since or state.now) - self._origin), past_of_queued(job)) for job in state.holding
        ]
        ages = [pair for pair in ages if pair[1].id in live.ids]
        self._holding = [(live.ids[job.id], keys_of(job), age, job.max_seconds) for age, job in sorted(ages, key=_age)]
        waiting = [past_of_queued(job) for job in state.waiting if job.id in live.ids]
        self._waiting = [(live.ids[job.id], keys_of(job), job.max_seconds) for job in waiting]
        self._ids = {live.ids[job.id]: job.id for job in waiting}
        self.never = {
            self._ids[number]: wait.reason
            for number in self._ids
            if (wait := live.engine.permanent_wait(number)) is not None
        }

    def run(
        self,
        runs: int,
        seed: int,
        wanted: Collection[str] | None = None,
        progress: Callable[[int], None] = lambda number: None,
        processes: int = 1,
    ) -> "dict[str, array[int]]":
        """Return the starts of waiting jobs in all simulations, in seconds since 1970, by the id of the job.

        Args:
            runs: Number of simulations.
            seed: Seed of the random numbers. The same seed gives the same starts, with any number of processes.
            wanted: Ids of the jobs. Default: all that can ever start.
            progress: Function that gets the number of simulations that are complete. Default: none.
            processes: Number of processes for more than 50,000 starts. Default: 1, which is this process.
        """
        rows = {
            number: job for number, job in self._ids.items() if job not in self.never and (not wanted or job in wanted)
        }
        starts: dict[str, array[int]] = {job: array("q") for job in rows.values()}
        if not rows:
            return starts
        parts: Iterable[Sequence[array[int]]]
        if processes > 1 and runs * len(self._ids) > _LARGE:
            with ProcessPoolExecutor(processes) as pool:
                chunks = [range(first, min(first + _CHUNK, runs)) for first in range(0, runs, _CHUNK)]
                parts = pool.map(partial(self._run_part, seed=seed, rows=list(rows)), chunks)
                _collect(parts, starts, progress)
        else:
            parts = (self._run_part([number], seed, list(rows)) for number in range(runs))
            _collect(parts, starts, progress)
        return starts

    def _run_part(self, numbers: Iterable[int], seed: int, rows: Sequence[int]) -> "list[array[int]]":
        """Return the starts of each of the jobs in some simulations."""
        columns = [array("q") for _ in rows]
        wanted = frozenset(rows)
        for number in numbers:
            found = self._run_once(Random(f"{seed}:{number}"), wanted)
            for row, column in zip(rows, columns, strict=True):
                column.append(found[row] + self._origin if row in found else LATER)
        return columns

    def _run_once(self, random: Random, rows: Collection[int]) -> dict[int, int]:
        engine: Engine = thaw(self._frozen)
        draws = Draws(self._times, random)
        for job, keys, age, limit in self._holding:
            engine.set_run(job, draws.draw_longer(keys, age, limit))
        for job, keys, limit in self._waiting:
            engine.set_run(job, draws.draw(keys, limit))
        found: dict[int, int] = {}
        record, seen = engine.record, len(engine.record.rows)
        end = self._now + MAX_DAYS * 24 * HOUR
        hour = (self._now + self._origin) // HOUR
        while len(found) < len(rows) and engine.now < end:
            hour += 1
            if self._arrivals is not None:
                self._submit(engine, hour - 1, draws, random)
            following = engine.advance(None if self._arrivals is None else hour * HOUR - self._origin)
            for run in range(seen, len(record.rows)):
                row = record.rows[run]
                if row in rows and row not in found:
                    found[row] = record.starts[run]
            seen = len(record.rows)
            if following is None and (self._arrivals is None or not self._arrivals.hours):
                break
        return found

    def _submit(self, engine: Engine, hour: int, draws: Draws, random: Random) -> None:
        assert self._arrivals is not None
        for second, job in self._arrivals.draw(hour, random):
            if second - self._origin > engine.now:
                engine.submit(
                    Submission(
                        queue=self._name,
                        share=job.share,
                        priority=job.priority,
                        instances=job.amount,
                        instance_type=job.unit if self._is_typed else "",
                        submit=second - self._origin,
                        run=draws.draw(keys_of(job), job.max_seconds),
                    )
                )


def _collect(
    parts: "Iterable[Sequence[array[int]]]", starts: "Mapping[str, array[int]]", progress: Callable[[int], None]
) -> None:
    done = 0
    for part in parts:
        for column, more in zip(starts.values(), part, strict=True):
            column.extend(more)
        done += len(part[0])
        progress(done)


def _age(pair: tuple[int, PastJob]) -> int:
    return pair[0]
