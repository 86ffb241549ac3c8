"""`fairlane local jobs`, `history`, `capacity-shortage` and `notifications`: jobs and messages of the local AWS."""

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from fairlane.cli.local_clock import AddCommand

_INSTANCE_TYPE: Final = re.compile(r"(ml\.)?[a-z0-9-]+\.[a-z0-9-]+")
_FILE_WIDTH: Final = 140  # columns of a table that is not printed to a terminal


def add_to(add: AddCommand) -> None:
    """Add the commands."""
    parser = add("jobs", _jobs, "list the newest jobs of a queue, with the reasons why they wait")
    parser.add_argument("queue", metavar="QUEUE", help="name or ARN of the queue")

    text = "write the jobs of a queue that ended as a trace for fairlane rehearse"
    parser = add("history", _history, text)
    parser.add_argument("queue", metavar="QUEUE", help="name or ARN of the queue")
    text = "CSV file to write (default: %(default)s)"
    parser.add_argument("--output", type=Path, default=Path("jobs.csv"), metavar="FILE", help=text)
    text = "vCPUs per GPU of the instances; required for container jobs, because AWS counts their vCPUs"
    parser.add_argument("--vcpus-per-gpu", type=int, metavar="NUMBER", help=text)

    text = "start or end a time without free instances of a type"
    parser = add("capacity-shortage", _capacity_shortage, text)
    parser.add_argument(
        "instance_type", type=_instance_type, metavar="TYPE", help="instance type, for example ml.p4d.24xlarge"
    )
    parser.add_argument("--end", action="store_true", help="end the shortage")

    add("notifications", _notifications, "list the messages to SNS topics, for example of alarms, oldest first")


def _jobs(arguments: argparse.Namespace) -> int:
    from fairlane_local.console.tables import jobs_table
    from fairlane_local.server.background import control

    response = control(arguments.port, "jobs", queue=arguments.queue)
    jobs, total = response["jobs"], response["total"]
    if not jobs:
        print(f"The queue {arguments.queue} has no jobs.")
        return 0
    _print(jobs_table(jobs, title=f"Jobs of {arguments.queue}"))
    if total > len(jobs):
        print(f"Older jobs that are not listed: {total - len(jobs)}")
    return 0


def _history(arguments: argparse.Namespace) -> int:
    from fairlane.rehearsal import write_trace
    from fairlane.rehearsal.traces.history import trace_of_list
    from fairlane_local.server.background import control

    jobs = control(arguments.port, "history", queue=arguments.queue)
    trace = trace_of_list(jobs, subject=arguments.queue, vcpus_per_gpu=arguments.vcpus_per_gpu)
    write_trace(trace, arguments.output, unit="gpus" if arguments.vcpus_per_gpu else "instances")
    for text in trace.advice:
        print(text, file=sys.stderr)
    print(f"Wrote {len(trace)} jobs: {arguments.output}")
    return 0


def _capacity_shortage(arguments: argparse.Namespace) -> int:
    from fairlane_local.server.background import control

    name = arguments.instance_type
    response = control(arguments.port, "capacity-shortage", instance_type=name, end=arguments.end)
    print(f"The capacity shortage of {name} has {'ended' if arguments.end else 'started'}.")
    if response["shortages"]:
        print(f"Shortages: {', '.join(response['shortages'])}")
    return 0


def _notifications(arguments: argparse.Namespace) -> int:
    from fairlane_local.console.tables import notifications_table
    from fairlane_local.server.background import control

    messages = control(arguments.port, "notifications")["notifications"]
    if messages:
        _print(notifications_table(messages, title="Messages to SNS topics"))
    else:
        print("No message was sent to an SNS topic.")
    return 0


def _print(table: object) -> None:
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else _FILE_WIDTH).print(table)


def _instance_type(text: str) -> str:
    if _INSTANCE_TYPE.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"got {text!r}, allowed: an instance type such as ml.p4d.24xlarge")
