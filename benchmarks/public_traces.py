"""Conversion of public GPU cluster traces to traces of Fairlane, and checks of rehearsals on them.

`convert FORMAT FILE OUTPUT.csv` writes the jobs with GPUs as a trace of Fairlane. Nothing is downloaded. The formats:

- `helios`: `cluster_log.csv` of one of the four clusters of SenseTime, from
  https://github.com/S-Lab-System-Group/HeliosData (CC BY 4.0). A share is a virtual cluster.
- `philly`: `cluster_job_log` of Microsoft's cluster, from https://github.com/msr-fiddle/philly-traces (CC BY 4.0). A
  share is a virtual cluster. A job has its last attempt.
- `chronus`: `code/data/exp/trace_job_Philly_*.csv`, two weeks of 11 virtual clusters of Microsoft's cluster in minutes,
  from https://github.com/S-Lab-System-Group/ChronusArtifact (MIT). The files have no real starts.
- `alibaba`: `openb_pod_list_*.csv`, from https://github.com/alibaba/clusterdata, folder `cluster-trace-gpu-v2023`
  (the folder names no license). A share is a class of quality of service. A part of a GPU counts as one GPU.

Times without a time zone count as UTC. Rows that lack a run time stay without one: `fairlane rehearse --skip-bad-rows`
counts them.

`check TRACE.csv --capacity GPUS` rehearses a trace with FIFO, fair share and quotas, and fails if one of these does
not hold:

- The use is equal to the work, the lost work and the time of stopping, to the second.
- Quotas that are neither lent nor borrowed give the schedule of one queue for each share.
- Nothing changes if all times shift, or if jobs are added that can never run.
- Slices of the trace have the schedule of the tests' reference, which simulates second by second. In slices, a minute
  counts as a second and runs end after a day, because the reference is slow.
"""

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "constructs"), str(ROOT)]

from tests.fairlane.rehearsal.reference import reference, simulate  # noqa: E402

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing  # noqa: E402
from fairlane.rehearsal import Job, Rehearsal, Strategies, Trace, read_trace, rehearse  # noqa: E402
from fairlane.scheduling import SchedulingPolicy  # noqa: E402

COLUMNS = ("submit", "share", "gpus", "run", "started", "stopped", "name")
UNIT = "ml.g5.xlarge"  # one GPU
MOST_QUOTA_SHARES = 20
DAY = 86_400
SHIFT = 52 * 7 * DAY
SLICES, SLICE_JOBS = 4, 150
MINUTE = 60

Row = tuple[object, ...]


def helios(path: Path) -> Iterator[Row]:
    """Yield the rows of a cluster of Helios."""
    for job in _read_csv(path):
        times = job["start_time"], job["end_time"]
        yield job["submit_time"], job["vc"], job["gpu_num"], job["duration"], *times, job["job_id"]


def philly(path: Path) -> Iterator[Row]:
    """Yield the rows of Philly."""
    for job in json.loads(path.read_text(encoding="utf-8")):
        last = job["attempts"][-1] if job["attempts"] else {}
        started, stopped = (_text(last.get(name)) for name in ("start_time", "end_time"))
        run: object = ""
        if started and stopped:
            run = int((datetime.fromisoformat(stopped) - datetime.fromisoformat(started)).total_seconds())
        gpus = sum(len(server["gpus"]) for server in last.get("detail", ())) if last else ""
        yield _text(job["submitted_time"]), job["vc"], gpus, run, started, stopped, job["jobid"]


def chronus(path: Path) -> Iterator[Row]:
    """Yield the rows of the part of Philly that the artifact of Chronus has."""
    for job in _read_csv(path):
        submit, run = (int(float(job[name]) * MINUTE) for name in ("submit_time", "duration"))
        yield submit, job["user"], job["num_gpu"], run, "", "", job["job_id"]


def alibaba(path: Path) -> Iterator[Row]:
    """Yield the rows of Alibaba's trace of 2023."""
    for job in _read_csv(path):
        started, stopped = job["scheduled_time"], job["deletion_time"]
        run = int(float(stopped)) - int(float(started)) if started and stopped else ""
        times = (started, stopped) if started and stopped else ("", "")
        yield job["creation_time"], job["qos"], job["num_gpu"], run, *times, job["name"]


