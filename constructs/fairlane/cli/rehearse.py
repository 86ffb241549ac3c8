"""Command `fairlane rehearse`: simulation of a queue or a HyperPod cluster with a trace of jobs."""

import argparse
import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlane._internal.checks import check_whole_number
from fairlane.cli.queue_with_jobs import add_skip_bad_rows
from fairlane.cli.rehearse_bootstrap import bootstrap_json, bootstrap_lines
from fairlane.cli.rehearse_output import progress_bars, write_rehearsal
from fairlane.cli.rehearse_sensitivity import sensitivity_lines
from fairlane.cli.strategies import read_strategies
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fairlane.rehearsal import CapacityChange, Ec2Instances, QueueSetup, Rehearsal, Strategies, Trace

_MISSING: Final = 'fairlane rehearse needs the extra report: run pip install "fairlane[report]"'


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "simulate a queue or a HyperPod cluster with a trace of jobs: waiting times, use, preemptions and lost work"
    parser = commands.add_parser("rehearse", help=text, description=text)
    parser.add_argument("environment", type=Path, metavar="ENVIRONMENT", help="environment file")
    subject = parser.add_mutually_exclusive_group(required=True)
    text = (
        "queue of the environment file; repeat it for queues that share environments, with a column queue in the trace"
    )
    subject.add_argument("--queue", action="append", metavar="NAME", help=text)
    subject.add_argument("--cluster", metavar="NAME", help="HyperPod cluster of the environment file")
    text = "trace of jobs as CSV, JSON Lines or Parquet; docs/rehearsal.md lists the columns"
    parser.add_argument("--trace", required=True, type=Path, metavar="FILE", help=text)
    text = (
        "queue: compare with fifo or fair-share; cluster: compare with static, in which elastic jobs keep one "
        "size; both: compare with the queue or cluster of this name in another environment file; can be repeated"
    )
    parser.add_argument("--against", action="append", default=[], metavar="POLICY_OR_FILE", help=text)
    text = "seconds from the decision to preempt a job until its capacity is free (default: 20)"
    parser.add_argument("--stop-seconds", type=int, metavar="NUMBER", help=text)
    text = "queue: changes of the capacity as CSV, JSON Lines or Parquet; docs/rehearsal.md lists the columns"
    parser.add_argument("--capacity", type=Path, metavar="FILE", help=text)
    text = "queue: seed of the failures of jobs with the column fails, 0 or more (default: 0)"
    parser.add_argument("--seed", type=int, metavar="NUMBER", help=text)
    text = "queue: choice for behavior that AWS does not document, for example head_of_line=skip; can be repeated"
    parser.add_argument("--strategy", action="append", default=[], metavar="NAME=VALUE", help=text)
    text = "queue: rehearse with each other choice too, one at a time, and print the range of each number"
    parser.add_argument("--sensitivity", action="store_true", help=text)
    text = "queue: rehearse this number of traces whose weeks or days are drawn from the trace, and print ranges"
    parser.add_argument("--bootstrap", type=int, metavar="NUMBER", help=text)
    text = "containers: seconds until the instances of a job have started (default: 0)"
    parser.add_argument("--start-up-seconds", type=int, metavar="NUMBER", help=text)
    text = "containers: mean number of reclaims of a Spot instance per hour (default: 0)"
    parser.add_argument("--reclaims-per-hour", type=float, metavar="NUMBER", help=text)
    text = "containers: maximum number of runs of a job whose instances are reclaimed, 1 to 10 (default: 1)"
    parser.add_argument("--attempts", type=int, metavar="NUMBER", help=text)
    text = "cluster: hours from the first submission to the end (default: until all jobs have finished)"
    parser.add_argument("--hours", type=float, metavar="NUMBER", help=text)
    add_skip_bad_rows(parser)
    text = "queue: show each share, not only the ten with the most work and all others together"
    parser.add_argument("--all-shares", action="store_true", default=None, help=text)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write an HTML report with charts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.set_defaults(run=_rehearse)


