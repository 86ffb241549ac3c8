"""Benchmark of a rehearsal of a HyperPod cluster against the same policy in SimPy, in processor time.

10,000 jobs on 256 GPUs with the teams of environments/hyperpod.yaml, 130 of them elastic, submitted within a week, and
within a day, so that many of them wait. Both implementations must give the same end of each job.
`elastic_rehearsal_simpy` decides on three queues of one resource only, and says what else it lacks. The number of
events is that of Fairlane: submissions, ends, changes of sizes, and asking for instances.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from random import Random

from fairlane.hyperpod import Governance, InstanceGroup, QuotaResource, Team
from fairlane.rehearsal.hyperpod import ClusterJob, ClusterSetup, ClusterTrace, rehearse_cluster

JOBS = 10_000
DAY = 86_400
P5 = "ml.p5.48xlarge"
TEAMS = {"inference": (16, 0, 10), "pretraining": (12, 100, 70), "research": (4, 300, 30)}
"""Instances of the quota, borrow limit in percent, and weight of each team."""
SIZES = {"pretraining": (4, 8, 12, 16), "research": (1, 2, 4, 8)}
SMALLEST_RATIOS = {7: 0.2, 1: 3}
"""Speed of Fairlane as a multiple of the speed in SimPy, at least, by number of days of submissions."""
MIN_EVENTS = 2_000
ROUNDS = 3


def cluster() -> ClusterSetup:
    """Return the cluster of 256 GPUs. Teams do not preempt their own jobs, and there is no fair share."""
    teams = [
        Team(
            team_name=name,
            quota=[QuotaResource(instance_type=P5, count=count)],
            borrow_limit=limit,
            weight=weight,
            preempt_lower_priority=False,
        )
        for name, (count, limit, weight) in TEAMS.items()
    ]
    groups = [InstanceGroup(group_name="p5", instance_type=P5, instance_count=32)]
    return ClusterSetup(governance=Governance(fair_share=False), teams=teams, instance_groups=groups)


def trace(jobs: int, days: int) -> ClusterTrace:
    """Return jobs with random times of submission and random run times. The number of jobs is the seed.

    Args:
        jobs: Number of jobs.
        days: Number of days in which 10,000 jobs are submitted.
    """
    random = Random(jobs)
    generated = []
    for number in range(jobs):
        team = random.choice(("inference", "inference", "pretraining", "research"))
        submit = int(random.random() * days * DAY * jobs / JOBS)
        if number % 40 == 0 and team in SIZES:
            generated.append(
                ClusterJob(
                    team=team,
                    submit=submit,
                    run=1 + int(random.expovariate(1 / 7200)),
                    sizes=SIZES[team],
                    checkpoint_seconds=60,
                    restart_seconds=120,
                    scale_up_snooze_seconds=0,
                )
            )
        else:
            run = 1 + int(random.expovariate(1 / 600))
            generated.append(ClusterJob(team=team, submit=submit, run=run, instances=random.choice((1, 1, 1, 2, 4))))
    return ClusterTrace.of(generated)


def run_fairlane(jobs: int, days: int) -> tuple[float, int, list[int]]:
    """Return the duration of a rehearsal in seconds, the number of its events, and the end of each job."""
    setup, jobs_to_run = cluster(), trace(jobs, days)
    start = time.process_time()
    rehearsal = rehearse_cluster(setup, jobs_to_run)
    seconds = time.process_time() - start
    return seconds, rehearsal.events, [outcome.end or 0 for outcome in rehearsal.outcomes]


def run_simpy(jobs: int, days: int) -> tuple[float, int, list[int]]:
    """Return the duration of the same policy in SimPy, 0 events, and the end of each job."""
    from elastic_rehearsal_simpy import Cluster  # noqa: PLC0415 (imported only in the processes that measure it)

    jobs_to_run = trace(jobs, days).jobs
    start = time.process_time()
    ends = Cluster({name: (count, limit) for name, (count, limit, _) in TEAMS.items()}, jobs_to_run).run()
    return time.process_time() - start, 0, ends


def measure(implementation: str, jobs: int, days: int) -> tuple[float, int, list[int]]:
    """Return the median duration of several runs in new processes, the number of events, and the ends."""
    command = [sys.executable, __file__, "--measure", implementation, str(jobs), str(days)]
    runs = []
    for _ in range(ROUNDS):
        process = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append(json.loads(process.stdout))
    return statistics.median(run[0] for run in runs), runs[0][1], runs[0][2]


def compare(jobs: int, days: int) -> bool:
    """Print the figures of a trace. Return True if they are within their bounds, and all jobs have the same end."""
    seconds, events, ends = measure("fairlane", jobs, days)
    simpy, _, expected = measure("simpy", jobs, days)
    same = sum(end == other for end, other in zip(ends, expected, strict=True))
    elastic = sum(job.is_elastic for job in trace(jobs, days).jobs)
    print(f"{jobs:,} jobs, {elastic:,} of them elastic, {JOBS:,} in {24 * days} hours: {events:,} events")
    print(f"Fairlane {seconds:.2f} s, {events / seconds:,.0f} events per second")
    print(f"SimPy    {simpy:.2f} s, {events / simpy:,.0f} events per second")
    print(
        f"{simpy / seconds:.2f} times the speed in SimPy (at least {SMALLEST_RATIOS[days]}); {same:,} jobs with the "
        "same end"
    )
    return same == jobs and simpy / seconds >= SMALLEST_RATIOS[days] and events / seconds >= MIN_EVENTS


def main() -> int:
    """Print the figures. The exit code is 1 if a figure is out of its bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=3, metavar=("IMPLEMENTATION", "JOBS", "DAYS"), help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=JOBS, help="number of jobs (default: %(default)s)")
    chosen = parser.parse_args()
    if chosen.measure:
        implementation, jobs, days = chosen.measure
        print(json.dumps({"fairlane": run_fairlane, "simpy": run_simpy}[implementation](int(jobs), int(days))))
        return 0
    return int(False in [compare(chosen.jobs, days) for days in SMALLEST_RATIOS])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
