"""Command `fairlane rehearse --cluster`: simulation of a HyperPod cluster with a trace of jobs."""

import argparse
from typing import Final

from fairlane.cli.rehearse_output import progress_bars, write_rehearsal
from fairlane.errors import ConfigurationError, Problem

_QUEUE_OPTIONS: Final = ("start_up_seconds", "reclaims_per_hour", "attempts", "all_shares", "capacity", "seed")
_STOP_SECONDS: Final = 20


def rehearse_hyperpod(arguments: argparse.Namespace) -> int:
    """Rehearse the HyperPod cluster that the options name.

    Raises:
        ConfigurationError: If the environment file or the trace has mistakes, or if an option is one of queues.
    """
    from fairlane.rehearsal.hyperpod import (
        TABLE_UNITS,
        build_comparison_cluster,
        cluster_table,
        describe_cluster_use,
        read_cluster,
        read_cluster_trace,
        rehearse_cluster,
        render_cluster_report,
        summarize_clusters,
    )

    sentence = "the option applies to queues only: remove it"
    problems = [
        Problem.relation((f"--{name.replace('_', '-')}",), sentence)
        for name in _QUEUE_OPTIONS
        if getattr(arguments, name) is not None
    ]
    problems += [
        Problem.relation((f"--{name}",), sentence)
        for name in ("strategy", "sensitivity", "bootstrap")
        if getattr(arguments, name)
    ]
    if problems:
        raise ConfigurationError(arguments.cluster, problems)
    setup = read_cluster(arguments.environment, arguments.cluster)
    trace = read_cluster_trace(arguments.trace, setup, skip_bad_rows=arguments.skip_bad_rows)
    compared = {arguments.cluster: (setup, trace)}
    for alternative in arguments.against:
        compared[f"with {alternative}"] = build_comparison_cluster(alternative, arguments.cluster, setup, trace)
    rehearsals = {}
    with progress_bars(len(trace.jobs)) as progress_bar:
        for name, (cluster, jobs) in compared.items():
            rehearsals[name] = rehearse_cluster(
                cluster,
                jobs,
                stop_seconds=_STOP_SECONDS if arguments.stop_seconds is None else arguments.stop_seconds,
                hours=arguments.hours,
                progress=progress_bar(name),
            )
    summary = summarize_clusters(rehearsals)
    notes = [TABLE_UNITS]
    for name, numbers in summary["rehearsals"].items():
        notes.append(f"{name}: {describe_cluster_use(numbers)}")
        notes += [f"  - {text}" for text in numbers["advice"]]
    title = f"{arguments.cluster} with {arguments.trace}"
    write_rehearsal(
        arguments,
        cluster_table(summary),
        notes,
        summary,
        lambda: render_cluster_report(rehearsals, summary, title=title),
    )
    return 0
