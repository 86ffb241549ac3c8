"""Command `fairlane fanout`: manifests of a fan-out on a live AWS account, or on a local AWS."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlane._internal.output_files import open_output
from fairlane.cli import answers
from fairlane.errors import ConfigurationError, Problem
from fairlane_lambda.fan_out.ledger import STATES
from fairlane_lambda.fan_out.names import MANIFEST

if TYPE_CHECKING:
    from fairlane_client.fan_out import FanOut

Verb = Callable[[argparse.Namespace, "FanOut"], int]


def add_to(commands: Any) -> None:
    """Add the command and its subcommands to the commands of `fairlane`."""
    fanout = commands.add_parser("fanout", help="start the training jobs of one manifest in several Regions")
    verbs = fanout.add_subparsers(required=True, metavar="COMMAND")

    for name, text, function in (
        ("check", "plan a manifest and print its problems, placements, copies and costs; start nothing", _check),
        ("start", "start a manifest; lines that have a job are skipped", _start),
    ):
        verb = _verb(verbs, name, text, function)
        file = "manifest, .jsonl or .csv (default: the result of the query of the fan-out)"
        verb.add_argument("file", nargs="?", type=Path, metavar="FILE", help=file)
    status = _of_manifest(verbs, "status", "print where each line runs and why", _status)
    text = "print only lines in this state: %(choices)s"
    status.add_argument("--state", type=_state, choices=STATES, metavar="STATE", help=text)
    _of_manifest(verbs, "watch", "show the progress by Region until no job is left", _watch)
    _of_manifest(verbs, "stop", "submit nothing more and terminate all jobs", _stop)
    resume = _of_manifest(verbs, "resume", "submit what was not submitted", _resume)
    text = "submit further jobs for lines whose jobs failed or were refused"
    resume.add_argument("--retry-failed", action="store_true", help=text)
    report = _of_manifest(verbs, "report", "write jobs, placements and failures as one HTML page", _report)
    text = "HTML file to write (default: %(default)s)"
    report.add_argument("--output", type=Path, default=Path("fan-out.html"), metavar="FILE", help=text)


def _verb(verbs: Any, name: str, text: str, function: Verb) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    text = "name of the fan-out (default: the only one of the account and Region)"
    parser.add_argument("--fan-out", metavar="NAME", help=text)

    def run(arguments: argparse.Namespace) -> int:
        _check_manifest(arguments)
        from fairlane_client.fan_out import FanOut

        return function(arguments, FanOut.open(arguments.fan_out))

    parser.set_defaults(run=lambda arguments: answers.run(lambda: run(arguments)))
    return parser


def _state(text: str) -> str:
    """Return the state of a text in any case. Other texts stay as they are, for the error."""
    return text.upper() if text.upper() in STATES else text


def _of_manifest(verbs: Any, name: str, text: str, function: Verb) -> argparse.ArgumentParser:
    """Add a subcommand on a manifest that was started."""
    parser = _verb(verbs, name, text, function)
    parser.add_argument("manifest", metavar="MANIFEST", help="name of the manifest: its file without the ending")
    return parser


def _check_manifest(arguments: argparse.Namespace) -> None:
    """Check the name or the file of a manifest before the first call to AWS."""
    name, file = getattr(arguments, "manifest", None), getattr(arguments, "file", None)
    if name is not None and MANIFEST.fullmatch(name) is None:
        stem = Path(name).stem.lower()
        hint = f": {stem}" if MANIFEST.fullmatch(stem) else ""
        sentence = f"{name!r} is no name of a manifest: use the name without the ending, in lower case{hint}"
        raise ConfigurationError("manifest", [Problem.relation((), sentence)])
    if file is not None:
        from fairlane_client.fan_out.plan import file_manifest

        file_manifest(file)


def _check(arguments: argparse.Namespace, fan_out: "FanOut") -> int:
    print(fan_out.check(arguments.file))
    return 0


def _start(arguments: argparse.Namespace, fan_out: "FanOut") -> int:
    plan = fan_out.start(arguments.file)
    print(f"{plan}\n\nStarted: {_command('watch', plan.manifest, fan_out)}")
    return 0


def _status(arguments: argparse.Namespace, fan_out: "FanOut") -> int:
    from fairlane_client.text import align

    progress = fan_out.status(arguments.manifest)
    counts = [(name, *map(str, numbers[:-1])) for name, numbers in progress.regions.items()]
    header = ("region", *progress.total._fields[:-1])
    print(f"{progress.manifest}: submission {progress.state.lower()}\n\n{align([header, *counts])}")
    lines = [
        tuple(str(row.get(name) or "") for name in ("id", "region", "queue", "state", "placement", "status_reason"))
        for row in progress.rows
        if arguments.state in (None, row["state"])
    ]
    if lines:
        print(f"\n{align([('line', 'region', 'queue', 'state', 'placement', 'reason'), *lines])}")
    return 0


def _watch(arguments: argparse.Namespace, fan_out: "FanOut") -> int:
    progress = fan_out.watch(arguments.manifest)
    if progress.state != "SUBMITTED":
        print(f"Submission {progress.state.lower()}: {_command('resume', arguments.manifest, fan_out)}")
    return 0


def _stop(arguments: argparse.Namespace, fan_out: "FanOut") -> int:
    from fairlane_client.text import plural

    done = fan_out.stop(arguments.manifest)
    print(f"Stopped {arguments.manifest}: {plural(len(done.jobs), 'job')} terminated")
    for (region, job), error in sorted(done.errors.items()):
        print(f"fairlane: not terminated: {job} in {region}: {error}", file=sys.stderr)
    if done.unanswered:
        lines = plural(done.unanswered, "line")
        print(f"fairlane: the jobs of {lines} are not known yet: stop again in two minutes", file=sys.stderr)
    return 1 if done.errors or done.unanswered else 0


def _resume(arguments: argparse.Namespace, fan_out: "FanOut") -> int:
    from fairlane_client.text import plural

    retried = fan_out.resume(arguments.manifest, retry_failed=arguments.retry_failed)
    further = f", {plural(retried, 'failed line')} again" if arguments.retry_failed else ""
    print(f"Resumed {arguments.manifest}{further}: {_command('watch', arguments.manifest, fan_out)}")
    return 0


def _report(arguments: argparse.Namespace, fan_out: "FanOut") -> int:
    page = fan_out.report(arguments.manifest)
    with open_output(arguments.output) as file:
        file.write(page)
    print(f"Wrote {arguments.output}")
    return 0


def _command(verb: str, manifest: str, fan_out: "FanOut") -> str:
    return f"fairlane fanout {verb} {manifest} --fan-out {fan_out.place.name}"
