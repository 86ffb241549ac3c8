"""Benchmark of an engine whose jobs come one by one: time of submissions and passes, and memory.

Each measurement has its own process, so the memory is the memory of one engine.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

from fairlane.scheduler import Engine, Outcome, Submission
from fairlane.scheduling import FairShare, Fifo, QuotaManagement, QuotaShare, SchedulingPolicy, Sharing

UNIT = "ml.p4d.24xlarge"
SHARES = [f"s{number:02}" for number in range(20)]
UNITS = 1_000
MANY, MOST = 10_000, 100_000
MAX_SECONDS = 1.0
MAX_MIB = 300


def quotas() -> QuotaManagement:
    """Return 20 quota shares that lend and borrow."""
    own = {UNIT: UNITS // len(SHARES)}
    return QuotaManagement(
        *(
            QuotaShare(name=name, capacity=own, sharing=Sharing.LEND_AND_BORROW, in_share_preemption=True)
            for name in SHARES
        )
    )


POLICIES: dict[str, Callable[[], SchedulingPolicy]] = {
    "fifo": Fifo,
    "fair-share": lambda: FairShare({name: 1 + index % 5 for index, name in enumerate(SHARES)}),
    "quota-management": quotas,
}


class Running:
    """Listener that notes the jobs that run."""

    def __init__(self) -> None:
        self.jobs: dict[int, None] = {}
        self.ended = 0

    def started(self, job: int, now: int) -> None:
        """Note the start of a job."""
        self.jobs[job] = None

    def preempting(self, job: int, by: int, now: int) -> None:
        """Do nothing."""

    def stopped(self, job: int, outcome: Outcome, now: int) -> None:
        """Note the end of a run."""
        del self.jobs[job]
        self.ended += 1


def schedule(policy: str, jobs: int) -> tuple[float, float, int]:
    """Run jobs whose ends are told, and return the seconds of all calls and of `front`, and the memory in MiB."""
    running = Running()
    engine = Engine(listener=running)
    engine.set_environment("environment", {UNIT: UNITS} if policy == "quota-management" else UNITS)
    engine.set_queue("queue", POLICIES[policy](), ["environment"])
    start = time.process_time()
    for number in range(jobs):
        engine.submit(Submission(queue="queue", share=SHARES[number % len(SHARES)], priority=number % 7))
    engine.advance(1)
    front = time.process_time()
    engine.front("queue", 100)
    front = time.process_time() - front
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    while running.ended < jobs:
        for job in list(running.jobs):
            engine.finish(job, Outcome.SUCCEEDED)
        engine.advance(engine.now + 1)
    return time.process_time() - start - front, front, memory


def measure(policy: str, jobs: int) -> tuple[float, float, int]:
    """Return the result of `schedule` in a new process."""
    process = subprocess.run(
        [sys.executable, __file__, "--measure", policy, str(jobs)], capture_output=True, text=True, check=True
    )
    seconds, front, mib = json.loads(process.stdout)
    return seconds, front, mib


def main() -> int:
    """Print the figures. The exit code is 1 if a figure is out of its bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=2, metavar=("POLICY", "JOBS"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        policy, jobs = chosen.measure
        print(json.dumps(schedule(policy, int(jobs))))
        return 0
    within = True
    for policy in POLICIES:
        seconds, front, _ = measure(policy, MANY)
        _, _, mib = measure(policy, MOST)
        print(
            f"{policy:16}  {MANY:,} jobs: {seconds:.2f} s (at most {MAX_SECONDS:.0f}), front {1000 * front:.0f} ms; "
            f"{MOST:,} jobs: {mib} MiB (at most {MAX_MIB})"
        )
        within &= seconds <= MAX_SECONDS and mib <= MAX_MIB
    return int(not within)


if __name__ == "__main__":
    sys.exit(main())
