"""Command `fairlane trace`: traces of jobs for rehearsals, from job history or generated."""

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlane.cli import answers
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane.rehearsal import Load
    from fairlane.scheduler.job import Trace
    from fairlane_client.queues.archive_records import ArchivedJob


def add_to(commands: Any) -> None:
    """Add the command and its subcommands to the commands of `fairlane`."""
    trace = commands.add_parser("trace", help="create a trace of jobs for fairlane rehearse")
    verbs = trace.add_subparsers(required=True, metavar="COMMAND")

    text = (
        "create a trace of past jobs from the JSON output of aws batch list-service-jobs or list-jobs, or from a job "
        "archive"
    )
    history = verbs.add_parser("history", help=text, description=text)
    history.add_argument("files", nargs="*", type=Path, metavar="FILE", help="JSON file with one or several pages")
    text = "read a job archive instead of files: its folder, or its S3 URI such as s3://BUCKET"
    history.add_argument("--archive", metavar="LOCATION", help=text)
    history.add_argument("--queue", help="queue of the archive (default: all queues)")
    text = "vCPUs per GPU of the instances; required for container jobs, because AWS lists their vCPUs only"
    history.add_argument("--vcpus-per-gpu", type=int, metavar="NUMBER", help=text)
    history.set_defaults(run=lambda arguments: answers.run(partial(_history, arguments)))

    text = "create a random trace; the same arguments create the same trace"
    generate = verbs.add_parser("generate", help=text, description=text)
    generate.add_argument(
        "--seed", type=int, required=True, metavar="NUMBER", help="seed of the random numbers, 0 or more"
    )
    generate.add_argument(
        "--days", type=float, default=7, help="days on which jobs are submitted (default: %(default)s)"
    )
    text = (
        "load of one share, for example prod:jobs_per_day=40,instances=4,run=7200,sweeps_per_day=1; "
        "repeat the option for each share; docs/rehearsal.md lists the keys"
    )
    generate.add_argument(
        "--share", action="append", required=True, type=_share, dest="shares", metavar="NAME:KEY=NUMBER,...", help=text
    )
    generate.set_defaults(run=_generate)

    for parser in (history, generate):
        text = "CSV file to write (default: %(default)s)"
        parser.add_argument("--output", type=Path, default=Path("jobs.csv"), metavar="FILE", help=text)


def _history(arguments: argparse.Namespace) -> int:
    from fairlane.rehearsal import read_history, write_trace

    if problems := list(_source_problems(arguments)):
        raise ConfigurationError("fairlane trace history", problems)
    if arguments.archive is not None:
        trace = _archived(arguments)
    else:
        trace = read_history(arguments.files, vcpus_per_gpu=arguments.vcpus_per_gpu)
    write_trace(trace, arguments.output, unit="gpus" if arguments.vcpus_per_gpu else "instances")
    for text in trace.advice:
        print(text, file=sys.stderr)
    print(f"Wrote {len(trace)} jobs: {arguments.output}")
    return 0


def _source_problems(arguments: argparse.Namespace) -> Iterator[Problem]:
    if arguments.archive is None and not arguments.files:
        yield Problem.relation((), "give FILEs, or --archive with the folder or S3 URI of a job archive")
    if arguments.archive is not None and arguments.files:
        yield Problem.relation(("--archive",), "an archive and FILEs exclude each other: give one of them")
    if arguments.archive is None and arguments.queue is not None:
        yield Problem.relation(("--queue",), "only an archive has queues: add --archive")


def _archived(arguments: argparse.Namespace) -> "Trace":
    from fairlane.rehearsal.traces.history import trace_of_list
    from fairlane_client.queues.archive import read_archive

    jobs = read_archive(arguments.archive, arguments.queue)
    summaries = [_summary(job) for job in jobs]
    subject, vcpus = str(arguments.archive), arguments.vcpus_per_gpu
    return trace_of_list({"jobSummaryList": summaries}, subject=subject, vcpus_per_gpu=vcpus)


def _summary(job: "ArchivedJob") -> dict[str, Any]:
    """Return an archived job as ListServiceJobs lists it."""
    usage = [{"capacityUnit": job.unit, "quantity": job.amount}] if job.amount else []
    return {
        "jobId": job.job_id,
        "jobName": job.job_name,
        "createdAt": job.created_at,
        "startedAt": job.started_at,
        "stoppedAt": job.stopped_at,
        "shareIdentifier": job.share,
        "schedulingPriority": job.priority or 0,
        "capacityUsage": usage,
    }


def _generate(arguments: argparse.Namespace) -> int:
    from fairlane.rehearsal import generate, write_trace

    names = [name for name, _ in arguments.shares]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        sentence = "the share has several loads: use --share once for each share"
        raise ConfigurationError("--share", [Problem.relation((name,), sentence) for name in repeated])
    trace = generate(arguments.seed, days=arguments.days, shares=dict(arguments.shares))
    write_trace(trace, arguments.output)
    print(f"Wrote {len(trace)} jobs: {arguments.output}")
    return 0


def _share(text: str) -> tuple[str, "Load"]:
    """Return the name of a share and its load from the value of `--share`."""
    from fairlane.rehearsal import Load

    name, _, fields = text.rpartition(":")
    load: dict[str, Any] = {}
    for part in fields.split(","):
        key, _, value = part.partition("=")
        if key not in Load.__slots__:
            raise argparse.ArgumentTypeError(f"got {part!r}, allowed: {', '.join(Load.__slots__)}")
        load[key] = value if key == "instance_type" else _number(value)
    if not name or "jobs_per_day" not in load:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, allowed: NAME:jobs_per_day=NUMBER,..., for example prod:jobs_per_day=40,instances=4"
        )
    return name, Load(**load)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: a number") from None
    return int(number) if number.is_integer() else number
