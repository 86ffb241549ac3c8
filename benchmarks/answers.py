"""Answers about live queues, compared with the scheduler of the local AWS.

`explain`: reasons of waiting jobs in random histories, with the number of correct answers and of requests to AWS.

`requests`: requests to AWS of each answer about a fair-share queue, by the number of its waiting training jobs. Eight
jobs run, and 16 have ended. `top` is one refresh.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from random import Random

from fairlane_client.eta import estimate_starts
from fairlane_client.eta.reading import MAX_DESCRIPTIONS
from fairlane_client.explain import explain as explain_job
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import Queue, read_queue
from fairlane_client.text import align
from fairlane_client.top.reading import MAX_REQUESTS, TopReader
from fairlane_client.usage import usage

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.fairlane_client.explain.world import (  # noqa: E402
    KINDS,
    LEAST_CORRECT,
    World,
    measure,
    table,
    world,
)
from tests.fairlane_local.batch.jobs.support import submit  # noqa: E402

HISTORIES = 30
WAITING, RUNNING, ENDED, ELAPSED = (100, 1_000, 10_000), 8, 16, 3_600
QUEUE_REQUESTS = 5


def explain(histories: int) -> bool:
    """Print reasons with their correct answers. Return False if too many answers are wrong."""
    cases = measure(KINDS, range(histories))
    rows, part = table(cases)
    print(f"explain: {len(KINDS) * histories} random histories\n\n{align(rows)}\n")
    print(f"{100 * part:.2f} % of the answers that are not unknown are correct (at least {100 * LEAST_CORRECT:g} %)")
    for kind in KINDS:
        own, _ = table([case for case in cases if case.kind == kind])
        total = dict(zip(own[0], own[-1], strict=True))
        requests = [case.calls for case in cases if case.kind == kind]
        print(
            f"  {kind:<13} {total['correct']} of {total['cases']} correct, {total['wrong']} wrong, "
            f"{total['unknown']} unknown; requests for an answer: {sum(requests) / len(requests):.1f} on average, "
            f"at most {max(requests)}"
        )
    return part >= LEAST_CORRECT


def requests(_: int) -> bool:
    """Print the requests of each answer, and their bounds. Return False if an answer needs more."""
    rows, within = [["waiting jobs", "check", "explain", "eta", "usage", "top"]], True
    for number in WAITING:
        with world() as own:
            name, job = _fill(own, number)
            found = _count(own, name, job)
        bounds = _bounds(number)
        within &= all(count <= bound for count, bound in zip(found, bounds, strict=True))
        rows.append(
            [f"{number:,}", *(f"{count:,} (at most {bound:,})" for count, bound in zip(found, bounds, strict=True))]
        )
    print(f"requests of an answer\n\n{align(rows)}\n")
    return within


def _fill(own: World, number: int) -> tuple[str, str]:
    """Create a queue with ended, running and waiting jobs. Return its name, and the ARN of the job that came last."""
    queue, job = own.create("fair", Random(0)), ""
    for index in range(ENDED + RUNNING + number):
        run = 600 if index < ENDED else 36_000
        job = submit(own.batch, queue, f"job-{index}", run=run, shareIdentifier="a")
    own.advance(ELAPSED)
    return queue.rpartition("/")[2], job


def _count(own: World, name: str, job: str) -> list[int]:
    """Return the number of requests of each answer."""

    def count(answer: Callable[[Calls, Queue], object]) -> int:
        calls = Calls(own.batch)
        answer(calls, read_queue(calls, name))
        return calls.count

    start, now = (datetime.fromtimestamp(second, UTC) for second in (own.now - ELAPSED, own.now))
    view = TopReader(Calls(own.batch), [name])
    list(view.refresh())
    first = view.calls.count
    list(view.refresh())
    return [
        count(lambda calls, queue: None),
        count(lambda calls, queue: explain_job(calls, queue, job)),
        count(lambda calls, queue: estimate_starts(calls, queue, runs=10)),
        count(lambda calls, queue: usage(queue, start, now, calls=calls, now=now)),
        view.calls.count - first,
    ]


def _bounds(waiting: int) -> list[int]:
    """Return the most requests of each answer, in the order of `_count`."""
    pages = ceil(waiting / 100)
    return [
        QUEUE_REQUESTS,
        QUEUE_REQUESTS + 6 + pages,
        QUEUE_REQUESTS + 8 + pages + MAX_DESCRIPTIONS,
        QUEUE_REQUESTS + 8 + pages + RUNNING + ENDED,
        MAX_REQUESTS,
    ]


SECTIONS: Mapping[str, Callable[[int], bool]] = {"explain": explain, "requests": requests}


def main() -> int:
    """Print the sections. The exit code is 1 if a figure is out of its bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("section", nargs="?", choices=SECTIONS, help="section (default: all)")
    text = "number of random histories of each kind of queue (default: %(default)s)"
    parser.add_argument("--histories", type=int, default=HISTORIES, help=text)
    chosen = parser.parse_args()
    sections = [chosen.section] if chosen.section else [*SECTIONS]
    within = [SECTIONS[section](chosen.histories) for section in sections]
    return int(not all(within))


if __name__ == "__main__":
    sys.exit(main())
