"""What Fairlane's job metrics cost, against what a user would write instead, side by side within one run.

`events`: how many one core handles in a second, from the text that Lambda gets: bodies as the rule's input transformer
leaves them by Fairlane, whole ones by hand. Calls are answered at once, and waiting does not count. `logged`: what
CloudWatch takes in of a batch. `import`: a cold start over the bare interpreter, with Fairlane's code compiled anew, as
where it cannot be written to. `calls`: of AWS Batch's API, in the first poll of a container.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "lambda"), str(ROOT)]

import exporter_events  # noqa: E402
import handwritten_exporter  # noqa: E402
from exporter_polls import MAX_PAGES, polls  # noqa: E402
from exporter_runs import BATCH, Jobs, Peer, Run, batches, client_without_network  # noqa: E402

from fairlane_lambda.job_events import handler as job_events  # noqa: E402

MOST_LOGGED = 60
MOST_IMPORT_SECONDS = 0.030
MOST_IMPORT_STARTS = 2  # bare ones, where a machine is so slow that they take longer than that
EVENTS = 3_000
BATCHES = 20

Fields = dict[str, Any]


def made(count: int, queues: Sequence[str], kinds: dict[str, int], seed: int = 1) -> list[Fields]:
    """Whole events of the minute before this one, as SQS gathers them to a batch."""
    minute = int(time.time()) // 60 * 60_000 - 60_000
    return exporter_events.whole_events(count, seed, minute, queues, kinds)


def slim(events: Iterable[Fields]) -> list[Fields]:
    """What the rule leaves of events."""
    return [exporter_events.transformed(event) for event in events]


def ours(events: Sequence[Fields]) -> Run:
    """Runs Fairlane's handler in a new container."""
    job_events.forget()
    return Run(job_events.handler, batches(slim(events)))


def by_hand(events: Sequence[Fields], client: Any = None) -> Run:
    """Runs the handler by hand, with a client that answers at once or another one."""
    return Run(handwritten_exporter.job_events(client or Jobs(events)), batches(events))


def compare_events(runs: int, events: Sequence[Fields], other: Callable[[], Run] | None) -> None:
    """Prints events a second, and what another project makes of the same events."""
    print(f"events  {len(events):,} in batches of {BATCH}: whole {size(events)} B, transformed {size(slim(events))} B")
    client = client_without_network(events)
    handlers: dict[str, Callable[[], Run]] = {
        "Fairlane": lambda: ours(events),
        "by hand, calls that cost nothing": lambda: by_hand(events),
        "by hand, boto3's calls but for the network": lambda: by_hand(events, client),
    }
    if other:
        handlers["peer"] = other
    rounds = [{name: run() for name, run in handlers.items()} for _ in range(runs + 1)][1:]
    for name in handlers:
        rate = len(events) / median(each[name].seconds for each in rounds)
        ratio = median(each[name].seconds / each["Fairlane"].seconds for each in rounds)
        print(
            f"        {name}: {rate:,.0f} a second"
            + (f", {ratio:.1f} times Fairlane's time" if name != "Fairlane" else "")
        )
        errors = rounds[-1][name].errors
        if name == "peer":
            logged, calls = rounds[-1][name].logged / len(events), rounds[-1][name].calls / len(events)
            print(f"        peer: {logged:.0f} B logged and {calls:.2f} calls per event, {errors:,} errors")
        elif errors:
            sys.exit(f"{errors} events were not understood")


def compare_logged() -> bool:
    """Prints bytes per event; answers whether they are within bounds."""
    fits = True
    for what, queues, kinds in (
        ("1 compute queue", 1, exporter_events.COMPUTE),
        ("1 service queue", 1, exporter_events.SERVICE),
        ("10 compute queues", 10, exporter_events.COMPUTE),
    ):
        names = [f"training-{n}" for n in range(queues)]
        found = [made(BATCH, names, kinds, seed) for seed in range(BATCHES)]
        one = mean(ours(events).logged for events in found) / BATCH
        two = mean(by_hand(events).logged for events in found) / BATCH
        bound = f" (at most {MOST_LOGGED})" if queues == 1 else ""
        fits = fits and (not bound or one <= MOST_LOGGED)
        shares = f"{len(exporter_events.SHARES)} shares{' each' if queues > 1 else ''}, 1 minute"
        print(f"logged  {what}, {shares}: Fairlane {one:.0f} B per event{bound}, by hand {two:.0f}")
    return fits


