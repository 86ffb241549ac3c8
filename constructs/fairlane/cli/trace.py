"""`fairlane trace`: traces of jobs for rehearsals, out of one's history or made up."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane.rehearsal import Load


def add_to(commands: Any) -> None:
    """Adds the command and its own commands to those of `fairlane`."""
    trace = commands.add_parser("trace", help="traces of jobs, for rehearsals")
    verbs = trace.add_subparsers(required=True, metavar="COMMAND")

    text = "makes a trace of jobs that ran, out of what aws batch list-service-jobs or list-jobs printed as JSON"
    history = verbs.add_parser("history", help=text, description=text)
    history.add_argument("files", nargs="+", type=Path, metavar="FILE", help="of one page or several")
    what = "how many vCPUs the machines have for each GPU; needed for container jobs, as only their vCPUs are listed"
    history.add_argument("--vcpus-per-gpu", type=int, metavar="NUMBER", help=what)
    history.set_defaults(run=_history)

    text = "makes a trace up; the same arguments make the same trace"
    generate = verbs.add_parser("generate", help=text, description=text)
    generate.add_argument("--seed", type=int, required=True, metavar="NUMBER", help="what chance depends on")
    generate.add_argument("--days", type=float, default=7, help="how long jobs are submitted (default: %(default)s)")
    what = (
        "what a share submits, such as prod:jobs_per_day=40,instances=4,run=7200,sweeps_per_day=1; "
        "once for each share; docs/rehearsal.md has all of it"
    )
    generate.add_argument(
        "--share", action="append", required=True, type=_share, dest="shares", metavar="NAME:KEY=NUMBER,...", help=what
    )
    generate.set_defaults(run=_generate)

    for parser in (history, generate):
        where = "where the trace goes, as CSV (default: %(default)s)"
        parser.add_argument("--output", type=Path, default=Path("jobs.csv"), metavar="FILE", help=where)


def _history(arguments: argparse.Namespace) -> int:
    from fairlane.rehearsal import read_history, write_trace

    trace = read_history(arguments.files, vcpus_per_gpu=arguments.vcpus_per_gpu)
    write_trace(trace, arguments.output, unit="gpus" if arguments.vcpus_per_gpu else "instances")
    for text in trace.advice:
        print(text, file=sys.stderr)
    print(f"Wrote {len(trace)} jobs: {arguments.output}")
    return 0


def _generate(arguments: argparse.Namespace) -> int:
    from fairlane.rehearsal import generate, write_trace

    names = [name for name, _ in arguments.shares]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError("--share", [Problem((name,), "two loads", "one for each share") for name in twice])
    trace = generate(arguments.seed, days=arguments.days, shares=dict(arguments.shares))
    write_trace(trace, arguments.output)
    print(f"Wrote {len(trace)} jobs: {arguments.output}")
    return 0


def _share(text: str) -> tuple[str, "Load"]:
    """What `--share` says: the name of a share, and fields of its `Load`."""
    from fairlane.rehearsal import Load

    name, _, said = text.rpartition(":")
    load: dict[str, Any] = {}
    for part in said.split(","):
        key, _, value = part.partition("=")
        if key not in Load.__slots__:
            raise argparse.ArgumentTypeError(f"got {part!r}, allowed: {', '.join(Load.__slots__)}")
        load[key] = value if key == "instance_type" else _number(value)
    if not name or "jobs_per_day" not in load:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: such as prod:jobs_per_day=40,instances=4")
    return name, Load(**load)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: a number") from None
    return int(number) if number.is_integer() else number
