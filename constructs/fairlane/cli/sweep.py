"""Command `fairlane sweep`: sweeps on a live AWS account, or on a local AWS."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlane._internal.output_files import open_output
from fairlane.cli import answers
from fairlane.errors import ConfigurationError

if TYPE_CHECKING:
    from fairlane_client.sweeps import Sweep


def add_to(commands: Any) -> None:
    """Add the command and its subcommands to the commands of `fairlane`."""
    sweep = commands.add_parser("sweep", help="run one training job with many different parameters")
    verbs = sweep.add_subparsers(required=True, metavar="COMMAND")

    text = "submit the runs of a sweep file; a second call submits what is missing"
    submit = _verb(verbs, "submit", text, _submit)
    submit.add_argument("file", type=Path, metavar="FILE", help="sweep file; docs/sweeps.md lists the keys")
    _of_sweep(verbs, "resume", "run again what has no result and runs no more", _resume)
    text = "show the progress until no run is left; submit further points of a sampler"
    _of_sweep(verbs, "watch", text, _watch)
    top = _of_sweep(verbs, "top", "print the best results", _top)
    text = "number of results (default: %(default)s)"
    top.add_argument("-n", "--number", type=_number, default=10, metavar="NUMBER", help=text)
    _of_sweep(verbs, "stop", "terminate all runs", _stop)
    report = _of_sweep(verbs, "report", "write the results as one HTML page", _report)
    text = "HTML file to write (default: %(default)s)"
    report.add_argument("--output", type=Path, default=Path("sweep.html"), metavar="FILE", help=text)
    vendor = _verb(verbs, "vendor", "copy the package fairlane_run into a directory", _vendor)
    vendor.add_argument("directory", type=Path, metavar="DIR", help="directory of a Dockerfile")


def _verb(verbs: Any, name: str, text: str, function: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.set_defaults(run=lambda arguments: answers.run(lambda: function(arguments)))
    return parser


def _of_sweep(
    verbs: Any, name: str, text: str, function: Callable[[argparse.Namespace, "Sweep"], None]
) -> argparse.ArgumentParser:
    """Add a subcommand on a sweep that was submitted."""

    def run(arguments: argparse.Namespace) -> int:
        from fairlane_client.sweeps import Sweep

        function(arguments, Sweep.open(arguments.store, arguments.sweep))
        return 0

    parser = _verb(verbs, name, text, run)
    parser.add_argument("store", metavar="STORE", help="name of the sweep store")
    parser.add_argument("sweep", metavar="ID", help="id of the sweep")
    return parser


def _submit(arguments: argparse.Namespace) -> int:
    from fairlane_client.sweeps import Sweep
    from fairlane_client.sweeps.sweep_file import SweepFile

    file = SweepFile(arguments.file)
    if file.unused:
        print(f"fairlane: not used: {', '.join(file.unused)}", file=sys.stderr)
    sweep = Sweep(**file.arguments)
    try:
        number = sweep.submit(**file.target)
    except ConfigurationError as error:
        raise file.error(error.problems) from None
    name = f"{file.arguments['store']} {sweep.plan.sweep_id}"
    of = f"{number:,} of {_points(sweep.plan.total)} of {sweep.plan.sweep_id}"
    print(f"Submitted {of}: fairlane sweep watch {name}")
    return 0


def _resume(arguments: argparse.Namespace, sweep: "Sweep") -> None:
    print(f"Submitted {_points(sweep.resume())}")


def _watch(arguments: argparse.Namespace, sweep: "Sweep") -> None:
    failed = sweep.watch().failed
    if failed:
        again = f"fairlane sweep resume {arguments.store} {arguments.sweep}"
        sentence = "the named query failures of the store has the reasons"
        print(f"fairlane: {_points(failed)} without a result: {sentence}; {again} runs them again", file=sys.stderr)


def _top(arguments: argparse.Namespace, sweep: "Sweep") -> None:
    print(sweep.leaderboard(arguments.number))


def _stop(arguments: argparse.Namespace, sweep: "Sweep") -> None:
    sweep.stop()
    name = f"{arguments.store} {arguments.sweep}"
    print(f"Stopped {arguments.sweep}: fairlane sweep resume {name} runs again what has no result")


def _report(arguments: argparse.Namespace, sweep: "Sweep") -> None:
    try:
        from fairlane_client.sweeps.report import render_report
    except ModuleNotFoundError as error:
        raise ImportError(f"the report requires the extra: pip install 'fairlane[report]' ({error.name})") from error
    running = sweep.running() if sweep.plan.stop else ()
    page = render_report(sweep.plan, sweep.leaderboard(), sweep.counts(), running, sweep.progress)
    with open_output(arguments.output) as file:
        file.write(page)
    print(f"Wrote {arguments.output}")


def _vendor(arguments: argparse.Namespace) -> int:
    from fairlane_client.sweeps.vendor import vendor

    print(vendor(arguments.directory))
    return 0


def _points(number: int) -> str:
    return f"{number:,} point{'s' if number != 1 else ''}"


def _number(text: str) -> int:
    if text.isdecimal() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}, allowed: a whole number, 1 or more")