def compare_import(runs: int) -> bool:
    """Prints times of whole processes; answers whether they are within bounds."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as folder:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "lambda" / "fairlane_lambda", Path(folder, "fairlane_lambda"), ignore=ignored)
        as_on_lambda = environment | {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}

        def seconds(program: str, environment: dict[str, str]) -> float:
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, check=True)
            return time.perf_counter() - begun

        rounds = [
            (
                seconds("pass", as_on_lambda),
                seconds("import fairlane_lambda.job_events.handler", as_on_lambda),
                seconds(handwritten_exporter.IMPORTS, environment),
            )
            for _ in range(runs + 1)
        ][1:]
    bare = median(start for start, _, _ in rounds)
    extra, theirs = median(one - start for start, one, _ in rounds), median(two - start for start, _, two in rounds)
    bound = max(MOST_IMPORT_SECONDS, MOST_IMPORT_STARTS * bare)
    print(
        f"import  over a bare start of {1000 * bare:.0f} ms: Fairlane {1000 * extra:.0f} ms (at most "
        f"{1000 * bound:.0f}), `{handwritten_exporter.IMPORTS}` {1000 * theirs:.0f} ms"
    )
    return extra <= bound


def compare_calls() -> None:
    """Prints calls per poll."""
    for kind, queues, runnable in (
        *(("compute", 1, runnable) for runnable in (100, 1_000, 5_000, 50_000)),
        ("compute", 50, 1_000),
        ("service", 1, 1_000),
    ):
        try:
            one, uncut, two = polls(kind, queues, runnable)
        except ImportError as error:
            print(f"calls   not counted: {error}")
            return
        cut = f" ({uncut:,} if it were not limited to {MAX_PAGES} pages)" if uncut > one else ""
        what = f"{queues} {kind} queue{'s' if queues > 1 else ''} with {runnable:,} runnable jobs"
        print(f"calls   {what}{' each' if queues > 1 else ''}: Fairlane {one:,}{cut}, by hand {two:,}")


def size(events: Sequence[Fields]) -> str:
    """The mean size of a body, in bytes."""
    return f"{mean(len(json.dumps(event, separators=(',', ':'))) for event in events):,.0f}"


def main() -> int:
    """Prints the figures; the exit code tells whether they are within bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each, 5 or more (default: 7)")
    parser.add_argument("--peer-path", metavar="DIR", help="where another project's handler is, to run it beside them")
    parser.add_argument("--peer-handler", metavar="MODULE:FUNCTION", help="that handler, such as app:lambda_handler")
    parser.add_argument("--peer-takes", choices=("event", "batch"), default="event", help="what it is given at a time")
    arguments = parser.parse_args()
    if bool(arguments.peer_path) != bool(arguments.peer_handler):
        parser.error("--peer-path and --peer-handler need each other")
    runs = max(5, arguments.runs)
    if not handwritten_exporter.HAS_POWERTOOLS:
        print("aws-lambda-powertools is not installed: its part is done by lines of the embedded metric format by hand")
    events = made(EVENTS * 2 // 3, ["gpu", "gpu-spot"], exporter_events.COMPUTE)
    events += made(EVENTS // 3, ["training"], exporter_events.SERVICE)
    Random(1).shuffle(events)
    other = None
    if arguments.peer_path:
        try:
            other = Peer(arguments.peer_path, arguments.peer_handler, arguments.peer_takes, events).run
        except Exception as error:  # whatever another project may do
            print(f"peer    cannot be loaded: {type(error).__name__}: {error}")
    compare_events(runs, events, other)
    fits = [compare_logged(), compare_import(runs)]
    compare_calls()
    return int(not all(fits))


if __name__ == "__main__":
    sys.exit(main())
