"""Benchmark of rehearsals against the same models in SimPy, with ratios within one run.

The models have 1,000 units, and each job needs one unit:

- fifo: FIFO, where 30 percent more work arrives than the units can do.
- fair-100 and fair-500: fair-share scheduling with 100 and 500 shares, in the same way.
- fair-100-idle: fair-share scheduling with 100 shares, where jobs arrive about as fast as they can run. Few jobs wait,
  so that SimPy has little to compare: the bound of the compiled engine is lower.
- quotas: quota management with 20 shares that lend, borrow and preempt, and jobs with ten priorities, where 10 percent
  more work arrives than the units can do.

Both implementations must give the same schedule. Each measurement has its own process, so the memory is the memory of
one rehearsal.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from random import Random

from fairlane.rehearsal import rehearse
from fairlane.scheduler.engine import is_compiled
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import FairShare, Fifo, QuotaManagement, QuotaShare, SchedulingPolicy, Sharing

UNIT = "ml.p4d.24xlarge"
UNITS = 1_000
WINDOW = 3_600
CHECKPOINT = 600
MEAN_RUN = 3_000
MIN_RATIO = 10 if is_compiled() else 3
MIN_IDLE_RATIO = 7 if is_compiled() else 3
MAX_GROWTH = 1.25
MAX_MIB = 1024
SMALL, LARGE = 100_000, 1_000_000


@dataclass(frozen=True, kw_only=True)
class Model:
    """Model of a queue.

    Args:
        policy: Scheduling policy.
        shares: Names of the shares.
        load: Work that arrives per second and unit.
        priorities: Number of different priorities.
    """

    policy: SchedulingPolicy
    shares: list[str]
    load: float
    priorities: int = 1


def fair_share(shares: int, load: float) -> Model:
    """Return a model of fair-share scheduling, with weight factors 1 to 5."""
    weights = {f"team-{number:03}": 1 + number % 5 for number in range(shares)}
    return Model(policy=FairShare(weights, share_decay_seconds=WINDOW), shares=list(weights), load=load)


def quotas(shares: int, load: float) -> Model:
    """Return a model of quota management with equal quotas."""
    names = [f"team-{number:03}" for number in range(shares)]
    own, sharing = {UNIT: UNITS // shares}, Sharing.LEND_AND_BORROW
    policy = QuotaManagement(
        *(QuotaShare(name=name, capacity=own, sharing=sharing, in_share_preemption=True) for name in names)
    )
    return Model(policy=policy, shares=names, load=load, priorities=10)


MODELS: dict[str, Callable[[], Model]] = {
    "fifo": lambda: Model(policy=Fifo(), shares=["team"], load=1.3),
    "fair-100": lambda: fair_share(100, 1.3),
    "fair-500": lambda: fair_share(500, 1.3),
    "fair-100-idle": lambda: fair_share(100, 0.98),
    "quotas": lambda: quotas(20, 1.1),
}


def trace(model: Model, jobs: int) -> Trace:
    """Return jobs with random times of submission and random run times. The number of jobs is the seed."""
    random, submit = Random(jobs), 0.0
    generated = []
    for _ in range(jobs):
        submit += random.expovariate(model.load * UNITS / MEAN_RUN)
        generated.append(
            Job(
                share=random.choice(model.shares),
                submit=int(submit),
                run=1 + int(random.expovariate(1 / MEAN_RUN)),
                priority=random.randrange(model.priorities),
                checkpoint=CHECKPOINT if model.priorities > 1 else None,
            )
        )
    return Trace.of(generated)


def run_fairlane(model: Model, jobs: Trace) -> tuple[float, list[tuple[int, int]]]:
    """Return the processor time of a rehearsal in seconds, and the second of each start with the row of its job."""
    start = time.process_time()
    capacity = {UNIT: UNITS} if isinstance(model.policy, QuotaManagement) else UNITS
    rehearsal = rehearse(model.policy, jobs, capacity=capacity)
    seconds = time.process_time() - start
    return seconds, list(zip(rehearsal._record.starts, rehearsal._record.rows, strict=True))


def run_simpy(model: Model, jobs: Trace) -> tuple[float, list[tuple[int, int]]]:
    """Return the same results of the same model in SimPy."""
    import rehearsal_simpy as simpy  # noqa: PLC0415 (imported only in the processes that measure it)

    names = [jobs.share_names[share] for share in jobs.shares]
    submits, runs, priorities = list(jobs.submits), list(jobs.runs), list(jobs.priorities)
    start = time.process_time()
    match model.policy:
        case FairShare(weight_factors=weights):
            whole = {name: int(weight) for name, weight in weights.items()}
            cluster: simpy.Cluster = simpy.FairShare(UNITS, submits, runs, whole, WINDOW, names)
        case QuotaManagement(shares=shares):
            own = {share.name: share.capacity[UNIT] for share in shares}
            stop = Strategies().stop_seconds
            cluster = simpy.Quotas(UNITS, submits, runs, own, names, priorities, CHECKPOINT, stop)
        case _:
            cluster = simpy.Fifo(UNITS, submits, runs)
    starts = cluster.run()
    return time.process_time() - start, starts


def measure(implementation: str, model: str, jobs: int) -> tuple[float, int, str]:
    """Return microseconds per job, peak memory in MiB, and a digest of all starts, measured in a new process."""
    process = subprocess.run(
        [sys.executable, __file__, "--measure", implementation, model, str(jobs)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, mib, starts = json.loads(process.stdout)
    return 1e6 * seconds / jobs, mib, starts


def report(implementation: str, name: str, jobs: int) -> None:
    """Print the result of one measurement as JSON."""
    model = MODELS[name]()
    seconds, starts = {"fairlane": run_fairlane, "simpy": run_simpy}[implementation](model, trace(model, jobs))
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps([seconds, mib, sha256(str(list(chain(*starts))).encode()).hexdigest()]))


def main() -> int:
    """Print the figures. The exit code is 1 if a figure is out of its bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=3, metavar=("IMPLEMENTATION", "MODEL", "JOBS"), help=argparse.SUPPRESS)
    parser.add_argument("--model", action="append", choices=list(MODELS), help="models to run (default: all)")
    parser.add_argument(
        "--jobs", type=int, default=LARGE, help="number of jobs of the large rehearsals (default: %(default)s)"
    )
    chosen = parser.parse_args()
    if chosen.measure:
        implementation, model, jobs = chosen.measure
        report(implementation, model, int(jobs))
        return 0
    print(f"{'compiled' if is_compiled() else 'plain Python'}; processor time per job in us; SimPy with {SMALL:,} jobs")
    within = True
    for model in chosen.model or MODELS:
        small, _, starts = measure("fairlane", model, SMALL)
        simpy, _, expected = measure("simpy", model, SMALL)
        large, mib, _ = measure("fairlane", model, chosen.jobs)
        ratio, growth, same = simpy / small, large / small, starts == expected
        least = MIN_IDLE_RATIO if model == "fair-100-idle" else MIN_RATIO
        print(
            f"{model:13}  {SMALL:,} jobs: {small:5.1f}, SimPy {simpy:6.1f}, ratio {ratio:5.1f} (at least {least}), "
            f"the same schedule: {'yes' if same else 'no'}; {chosen.jobs:,} jobs: {large:5.1f}, ratio {growth:.2f} "
            f"(at most {MAX_GROWTH}), {mib} MiB (at most {MAX_MIB})",
            flush=True,
        )
        within &= same and ratio >= least and growth <= MAX_GROWTH and mib <= MAX_MIB
    return int(not within)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
