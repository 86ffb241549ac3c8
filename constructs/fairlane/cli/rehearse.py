"""Command `fairlane rehearse`: simulation of a queue or a HyperPod cluster with a trace of jobs."""

import argparse
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlane._internal.checks import check_whole_number
from fairlane.cli.rehearse_bootstrap import bootstrap_json, bootstrap_lines
from fairlane.cli.rehearse_output import progress_bars, write_rehearsal
from fairlane.cli.rehearse_sensitivity import sensitivity_lines
from fairlane.cli.strategies import read_strategies
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fairlane.rehearsal import Ec2Instances, QueueSetup, Rehearsal, Strategies, Trace

_MISSING: Final = 'fairlane rehearse needs the extra report: run pip install "fairlane[report]"'


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "simulate a queue or a HyperPod cluster with a trace of jobs: waiting times, use, preemptions and lost work"
    parser = commands.add_parser("rehearse", help=text, description=text)
    parser.add_argument("environment", type=Path, metavar="ENVIRONMENT", help="environment file")
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("--queue", metavar="NAME", help="queue of the environment file")
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
    text = "leave out rows of the trace that have mistakes, and count them by kind"
    parser.add_argument("--skip-bad-rows", action="store_true", help=text)
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
        build_comparison_queue,
        comparison_table,
        describe_answer,
        describe_strategies,
        describe_use,
        read_queue,
        read_trace,
        rehearse,
        render_report,
        summarize,
    )
    from fairlane.rehearsal.recommend.chance import measure_chance
    from fairlane.rehearsal.recommend.resampling import MAX_TRACES
    from fairlane.rehearsal.sensitivity import measure_sensitivity

    if arguments.hours is not None:
        sentence = "the option applies to clusters only: remove it"
        raise ConfigurationError(arguments.queue, [Problem.relation(("--hours",), sentence)])
    if arguments.bootstrap is not None and (
        problems := list(check_whole_number(("--bootstrap",), arguments.bootstrap, 1, MAX_TRACES))
    ):
        raise ConfigurationError(arguments.queue, problems)
    strategies = read_strategies(arguments.strategy, arguments.stop_seconds)
    queue = read_queue(arguments.environment, arguments.queue)
    trace = read_trace(
        arguments.trace,
        unit=queue.unit,
        gpus_per_instance=queue.gpus_per_instance,
        policy=queue.policy,
        skip_bad_rows=arguments.skip_bad_rows,
    )
    compared = {arguments.queue: queue}
    for alternative in arguments.against:
        compared[f"with {alternative}"] = build_comparison_queue(alternative, arguments.queue, queue, trace)
    ec2_instances = _ec2_instances(arguments, queue)
    with progress_bars(len(trace)) as progress_bar:

        def rehearse_with(name: str, strategies: "Strategies", jobs: "Trace" = trace) -> "Rehearsal":
            return rehearse(
                compared[name].policy,
                jobs,
                capacity=compared[name].capacity,
                strategies=strategies,
                ec2_instances=ec2_instances,
                time_limit_actions=compared[name].time_limit_actions,
                progress=progress_bar(name) if jobs is trace else None,
            )

        rehearsals = {}
        for name in compared:
            rehearsals[name] = rehearse_with(name, strategies)
            gc.collect()  # the parts of an engine refer to each other, and hold columns of all jobs
        sensitivity = measure_sensitivity(rehearsals, rehearse_with) if arguments.sensitivity else None
        chance = None
        if arguments.bootstrap is not None:
            chance = measure_chance(
                rehearsals, lambda name, jobs: rehearse_with(name, strategies, jobs), trace, number=arguments.bootstrap
            )
    gpus = {unit: number for setup in reversed(compared.values()) for unit, number in setup.gpus.items()}
    summary = summarize(rehearsals, gpus=gpus)
    if queue.unit == "gpus" and ec2_instances is None:
        for numbers in summary["rehearsals"].values():
            numbers["advice"].append(
                "instances start at once and are never reclaimed: set --start-up-seconds and --reclaims-per-hour"
            )
    notes: list[RenderableType] = [describe_answer(summary)]
    for name, numbers in summary["rehearsals"].items():
        notes.append(f"{name}: {numbers['policy']}; {describe_strategies(numbers)}")
        own = [text for text in numbers["advice"] if text not in trace.advice]
        notes += [f"  - {text}" for text in (describe_use(numbers), *own)]
    notes += trace.advice
    numbers_to_write: dict[str, object] = {**summary}
    unit = 1 if queue.unit == "gpus" else queue.gpus_per_instance
    if sensitivity is not None:
        notes += sensitivity_lines(sensitivity, unit)
        numbers_to_write["sensitivity"] = sensitivity.as_json()
    if chance is not None:
        notes += bootstrap_lines(chance, unit)
        numbers_to_write["bootstrap"] = bootstrap_json(chance, unit)
    title = f"{arguments.queue} with {arguments.trace}"
    write_rehearsal(
        arguments,
        comparison_table(summary, all_shares=bool(arguments.all_shares)),
        notes,
        numbers_to_write,
        lambda: render_report(rehearsals, summary, title=title, all_shares=bool(arguments.all_shares)),
    )
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
