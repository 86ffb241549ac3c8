"""Benchmark of a rehearsal against the same model in SimPy, with ratios within one run.

The model is fair-share scheduling with 100 shares on 1,000 units. Each job needs one unit, and jobs arrive about as
fast as they can run. Both implementations must give the same schedule. Each measurement has its own process, so the
memory is the memory of one rehearsal.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from random import Random

from fairlane.rehearsal import rehearse
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduling import FairShare

SHARES = {f"team-{number:02}": 1 + number % 5 for number in range(100)}
UNITS = 1_000
WINDOW = 3_600
MEAN_RUN = 3_000
MIN_RATIO = 3
MAX_GROWTH = 2
MAX_MIB = 1024
SMALL, MEDIUM, LARGE = 10_000, 100_000, 1_000_000


def trace(jobs: int, load: float = 0.98) -> Trace:
    """Return jobs with random times of submission and random run times. The number of jobs is the seed."""
    random, names, submit = Random(jobs), list(SHARES), 0.0
    generated = []
    for _ in range(jobs):
        submit += random.expovariate(load * UNITS / MEAN_RUN)
        run = 1 + int(random.expovariate(1 / MEAN_RUN))
        generated.append(Job(share=random.choice(names), submit=int(submit), run=run))
    return Trace.of(generated)


def run_fairlane(jobs: int) -> tuple[float, list[int]]:
    """Return the duration of a rehearsal in seconds, and the starts of its first jobs."""
    jobs_to_run = trace(jobs)
    start = time.perf_counter()
    rehearsal = rehearse(FairShare(SHARES, share_decay_seconds=WINDOW), jobs_to_run, capacity=UNITS)
    seconds = time.perf_counter() - start
    return seconds, [int(rehearsal.outcomes[row].first_start or 0) for row in range(SMALL)]


def run_simpy(jobs: int) -> tuple[float, list[int]]:
    """Return the duration of the same model in SimPy, and the starts of its first jobs."""
    from rehearsal_simpy import Cluster  # noqa: PLC0415 (imported only in the processes that measure it)

    jobs_to_run = trace(jobs)
    names = [jobs_to_run.share_names[share] for share in jobs_to_run.shares]
    start = time.perf_counter()
    starts = Cluster(SHARES, UNITS, WINDOW, names, list(jobs_to_run.submits), list(jobs_to_run.runs)).run()
    return time.perf_counter() - start, starts[:SMALL]


def measure(implementation: str, jobs: int) -> tuple[float, int, list[int]]:
    """Return microseconds per job, peak memory in MiB, and the first starts, measured in a new process."""
    process = subprocess.run(
        [sys.executable, __file__, "--measure", implementation, str(jobs)], capture_output=True, text=True, check=True
    )
    seconds, mib, starts = json.loads(process.stdout)
    return 1e6 * seconds / jobs, mib, starts


def main() -> int:
    """Print the figures. The exit code is 1 if a figure is out of its bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=2, metavar=("IMPLEMENTATION", "JOBS"), help=argparse.SUPPRESS)
    parser.add_argument(
        "--jobs", type=int, default=LARGE, help="number of jobs of the large rehearsal (default: %(default)s)"
    )
    chosen = parser.parse_args()
    if chosen.measure:
        implementation, jobs = chosen.measure
        seconds, starts = {"fairlane": run_fairlane, "simpy": run_simpy}[implementation](int(jobs))
        print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, starts]))
        return 0
    small, _, starts = measure("fairlane", SMALL)
    simpy, _, expected = measure("simpy", SMALL)
    same = starts == expected
    print(
        f"{SMALL:>9,} jobs  {small:5.1f} us per job, SimPy {simpy:6.1f}; the same schedule: {'yes' if same else 'no'}"
    )
    medium, _, _ = measure("fairlane", MEDIUM)
    print(f"{MEDIUM:>9,} jobs  {medium:5.1f} us per job")
    large, mib, _ = measure("fairlane", chosen.jobs)
    slow, slow_mib, _ = measure("simpy", chosen.jobs)
    print(f"{chosen.jobs:>9,} jobs  {large:5.1f} us per job, {mib} MiB; SimPy {slow:6.1f}, {slow_mib} MiB")
    print(
        f"{slow / large:.1f} times as fast as SimPy (at least {MIN_RATIO}); {large / medium:.2f} times the time "
        f"per job of {MEDIUM:,} jobs (at most {MAX_GROWTH}); {mib} MiB (at most {MAX_MIB})"
    )
    within = same and slow / large >= MIN_RATIO and large / medium <= MAX_GROWTH and mib <= MAX_MIB
    return int(not within)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
