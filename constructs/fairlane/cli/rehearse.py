"""Command `fairlane rehearse`: simulation of a queue with a trace of jobs."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlane._internal.output_files import open_output
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane.rehearsal import Ec2Instances, QueueSetup

_MISSING: Final = 'fairlane rehearse needs the extra report: run pip install "fairlane[report]"'
_MIN_JOBS_WITH_PROGRESS: Final = 20_000  # fewer jobs take seconds
_FILE_WIDTH: Final = 140  # columns of a table that is not printed to a terminal


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "simulate a queue with a trace of jobs: waiting times, use, preemptions and lost work of each share"
    parser = commands.add_parser("rehearse", help=text, description=text)
    parser.add_argument("environment", type=Path, metavar="ENVIRONMENT", help="environment file")
    parser.add_argument("--queue", required=True, metavar="NAME", help="queue of the environment file")
    text = "trace of jobs as CSV, JSON Lines or Parquet; docs/rehearsal.md lists the columns"
    parser.add_argument("--trace", required=True, type=Path, metavar="FILE", help=text)
    text = "compare with fifo, fair-share, or the queue of this name in another environment file; can be repeated"
    parser.add_argument("--against", action="append", default=[], metavar="POLICY_OR_FILE", help=text)
    text = "seconds from the decision to preempt a job until its capacity is free (default: 20)"
    parser.add_argument("--stop-seconds", type=int, default=20, metavar="NUMBER", help=text)
    text = "containers: seconds until the instances of a job have started (default: 0)"
    parser.add_argument("--start-up-seconds", type=int, metavar="NUMBER", help=text)
    text = "containers: mean number of reclaims of a Spot instance per hour (default: 0)"
    parser.add_argument("--reclaims-per-hour", type=float, metavar="NUMBER", help=text)
    text = "containers: maximum number of runs of a job whose instances are reclaimed, 1 to 10 (default: 1)"
    parser.add_argument("--attempts", type=int, metavar="NUMBER", help=text)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write an HTML report with charts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.set_defaults(run=_rehearse)


def _rehearse(arguments: argparse.Namespace) -> int:
    try:
        from rich.console import Console

        from fairlane.rehearsal import (
            build_comparison_queue,
            comparison_table,
            describe_strategies,
            describe_use,
            read_queue,
            read_trace,
            rehearse,
            render_report,
            summarize,
        )
        from fairlane.scheduler.options import Strategies
    except ModuleNotFoundError as error:
        print(f"{_MISSING} ({error.name} is missing)", file=sys.stderr)
        return 1
    queue = read_queue(arguments.environment, arguments.queue)
    trace = read_trace(arguments.trace, unit=queue.unit, gpus_per_instance=queue.gpus_per_instance)
    compared = {arguments.queue: queue}
    for alternative in arguments.against:
        compared[f"with {alternative}"] = build_comparison_queue(alternative, arguments.queue, queue, trace)
    rehearsals = {}
    ec2_instances = _ec2_instances(arguments, queue)
    with _progress(len(trace)) as progress_bar:
        for name, setup in compared.items():
            strategies = Strategies(stop_seconds=arguments.stop_seconds)
            rehearsals[name] = rehearse(
                setup.policy,
                trace,
                capacity=setup.capacity,
                strategies=strategies,
                ec2_instances=ec2_instances,
                progress=progress_bar(name),
            )
    gpus = {unit: number for setup in reversed(compared.values()) for unit, number in setup.gpus.items()}
    summary = summarize(rehearsals, gpus=gpus)
    if queue.unit == "gpus" and ec2_instances is None:
        for numbers in summary["rehearsals"].values():
            numbers["advice"].append(
                "instances start at once and are never reclaimed: set --start-up-seconds and --reclaims-per-hour"
            )
    console = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH)
    console.print(comparison_table(summary))
    for name, numbers in summary["rehearsals"].items():
        _print_line(console, f"{name}: {numbers['policy']}; {describe_strategies(numbers)}")
        for text in (describe_use(numbers), *numbers["advice"]):
            _print_line(console, f"  - {text}")
    if arguments.json is not None:
        with open_output(arguments.json) as file:
            file.write(json.dumps(summary, indent=2, allow_nan=False) + "\n")
    if arguments.html is not None:
        page = render_report(rehearsals, summary, title=f"{arguments.queue} with {arguments.trace}")
        with open_output(arguments.html) as file:
            file.write(page)
    return 0


def _ec2_instances(arguments: argparse.Namespace, queue: "QueueSetup") -> "Ec2Instances | None":
    """Return the settings of EC2 instances from the options.

    The option has the reclaims of an instance, and `Ec2Instances` the reclaims of a GPU, which the capacity counts.
    """
    from fairlane.rehearsal import Ec2Instances

    names = ("start_up_seconds", "reclaims_per_hour", "attempts")
    settings = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if not settings:
        return None
    if queue.unit != "gpus":
        sentence = "the option applies to queues of containers only, because SageMaker manages its instances: remove it"
        problems = [Problem.relation((f"--{name.replace('_', '-')}",), sentence) for name in settings]
        raise ConfigurationError(arguments.queue, problems)
    if settings.get("reclaims_per_hour"):
        if queue.gpus_per_instance is None:
            sentence = "the option needs instances that have the same known number of GPUs: remove it"
            raise ConfigurationError(arguments.queue, [Problem.relation(("--reclaims-per-hour",), sentence)])
        settings["reclaims_per_hour"] /= queue.gpus_per_instance
    return Ec2Instances(**settings)


def _print_line(console: Any, text: str) -> None:
    console.print(text, markup=False, highlight=False)


@contextmanager
def _progress(jobs: int) -> Iterator[Callable[[str], Callable[[float], None] | None]]:
    """Yield a function that returns the progress bar of a rehearsal by its name.

    There are no progress bars for short rehearsals, or if stderr is not a terminal.
    """
    if jobs < _MIN_JOBS_WITH_PROGRESS or not sys.stderr.isatty():
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
