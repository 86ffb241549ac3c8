"""Queue and jobs of the commands that rehearse."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlane.rehearsal import QueueSetup
    from fairlane.scheduler.job import Trace


def add_skip_bad_rows(parser: argparse.ArgumentParser) -> None:
    """Add the option to leave out bad rows of a trace."""
    text = "leave out rows of the trace that have mistakes, and count them by kind"
    parser.add_argument("--skip-bad-rows", action="store_true", help=text)


def read_queue_with_jobs(arguments: argparse.Namespace) -> tuple["QueueSetup", "Trace", list[str]]:
    """Read a queue and its jobs, and return them with the advice about both.

    Args:
        arguments: Options `environment`, `queue`, `trace` and `skip_bad_rows`.

    Raises:
        ConfigurationError: If one of the files has mistakes, or if they do not fit together.
    """
    from fairlane.rehearsal import read_queue, read_trace
    from fairlane.rehearsal.several_queues import sharing_advice

    queue = read_queue(arguments.environment, arguments.queue)
    trace = read_trace(
        arguments.trace,
        unit=queue.unit,
        gpus_per_instance=queue.gpus_per_instance,
        policy=queue.policy,
        skip_bad_rows=arguments.skip_bad_rows,
    )
    return queue, trace, [*trace.advice, *sharing_advice(arguments.queue, {arguments.queue: queue})]
