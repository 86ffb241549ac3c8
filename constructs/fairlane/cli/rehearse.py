"""`fairlane rehearse`: what a queue would do with the jobs of a trace, before it is deployed."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane.rehearsal import Machines, QueueSetup

_LACKING: Final = 'fairlane rehearse needs what pip installs with: pip install "fairlane[report]"'
_LONG: Final = 20_000  # jobs, which take seconds
_WIDTH: Final = 140  # of tables that go into files


def add_to(commands: Any) -> None:
    """Adds the command to those of `fairlane`."""
    text = "runs the jobs of a trace through a model of a queue: who waits, how long, and what is preempted"
    parser = commands.add_parser("rehearse", help=text, description=text)
    parser.add_argument("environment", type=Path, metavar="ENVIRONMENT", help="an environment file")
    parser.add_argument("--queue", required=True, metavar="NAME", help="one of its queues")
    what = "the jobs, as CSV, JSON Lines or Parquet; docs/rehearsal.md has the columns"
    parser.add_argument("--trace", required=True, type=Path, metavar="FILE", help=what)
    what = "fifo, fair-share, or an environment file with a queue of that name, to compare with; may come several times"
    parser.add_argument("--against", action="append", default=[], metavar="WHAT", help=what)
    what = "seconds from the decision to preempt a job until its capacity is free (default: 20)"
    parser.add_argument("--stop-seconds", type=int, default=20, metavar="NUMBER", help=what)
    what = "how long a job of a queue of containers waits until its machines have started (default: 0)"
    parser.add_argument("--start-up-seconds", type=int, metavar="NUMBER", help=what)
    what = "how often EC2 takes back a Spot machine of a queue of containers, on average (default: 0)"
    parser.add_argument("--reclaims-per-hour", type=float, metavar="NUMBER", help=what)
    what = "how often a job is run at most when its machines are taken back, 1 to 10 (default: 1)"
    parser.add_argument("--attempts", type=int, metavar="NUMBER", help=what)
    parser.add_argument("--html", type=Path, metavar="FILE", help="writes a report with charts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the numbers, for programs")
    parser.set_defaults(run=_rehearse)


def _rehearse(arguments: argparse.Namespace) -> int:
    try:
        from rich.console import Console

        from fairlane.rehearsal import (
            comparison_table,
            other_queue,
            read_queue,
            read_trace,
            rehearse,
            render_report,
            strategies_in_words,
            summarize,
            use_in_words,
        )
        from fairlane.scheduler.options import Strategies
    except ModuleNotFoundError as error:
        print(f"{_LACKING} ({error.name} is missing)", file=sys.stderr)
        return 1
    queue = read_queue(arguments.environment, arguments.queue)
    trace = read_trace(arguments.trace, unit=queue.unit, gpus_per_instance=queue.gpus_per_instance)
    compared = {arguments.queue: queue}
    for what in arguments.against:
        compared[f"with {what}"] = other_queue(what, arguments.queue, queue, trace)
    rehearsals = {}
    machines = _machines(arguments, queue)
    with _progress(len(trace)) as shown:
        for name, one in compared.items():
            strategies = Strategies(stop_seconds=arguments.stop_seconds)
            rehearsals[name] = rehearse(
                one.policy,
                trace,
                capacity=one.capacity,
                strategies=strategies,
                machines=machines,
                progress=shown(name),
            )
    gpus = {unit: number for one in reversed(compared.values()) for unit, number in one.gpus.items()}
    summary = summarize(rehearsals, gpus=gpus)
    if queue.unit == "gpus" and machines is None:
        for numbers in summary["rehearsals"].values():
            numbers["advice"].append("machines start at once and none is reclaimed, as no option says otherwise")
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(comparison_table(summary))
    for name, numbers in summary["rehearsals"].items():
        _say(console, f"{name}: {numbers['policy']}; {strategies_in_words(numbers)}")
        for text in (use_in_words(numbers), *numbers["advice"]):
            _say(console, f"  - {text}")
    if arguments.json is not None:
        _write(arguments.json, json.dumps(summary, indent=2, allow_nan=False) + "\n")
    if arguments.html is not None:
        _write(arguments.html, render_report(rehearsals, summary, title=f"{arguments.queue} with {arguments.trace}"))
    return 0


def _machines(arguments: argparse.Namespace, queue: "QueueSetup") -> "Machines | None":
    """The machines that options tell of; a reclaim of one counts in parts for its GPUs, which the capacity counts."""
    from fairlane.rehearsal import Machines

    names = ("start_up_seconds", "reclaims_per_hour", "attempts")
    said = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if not said:
        return None
    if queue.unit != "gpus":
        allowed = "none with a queue of training jobs, as SageMaker brings its own machines"
        problems = [Problem((f"--{name.replace('_', '-')}",), value, allowed) for name, value in said.items()]
        raise ConfigurationError(arguments.queue, problems)
    if said.get("reclaims_per_hour"):
        if queue.gpus_per_instance is None:
            allowed = "none with machines of which the GPUs are not known, or differ"
            raise ConfigurationError(
                arguments.queue, [Problem(("--reclaims-per-hour",), said["reclaims_per_hour"], allowed)]
            )
        said["reclaims_per_hour"] /= queue.gpus_per_instance
    return Machines(**said)


def _say(console: Any, text: str) -> None:
    console.print(text, markup=False, highlight=False)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(str(path), [Problem((), error.strerror, "a file that can be written")]) from error


@contextmanager
def _progress(jobs: int) -> Iterator[Callable[[str], Callable[[float], None] | None]]:
    """Bars of rehearsals by name, where they take long and somebody watches."""
    if jobs < _LONG or not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:

        def bar(name: str) -> Callable[[float], None]:
            task = progress.add_task(escape(name), total=1.0)
            return lambda done: progress.update(task, completed=done)

        yield bar