def _rehearse(arguments: argparse.Namespace) -> int:
    from fairlane.cli.rehearse_cluster import rehearse_hyperpod

    try:
        return _rehearse_queue(arguments) if arguments.cluster is None else rehearse_hyperpod(arguments)
    except ModuleNotFoundError as error:
        print(f"{_MISSING} ({error.name} is missing)", file=sys.stderr)
        return 1


def _rehearse_queue(arguments: argparse.Namespace) -> int:
    from fairlane.rehearsal import (
        comparison_table,
        describe_answer,
        describe_strategies,
        describe_use,
        read_queues,
        read_trace,
        render_report,
        summarize,
    )
    from fairlane.rehearsal.recommend.chance import measure_chance
    from fairlane.rehearsal.sensitivity import measure_sensitivity

    names: list[str] = arguments.queue
    _check(arguments)
    strategies = read_strategies(arguments.strategy, arguments.stop_seconds)
    queues = read_queues(arguments.environment, names)
    queue = queues[names[0]]
    sizes = {setup.gpus_per_instance for setup in queues.values()}
    trace = read_trace(
        arguments.trace,
        unit=queue.unit,
        gpus_per_instance=sizes.pop() if len(sizes) == 1 else None,
        queues={name: setup.policy for name, setup in queues.items()},
        skip_bad_rows=arguments.skip_bad_rows,
    )
    compared = {"": queues}
    for alternative in arguments.against:
        compared[f"with {alternative}"] = _alternative(alternative, queues, trace)
    ec2_instances = _ec2_instances(arguments, queue)
    rehearse_with = _rehearser(arguments, compared, trace, strategies, ec2_instances)
    groups = {name: [_label(name, label, names) for label in compared] for name in names}
    with progress_bars(len(trace)) as progress_bar:
        found = {}
        for label in compared:
            found[label] = rehearse_with(label, progress=progress_bar(label or " and ".join(names)))
            gc.collect()  # the parts of an engine refer to each other, and hold columns of all jobs
        rehearsals = {_label(name, label, names): found[label][name] for name in names for label in compared}
        sensitivity = chance = None
        if arguments.sensitivity:
            sensitivity = measure_sensitivity(
                rehearsals, lambda name, other: rehearse_with(name, strategies=other)[names[0]]
            )
        if arguments.bootstrap is not None:
            chance = measure_chance(
                rehearsals,
                lambda name, jobs: rehearse_with(name, trace=jobs)[names[0]],
                trace,
                number=arguments.bootstrap,
            )
    summary = summarize(rehearsals, gpus=_gpus([setup for setups in compared.values() for setup in setups.values()]))
    if queue.unit == "gpus" and ec2_instances is None:
        for numbers in summary["rehearsals"].values():
            numbers["advice"].append(
                "instances start at once and are never reclaimed: set --start-up-seconds and --reclaims-per-hour"
            )
    notes: list[RenderableType] = [describe_answer(summary, groups)]
    for name, numbers in summary["rehearsals"].items():
        notes.append(f"{name}: {numbers['policy']}; {describe_strategies(numbers)}")
        own = [text for text in numbers["advice"] if text not in trace.advice]
        notes += [f"  - {text}" for text in (describe_use(numbers), *own)]
    notes += trace.advice
    numbers_to_write: dict[str, object] = {**summary}
    unit = 1 if queue.unit == "gpus" else queue.gpus_per_instance
    if sensitivity is not None:
        notes += sensitivity_lines(sensitivity, unit)
        numbers_to_write["sensitivity"] = sensitivity.as_json(unit)
    if chance is not None:
        notes += bootstrap_lines(chance, unit)
        numbers_to_write["bootstrap"] = bootstrap_json(chance, unit)
    title = f"{' and '.join(names)} with {arguments.trace}"
    all_shares = bool(arguments.all_shares)
    write_rehearsal(
        arguments,
        comparison_table(summary, all_shares=all_shares),
        notes,
        numbers_to_write,
        lambda: render_report(
            rehearsals,
            summary,
            title=title,
            all_shares=all_shares,
            groups=groups,
            sensitivity=sensitivity,
            gpus=unit,
        ),
    )
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Check options that do not depend on the files."""
    from fairlane.rehearsal.recommend.resampling import MAX_TRACES

    problems = []
    if arguments.hours is not None:
        problems.append(Problem.relation(("--hours",), "the option applies to clusters only: remove it"))
    if arguments.bootstrap is not None:
        problems += check_whole_number(("--bootstrap",), arguments.bootstrap, 1, MAX_TRACES)
    if arguments.seed is not None:
        problems += check_whole_number(("--seed",), arguments.seed, 0)
    if arguments.bootstrap is not None and arguments.capacity:
        sentence = "resampled jobs come at other times than the changes of --capacity: remove one of the options"
        problems.append(Problem.relation(("--bootstrap",), sentence))
    if len(arguments.queue) > 1:
        options = [name for name in ("sensitivity", "bootstrap") if getattr(arguments, name)]
        sentence = "the option applies to one queue only: remove it"
        problems += [Problem.relation((f"--{name}",), sentence) for name in options]
    if problems:
        raise ConfigurationError(" and ".join(arguments.queue), problems)


def _label(name: str, label: str, names: Sequence[str]) -> str:
    """Return the name of the rehearsal of a queue: of the queue itself, or of its comparison."""
    return f"{name} {label}" if label and len(names) > 1 else label or name


def _alternative(alternative: str, queues: Mapping[str, "QueueSetup"], trace: "Trace") -> dict[str, "QueueSetup"]:
    """Return the queues that the queues are compared with."""
    from fairlane.rehearsal import build_comparison_queue, read_queues
    from fairlane.rehearsal.queue_setup import POLICIES

    others = {name: build_comparison_queue(alternative, name, setup, trace) for name, setup in queues.items()}
    return others if alternative in POLICIES else read_queues(alternative, list(others))


def _rehearser(
    arguments: argparse.Namespace,
    compared: Mapping[str, Mapping[str, "QueueSetup"]],
    trace: "Trace",
    strategies: "Strategies",
    ec2_instances: "Ec2Instances | None",
) -> Callable[..., Mapping[str, "Rehearsal"]]:
    """Return a function that rehearses the queues of a label of `compared`, with other options if they are given."""
    from fairlane.rehearsal import read_capacity, rehearse_queues

    changes: Mapping[bool, Sequence[CapacityChange]] = {True: (), False: ()}
    if arguments.capacity is not None:
        read = read_capacity(arguments.capacity, next(iter(compared[""].values())).capacity)
        changes = {True: read, False: [replace(change, instance_type="") for change in read]}

    def rehearse_with(label: str, **options: Any) -> Mapping[str, "Rehearsal"]:
        label = label if label in compared else ""
        typed = all(isinstance(setup.capacity, Mapping) for setup in compared[label].values())
        settings: dict[str, Any] = {"trace": trace, "strategies": strategies, **options}
        return rehearse_queues(
            compared[label],
            **settings,
            ec2_instances=ec2_instances,
            capacity_changes=changes[typed],
            seed=arguments.seed or 0,
        )

    return rehearse_with


def _gpus(setups: Sequence["QueueSetup"]) -> dict[str, int]:
    """Return the GPUs of an instance by its type. Without types, they are unknown if they differ between queues."""
    gpus = {unit: number for setup in reversed(setups) for unit, number in setup.gpus.items()}
    if len({setup.gpus.get("") for setup in setups if len(setup.environments) == 1}) > 1:
        gpus.pop("", None)
    return gpus


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
        raise ConfigurationError(arguments.queue[0], problems)
    if settings.get("reclaims_per_hour"):
        if queue.gpus_per_instance is None:
            sentence = "the option needs instances that have the same known number of GPUs: remove it"
            raise ConfigurationError(arguments.queue[0], [Problem.relation(("--reclaims-per-hour",), sentence)])
        settings["reclaims_per_hour"] /= queue.gpus_per_instance
    return Ec2Instances(**settings)
