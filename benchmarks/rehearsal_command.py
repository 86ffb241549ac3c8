"""Benchmark of `fairlane rehearse` from a CSV file to a page, against a plain script, with ratios within one run.

The command rehearses FIFO on 1,000 instances, and writes the numbers of 15 shares as JSON and as an HTML page with
charts. The plain script is what a user would write instead: it reads the same file with `csv.DictReader`, simulates
FIFO with a resource of SimPy, and writes the mean, median and 95th percentile of the waits of each share as JSON,
without charts. Both must have the same waits. A second command compares FIFO with fair share: its memory has a bound,
too. Each measurement has its own process, so the memory is the memory of one command.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

SHARES = [f"team-{number:02}" for number in range(15)]
UNITS = 1_000
MEAN_RUN = 3_000
LOAD = 0.98
MIN_RATIO = 1
MAX_GROWTH = 1.25
MAX_MIB = 400
SMALL, LARGE = 100_000, 1_000_000
ENVIRONMENT = f"""
region: us-east-1
account: "123456789012"
queues:
  training:
    capacity: {UNITS}
    instance_type: ml.g6.12xlarge
    scheduling:
      policy: fifo
"""


def write_trace(path: Path, jobs: int) -> None:
    """Write jobs with random times of submission and random run times. The number of jobs is the seed."""
    random, submit = Random(jobs), 0.0
    with path.open("w") as file:
        file.write("share,priority,instances,submit,run,name\n")
        for number in range(jobs):
            submit += random.expovariate(LOAD * UNITS / MEAN_RUN)
            run = 1 + int(random.expovariate(1 / MEAN_RUN))
            file.write(f"{random.choice(SHARES)},0,1,{int(submit)},{run},job-{number}\n")


def run_fairlane(folder: Path, *options: str) -> None:
    """Run the command on the files of a folder."""
    from fairlane.cli import main as fairlane  # noqa: PLC0415 (imported only in the processes that measure it)

    files = ["--html", str(folder / "report.html"), "--json", str(folder / "fairlane.json")]
    arguments = ["--queue", "training", "--trace", str(folder / "jobs.csv"), *options, *files]
    if fairlane(["rehearse", str(folder / "environment.yaml"), *arguments]):
        raise SystemExit("fairlane rehearse failed")


def run_comparison(folder: Path) -> None:
    """Run the command with a comparison policy."""
    run_fairlane(folder, "--against", "fair-share")


def run_script(folder: Path) -> None:
    """Do the same with SimPy, as a user would."""
    import csv  # noqa: PLC0415 (as above)
    from collections import defaultdict  # noqa: PLC0415
    from collections.abc import Generator  # noqa: PLC0415
    from statistics import mean, quantiles  # noqa: PLC0415

    import simpy  # noqa: PLC0415

    waits: dict[str, list[int]] = defaultdict(list)

    def job(row: dict[str, str]) -> Generator[simpy.Event, None, None]:
        submitted = environment.now
        with instances.request() as request:
            yield request
            waits[row["share"]].append(int(environment.now - submitted))
            yield environment.timeout(int(row["run"]))

    def submit(rows: list[dict[str, str]]) -> Generator[simpy.Event, None, None]:
        for row in rows:
            if (delay := int(row["submit"]) - environment.now) > 0:
                yield environment.timeout(delay)
            environment.process(job(row))

    with (folder / "jobs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    environment = simpy.Environment()
    instances = simpy.Resource(environment, UNITS)
    environment.process(submit(rows))
    environment.run()
    results = {
        share: {"mean": mean(seconds), "p50": quantiles(seconds, n=2)[0], "p95": quantiles(seconds, n=20)[-1]}
        for share, seconds in waits.items()
    }
    (folder / "script.json").write_text(json.dumps(results))


def measure(implementation: str, folder: Path) -> tuple[float, int]:
    """Return the duration in seconds and the peak memory in MiB of a new process."""
    command = [sys.executable, __file__, "--measure", implementation, str(folder)]
    start = time.perf_counter()
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, int(process.stdout.splitlines()[-1])


def have_same_waits(folder: Path) -> bool:
    """Return True if both have the same mean wait of each share."""
    fifo = json.loads((folder / "fairlane.json").read_text())["rehearsals"]["training"]["shares"]
    script = json.loads((folder / "script.json").read_text())
    return all(abs(fifo[share]["wait_seconds"]["mean"] - script[share]["mean"]) < 1e-6 for share in SHARES)


def compare(jobs: int) -> tuple[float, float, int, bool]:
    """Print the figures of a trace, and return seconds per job, the ratio, the memory in MiB, and equality of waits."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "environment.yaml").write_text(ENVIRONMENT)
        write_trace(folder / "jobs.csv", jobs)
        seconds, mib = measure("fairlane", folder)
        slow, slow_mib = measure("script", folder)
        same = have_same_waits(folder)
        two, two_mib = measure("comparison", folder)
    print(f"{jobs:>9,} jobs  {seconds:6.1f} s, {mib} MiB; with a comparison policy {two:6.1f} s, {two_mib} MiB")
    print(f"{'':>15} script {slow:6.1f} s, {slow_mib} MiB; the same waits: {'yes' if same else 'no'}")
    return seconds / jobs, slow / seconds, max(mib, two_mib), same


def main() -> int:
    """Print the figures. The exit code is 1 if a figure is out of its bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=2, metavar=("IMPLEMENTATION", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument(
        "--jobs", type=int, default=LARGE, help="number of jobs of the large trace (default: %(default)s)"
    )
    chosen = parser.parse_args()
    if chosen.measure:
        implementation, folder = chosen.measure
        {"fairlane": run_fairlane, "comparison": run_comparison, "script": run_script}[implementation](Path(folder))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return 0
    small, small_ratio, _, small_same = compare(SMALL)
    large, ratio, mib, same = compare(chosen.jobs)
    print(
        f"{small_ratio:.1f} and {ratio:.1f} times as fast as the script (at least {MIN_RATIO}); {large / small:.2f} "
        f"times the time per job of {SMALL:,} jobs (at most {MAX_GROWTH}); {mib} MiB (at most {MAX_MIB})"
    )
    fast = min(small_ratio, ratio) >= MIN_RATIO and large / small <= MAX_GROWTH
    return int(not (small_same and same and fast and mib <= MAX_MIB))


if __name__ == "__main__":
    sys.exit(main())
