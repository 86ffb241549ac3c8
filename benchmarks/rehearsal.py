"""How long a rehearsal takes, against the same model written plainly in SimPy, as ratios within one run.

Fair share with 100 shares on 1,000 units, jobs of one unit each that come about as fast as they can be run. Both have
to give the same schedule; each measurement is a process of its own, so that memory is that of one rehearsal.
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
LEAST_RATIO = 3
MOST_GROWTH = 2
MOST_MIB = 1024
SMALL, MEDIUM, LARGE = 10_000, 100_000, 1_000_000


def trace(jobs: int, load: float = 0.98) -> Trace:
    """Jobs at random times, of random lengths; the same for the same number."""
    random, names, at = Random(jobs), list(SHARES), 0.0
    made = []
    for _ in range(jobs):
        at += random.expovariate(load * UNITS / MEAN_RUN)
        run = 1 + int(random.expovariate(1 / MEAN_RUN))
        made.append(Job(share=random.choice(names), submit=int(at), run=run))
    return Trace.of(made)


def ours(jobs: int) -> tuple[float, list[int]]:
    """How long a rehearsal takes, and when its first jobs start."""
    given = trace(jobs)
    begun = time.perf_counter()
    done = rehearse(FairShare(SHARES, share_decay_seconds=WINDOW), given, capacity=UNITS)
    seconds = time.perf_counter() - begun
    return seconds, [int(done.outcomes[row].first_start or 0) for row in range(SMALL)]


def plain(jobs: int) -> tuple[float, list[int]]:
    """The same in SimPy."""
    from rehearsal_simpy import Cluster  # noqa: PLC0415 (it counts in no other measurement)

    given = trace(jobs)
    names = [given.share_names[share] for share in given.shares]
    begun = time.perf_counter()
    starts = Cluster(SHARES, UNITS, WINDOW, names, list(given.submits), list(given.runs)).run()
    return time.perf_counter() - begun, starts[:SMALL]


def measure(kind: str, jobs: int) -> tuple[float, int, list[int]]:
    """Microseconds a job, mebibytes at most, and the first starts, of a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", kind, str(jobs)], capture_output=True, text=True, check=True
    )
    seconds, mib, starts = json.loads(done.stdout)
    return 1e6 * seconds / jobs, mib, starts


def main() -> int:
    """Prints the figures; the exit code tells whether they are within bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "JOBS"), help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=LARGE, help="of the large rehearsal (default: %(default)s)")
    chosen = parser.parse_args()
    if chosen.measure:
        kind, jobs = chosen.measure
        seconds, starts = {"ours": ours, "plain": plain}[kind](int(jobs))
        print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, starts]))
        return 0
    small, _, starts = measure("ours", SMALL)
    plainly, _, expected = measure("plain", SMALL)
    same = starts == expected
    print(
        f"{SMALL:>9,} jobs  {small:5.1f} us a job, SimPy {plainly:6.1f}; the same schedule: {'yes' if same else 'no'}"
    )
    medium, _, _ = measure("ours", MEDIUM)
    print(f"{MEDIUM:>9,} jobs  {medium:5.1f} us a job")
    large, mib, _ = measure("ours", chosen.jobs)
    slow, slow_mib, _ = measure("plain", chosen.jobs)
    print(f"{chosen.jobs:>9,} jobs  {large:5.1f} us a job, {mib} MiB; SimPy {slow:6.1f}, {slow_mib} MiB")
    print(
        f"{slow / large:.1f} times as fast (at least {LEAST_RATIO}); {large / medium:.2f} times the time a job of "
        f"{MEDIUM:,} (at most {MOST_GROWTH}); {mib} MiB (at most {MOST_MIB})"
    )
    within = same and slow / large >= LEAST_RATIO and large / medium <= MOST_GROWTH and mib <= MOST_MIB
    return int(not within)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
