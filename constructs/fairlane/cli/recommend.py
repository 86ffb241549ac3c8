"""Command `fairlane recommend`: a search for the settings of a queue's policy, by rehearsals."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlane.cli.progress import show_progress
from fairlane.cli.queue_with_jobs import add_skip_bad_rows, read_queue_with_jobs
from fairlane.cli.rehearse_output import write_rehearsal
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fairlane.rehearsal.recommend import Constraint

_OPTIONS: Final = ("objective", "hold_out", "bootstrap", "seconds", "trials", "seed")
_MISSING: Final = 'fairlane recommend needs the extras report and sweeps: run pip install "fairlane[report,sweeps]"'


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "search the weights or quotas of a queue for the shortest waits, and say how much better they are"
    parser = commands.add_parser("recommend", help=text, description=text)
    parser.add_argument("environment", type=Path, metavar="ENVIRONMENT", help="environment file")
    parser.add_argument("--queue", required=True, metavar="NAME", help="queue of the environment file")
    text = "trace of jobs as CSV, JSON Lines or Parquet; docs/rehearsal.md lists the columns"
    parser.add_argument("--trace", required=True, type=Path, metavar="FILE", help=text)
    text = "measure to make as low as possible: worst-p95, mean-wait, slowdown or lost-gpu-hours (default: %(default)s)"
    parser.add_argument("--objective", default="worst-p95", metavar="MEASURE", help=text)
    text = "limit on the waits of a share, for example prod.p95<2h with mean, p50, p95 or max; can be repeated"
    parser.add_argument("--where", action="append", default=[], metavar="SHARE.STATISTIC<TIME", help=text)
    text = "smallest quota of a share for each of its instance types; can be repeated"
    parser.add_argument("--keep", action="append", default=[], metavar="SHARE=MIN", help=text)
    text = "part of the time of the trace that the search does not see, above 0 and below 1 (default: %(default)s)"
    parser.add_argument("--hold-out", type=float, default=0.5, metavar="PART", help=text)
    text = "number of resampled traces, 0 to 1000 (default: %(default)s)"
    parser.add_argument("--bootstrap", type=int, default=50, metavar="NUMBER", help=text)
    text = "seconds of the search (default: %(default)s)"
    parser.add_argument("--seconds", type=float, default=60.0, metavar="NUMBER", help=text)
    text = "maximum number of policies, 1 or more; with enough seconds, the same seed then finds the same policy"
    parser.add_argument("--trials", type=int, metavar="NUMBER", help=text)
    text = "seed of the search and of the resampling, 0 to 4294967295 (default: %(default)s)"
    parser.add_argument("--seed", type=int, default=0, metavar="NUMBER", help=text)
    add_skip_bad_rows(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write an HTML report with the frontier")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        return _recommend(arguments)
    except ImportError as error:
        print(f"{_MISSING} ({error.name or 'optuna'} is missing)", file=sys.stderr)
        return 1


def _recommend(arguments: argparse.Namespace) -> int:
    from rich.console import Group
    from rich.text import Text

    from fairlane.rehearsal.recommend import recommend
    from fairlane.rehearsal.recommend.checks import recommendation_problems
    from fairlane.rehearsal.recommend.report import (
        COLUMNS,
        FRONTIER_COLUMNS,
        FRONTIER_HEADING,
        answer,
        frontier_rows,
        render_page,
        rows,
        to_json,
        to_yaml,
    )
    from fairlane.rehearsal.report.table import text_table

    constraints, keep, problems = _limits(arguments.where, arguments.keep)
    queue, trace, advice = read_queue_with_jobs(arguments)
    options: dict[str, Any] = {name: getattr(arguments, name) for name in _OPTIONS}
    options |= {"capacity": queue.capacity, "constraints": constraints, "keep": keep}
    problems += map(_as_option, recommendation_problems(queue.policy, trace, **options))
    if problems:
        raise ConfigurationError("fairlane recommend", problems)
    with show_progress() as show:
        found = recommend(queue.policy, trace, **options, largest_instance=queue.largest_instance, progress=show)
    gpus = 1 if queue.unit == "gpus" else queue.gpus_per_instance or 1
    notes: list[RenderableType] = [answer(found, gpus=gpus)]
    if queue.unit == "instances" and queue.gpus_per_instance is None:
        notes.append("the GPUs of an instance are unknown or differ: lost GPU-hours are instance-hours")
    if found.is_better:
        notes += ["", Group(Text(to_yaml(found.found.policy), no_wrap=True, overflow="ignore"))]
    if frontier := [*frontier_rows(found, gpus=gpus)]:
        notes += [f"{FRONTIER_HEADING}:"]
        notes += [text_table(FRONTIER_COLUMNS, frontier, left=(0, 2))]
    notes += advice
    title = f"{arguments.queue} with {arguments.trace}"
    write_rehearsal(
        arguments,
        text_table(COLUMNS, [*rows(found, gpus=gpus)], left=(0, 5)),
        notes,
        to_json(found, gpus=gpus),
        lambda: render_page(found, title=title, gpus=gpus),
    )
    return 0


def _limits(where: list[str], keep: list[str]) -> tuple[list["Constraint"], dict[str, int], list[Problem]]:
    """Return the limits on waits, the smallest quotas, and the problems of their texts."""
    from fairlane.rehearsal.recommend import Constraint

    problems: list[Problem] = []
    constraints, least = [], {}
    for text in where:
        try:
            constraints.append(Constraint.parse(text))
        except ConfigurationError as error:
            problems += [problem.within("--where") for problem in error.problems]
    for text in keep:
        name, _, number = text.rpartition("=")
        if not name or not number.isdecimal():
            problems.append(Problem(("--keep",), text, "SHARE=MIN with a number of instances, for example prod=8"))
        else:
            least[name] = int(number)
    return constraints, least, problems


def _as_option(problem: Problem) -> Problem:
    """Return a problem of an argument of `recommend` with the name of its option."""
    name, *rest = problem.field
    option = {"constraints": "--where", **{name: f"--{name.replace('_', '-')}" for name in (*_OPTIONS, "keep")}}
    return replace(problem, field=(option.get(str(name), name), *rest))