FORMATS = {"alibaba": alibaba, "chronus": chronus, "helios": helios, "philly": philly}


def convert(rows: Iterable[Row], output: Path) -> tuple[int, int]:
    """Write a trace of the jobs with GPUs. Return the numbers of these jobs and of the others."""
    others = written = 0
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            if str(row[COLUMNS.index("gpus")]) == "0":
                others += 1
                continue
            writer.writerow(row)
            written += 1
    return written, others


def _read_csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _text(value: object) -> str:
    """Return a time as text. Philly has `None` for times that were not recorded."""
    return "" if value in (None, "None") else str(value)


def quotas(trace: Trace, capacity: int, sharing: Sharing) -> QuotaManagement:
    """Return quotas in proportion to the work of each share, of which none is 0, with the given sum."""
    work = Counter[str]()
    for job in trace:
        work[job.share] += job.run * job.instances
    spare = capacity - len(work)
    if spare < 0:
        raise SystemExit(f"--capacity: got {capacity}, allowed: a GPU for each of the {len(work)} shares")
    total = sum(work.values())
    sizes = {name: 1 + spare * work[name] // total for name in sorted(work)}
    sizes[max(work, key=work.__getitem__)] += capacity - sum(sizes.values())
    return QuotaManagement(
        *(QuotaShare(name=name, capacity={UNIT: size}, sharing=sharing) for name, size in sizes.items())
    )


def policies(trace: Trace, capacity: int, day: int) -> Mapping[str, SchedulingPolicy]:
    """Return a policy of each kind. With fair share, all shares are equal and use counts for a day."""
    return {
        "FIFO": Fifo(),
        "fair share": FairShare(dict.fromkeys(trace.share_names, 1), share_decay_seconds=day),
        "quotas": quotas(trace, capacity, Sharing.LEND_AND_BORROW),
    }


def run(policy: SchedulingPolicy, trace: Trace, capacity: int) -> Rehearsal:
    """Rehearse a policy."""
    limit = {UNIT: capacity} if isinstance(policy, QuotaManagement) else capacity
    return rehearse(policy, trace, capacity=limit)


def schedule(rehearsal: Rehearsal, prefix: str = "", shift: int = 0) -> list[object]:
    """Return the state, the lost work and the runs of each job whose name starts with a prefix."""
    return [
        (outcome.state, outcome.lost, [(run.start + shift, run.stop + shift, run.preempted) for run in outcome.runs])
        for job, outcome in zip(rehearsal.trace, rehearsal.outcomes, strict=True)
        if job.name.startswith(prefix)
    ]


def merge_shares(jobs: Iterable[Job]) -> Trace:
    """Return a trace with at most 20 shares, as many as a queue can have quotas for. The smallest become one share."""
    jobs = list(jobs)
    largest = Counter(job.share for job in jobs).most_common()
    kept = {name for name, _ in (largest if len(largest) <= MOST_QUOTA_SHARES else largest[: MOST_QUOTA_SHARES - 1])}
    names = {name: name if name in kept else "others" for name, _ in largest}
    return Trace.of(  # without real times, so that all times can shift
        replace(job, share=names[job.share], name=f"job {row}", started=None, stopped=None)
        for row, job in enumerate(jobs)
    )


def check_use(rehearsal: Rehearsal) -> tuple[bool, str]:
    """Compare the use of the capacity with the work that is done or lost and with the time of stopping."""
    used = rehearsal.total.use.integral([rehearsal.span])
    work = lost = stopping = 0
    for job, outcome in zip(rehearsal.trace, rehearsal.outcomes, strict=True):
        lost += outcome.lost
        stopping += outcome.preemptions * rehearsal.strategies.stop_seconds * job.instances
        if outcome.state == "succeeded":
            work += job.run * job.instances
    sums = f"{used:,} = {work:,} + {lost:,} + {stopping:,} GPU-seconds"
    return used == work + lost + stopping, sums


def check_partitions(trace: Trace, capacity: int) -> bool:
    """Compare quotas that are neither lent nor borrowed with one queue for each share."""
    policy = quotas(trace, capacity, Sharing.RESERVE)
    together = run(policy, trace, capacity)
    by_share: dict[str, list[object]] = {share.name: [] for share in policy.shares}
    for job, outcome in zip(schedule(together), trace, strict=True):
        by_share[outcome.share].append(job)
    return all(
        by_share[share.name]
        == schedule(run(Fifo(), Trace.of(job for job in trace if job.share == share.name), share.capacity[UNIT]))
        for share in policy.shares
    )


def check_slices(trace: Trace) -> dict[str, bool]:
    """Compare slices of the trace with the tests' reference, for each policy."""
    same: dict[str, bool] = {}
    day = DAY // MINUTE
    for number in range(SLICES):
        first = (len(trace) - SLICE_JOBS) * (number + 1) // SLICES
        jobs = [
            replace(job, submit=job.submit // MINUTE, run=min(day, -(-job.run // MINUTE)))
            for job in list(trace)[max(0, first) : first + SLICE_JOBS]
        ]
        part = Trace.of(jobs)
        seconds = max(day, part.submits[-1] - part.submits[0])
        demand = sum(job.run * job.instances for job in part) // seconds
        limit = max(demand, len(part.share_names), *(job.instances for job in part))
        for name, policy in policies(part, limit, day).items():
            capacity = {UNIT: limit} if isinstance(policy, QuotaManagement) else limit
            found, expected = (model(policy, part.jobs, capacity, Strategies()) for model in (simulate, reference))
            same[name] = same.get(name, True) and found == expected
    return same


def check(path: Path, capacity: int) -> bool:
    """Print the result of each check. Return True if all are right."""
    read = read_trace(path, unit="gpus", skip_bad_rows=True)
    trace = merge_shares(read)
    print(f"{path.name}: {len(trace):,} jobs of {len(trace.share_names)} shares on {capacity:,} GPUs")
    print(*read.advice, sep="\n")
    shifted = Trace.of(replace(job, submit=job.submit + SHIFT) for job in trace)
    added = [replace(job, instances=capacity + 1, name="large") for job in trace[:: max(1, len(trace) // 1000)]]
    rows = [("partitions equal a queue for each share", "quotas", check_partitions(trace, capacity), "")]
    for name, policy in policies(trace, capacity, DAY).items():
        rehearsal = run(policy, trace, capacity)
        expected = schedule(rehearsal)
        right, sums = check_use(rehearsal)
        waits = f"mean wait {rehearsal.total.wait.mean / 3600:.2f} h, {rehearsal.total.preemptions:,} preemptions"
        rows.append(("use = work + lost work + stopping", name, right, f"{sums}; {waits}"))
        later = schedule(run(policy, shifted, capacity), shift=-SHIFT)
        rows.append(("the same schedule if all times shift", name, later == expected, ""))
        with_large = schedule(run(policy, Trace.of([*trace, *added]), capacity), prefix="job")
        note = f"{len(added):,} jobs added"
        rows.append(("the same schedule with jobs that can never run", name, with_large == expected, note))
    note = f"{SLICES} slices of {SLICE_JOBS} jobs"
    rows += [("slices equal the reference", name, same, note) for name, same in check_slices(trace).items()]
    for text, group in groupby(sorted(rows), key=lambda row: row[0]):
        print(text)
        for _, name, right, note in group:
            print(f"  {'yes' if right else 'NO':<4}{name:<11} {note}".rstrip())
    return all(right for _, _, right, _ in rows)


def main() -> int:
    """Convert or check a trace. The exit code is 1 if a check fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    converter = commands.add_parser("convert", help="write a public trace as a trace of Fairlane")
    converter.add_argument("format", choices=FORMATS)
    converter.add_argument("file", type=Path)
    converter.add_argument("output", type=Path)
    checker = commands.add_parser("check", help="check rehearsals on a trace")
    checker.add_argument("trace", type=Path)
    checker.add_argument("--capacity", type=int, required=True, metavar="GPUS")
    chosen = parser.parse_args()
    if chosen.command == "check":
        return int(not check(chosen.trace, chosen.capacity))
    written, others = convert(FORMATS[chosen.format](chosen.file), chosen.output)
    print(f"{written:,} jobs: {chosen.output}; jobs without GPUs, left out: {others:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
