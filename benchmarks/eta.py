"""Benchmark of estimates of starts: 1,000 waiting jobs and 300 simulations, in SimPy too, and AWS calls.

The queue is a fair-share queue of 100 units whose jobs need one unit each. SimPy gets the run times that Fairlane drew.
All starts in SimPy must be those of Fairlane. Times are CPU seconds, except for the time of several processes.
"""

import argparse
import os
import sys
import time
from random import Random

from rehearsal_simpy import FairShare as FairShareInSimPy

from fairlane.scheduling import FairShare
from fairlane_client.eta.arrivals import Arrivals
from fairlane_client.eta.past_jobs import PastJob, past_of_queued
from fairlane_client.eta.reading import MAX_DESCRIPTIONS
from fairlane_client.eta.run_times import Draws, RunTimes, keys_of
from fairlane_client.eta.simulation import Simulation, State
from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.queues.queue import Queue, QueueEnvironment

JOBS, RUNS, SIMPY_RUNS, UNITS, WINDOW = 1_000, 300, 30, 100, 7200
NOW = 1_800_000_000
WEIGHTS = {f"s{number}": 1 + number % 4 for number in range(10)}
MOST_SECONDS = 60.0


def build() -> tuple[State, RunTimes]:
    """Return a queue with 1,000 waiting jobs and no running ones, and the run times of 2,000 past jobs."""
    random = Random(0)
    environment = QueueEnvironment(name="environment", capacity={"NUM_INSTANCES": UNITS})
    policy = FairShare({share: float(weight) for share, weight in WEIGHTS.items()}, WINDOW)
    queue = Queue(name="queue", kind="training", policy=policy, environments=[environment])
    waiting = [
        QueuedJob(
            id=f"job-{number}",
            name=f"train-{number}",
            share=random.choice([*WEIGHTS]),
            state="RUNNABLE",
            amount=1,
            created=NOW,
        )
        for number in reversed(range(JOBS))  # lists begin with the newest jobs
    ]
    past = [
        PastJob(
            id=f"past-{number}",
            likeness="train-#",
            share=random.choice([*WEIGHTS]),
            unit="NUM_INSTANCES",
            amount=1,
            created=NOW - 86_400,
            attempts=((NOW - 86_400, NOW - 86_400 + int(random.lognormvariate(8, 0.6))),),
            stopped=NOW - 1000,
        )
        for number in range(2_000)
    ]
    return State(queue, NOW, [], waiting, []), RunTimes(past)


def simpy_starts(state: State, times: RunTimes, number: int) -> list[int]:
    """Return the starts of all jobs in one simulation by SimPy, from the newest job to the oldest."""
    draws = Draws(times, Random(f"0:{number}"))
    jobs = [past_of_queued(job) for job in state.waiting]
    runs = [draws.draw(keys_of(job)) for job in jobs]
    jobs.reverse()
    runs.reverse()
    cluster = FairShareInSimPy(UNITS, [0] * len(jobs), runs, WEIGHTS, WINDOW, [job.share for job in jobs])
    return [second for _, second in sorted((row, second) for second, row in cluster.run())][::-1]


def main() -> int:
    """Print the figures. The exit code is 1 if an answer takes too long or a start differs."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    state, times = build()
    simulation = Simulation(state, times, Arrivals([], NOW, NOW))
    begin = time.process_time()
    found = simulation.run(RUNS, 0)
    ours = time.process_time() - begin
    begin = time.perf_counter()
    assert simulation.run(RUNS, 0, processes=os.cpu_count() or 1) == found
    parallel = time.perf_counter() - begin
    begin = time.process_time()
    same = 0
    for number in range(SIMPY_RUNS):
        starts = simpy_starts(state, times, number)
        same += sum(start + NOW == column[number] for start, column in zip(starts, found.values(), strict=True))
    theirs = (time.process_time() - begin) * RUNS / SIMPY_RUNS
    print(f"{JOBS:,} waiting jobs, {RUNS} simulations: {ours:.1f} s, {parallel:.1f} s in {os.cpu_count()} processes")
    print(f"the same by SimPy: {theirs:.1f} s ({SIMPY_RUNS} simulations measured), {theirs / ours:.1f} times as long")
    print(f"equal starts: {same:,} of {JOBS * SIMPY_RUNS:,}")
    for waiting, ended in ((100, 2_000), (1_000, 2_000), (10_000, 20_000)):
        pages = -(-waiting // 100) + 1 + -(-ended // 100) + 6
        calls = 5 + 1 + pages + min(waiting + UNITS, MAX_DESCRIPTIONS)
        print(f"AWS calls with {waiting:,} waiting and {ended:,} ended training jobs: at most {calls}")
    return int(ours > MOST_SECONDS or same < JOBS * SIMPY_RUNS)


if __name__ == "__main__":
    sys.exit(main())
