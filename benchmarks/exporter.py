"""Cost of Fairlane's job metrics, compared with hand-written Lambda functions in the same run.

`events`: events per second on one core, from the text that Lambda gets. Fairlane gets the bodies of the rule's input
transformer, the hand-written handler gets whole events. Calls to AWS have no latency. `logged`: bytes that CloudWatch
Logs ingests for a batch. `import`: time of a cold start above the start of the interpreter. Fairlane's code is compiled
at each start, as in a read-only file system. `calls`: calls to the API of AWS Batch in the first poll of a container.
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
MOST_IMPORT_STARTS = 2  # starts of the interpreter: the bound on slow computers
EVENTS = 3_000
BATCHES = 20

Fields = dict[str, Any]


def events_of_a_minute(count: int, queues: Sequence[str], kinds: dict[str, int], seed: int = 1) -> list[Fields]:
    """Return whole events of the last full minute."""
    minute = int(time.time()) // 60 * 60_000 - 60_000
    return exporter_events.whole_events(count, seed, minute, queues, kinds)


def slim(events: Iterable[Fields]) -> list[Fields]:
    """Return the bodies that the rule's input transformer sends."""
    return [exporter_events.transformed(event) for event in events]


def run_fairlane(events: Sequence[Fields]) -> Run:
    """Run Fairlane's handler in a new container."""
    job_events.forget()
    return Run(job_events.handler, batches(slim(events)))


def run_by_hand(events: Sequence[Fields], client: Any = None) -> Run:
    """Run the hand-written handler. Default client: answers without latency."""
    return Run(handwritten_exporter.job_events(client or Jobs(events)), batches(events))


def compare_events(runs: int, events: Sequence[Fields], peer: Callable[[], Run] | None) -> None:
    """Print the events per second of Fairlane, of the hand-written handler and of another project's handler."""
    print(f"events  {len(events):,} in batches of {BATCH}: whole {size(events)} B, transformed {size(slim(events))} B")
    client = client_without_network(events)
    handlers: dict[str, Callable[[], Run]] = {
        "Fairlane": lambda: run_fairlane(events),
        "by hand, calls without cost": lambda: run_by_hand(events),
        "by hand, boto3 without the network": lambda: run_by_hand(events, client),
    }
    if peer:
        handlers["peer"] = peer
    rounds = [{name: run() for name, run in handlers.items()} for _ in range(runs + 1)][1:]
    for name in handlers:
        rate = len(events) / median(results[name].seconds for results in rounds)
        ratio = median(results[name].seconds / results["Fairlane"].seconds for results in rounds)
        print(
            f"        {name}: {rate:,.0f} per second"
            + (f", {ratio:.1f} times Fairlane's time" if name != "Fairlane" else "")
        )
        errors = rounds[-1][name].errors
        if name == "peer":
            logged, calls = rounds[-1][name].logged / len(events), rounds[-1][name].calls / len(events)
            print(f"        peer: {logged:.0f} B logged and {calls:.2f} calls per event, {errors:,} errors")
        elif errors:
            sys.exit(f"{errors} events caused errors: compare events only if all handlers accept them")


def compare_logged() -> bool:
    """Print the logged bytes per event, and return True if they are within the bound."""
    fits = True
    for label, queues, kinds in (
        ("1 compute queue", 1, exporter_events.COMPUTE),
        ("1 service queue", 1, exporter_events.SERVICE),
        ("10 compute queues", 10, exporter_events.COMPUTE),
    ):
        names = [f"training-{n}" for n in range(queues)]
        batches_of_events = [events_of_a_minute(BATCH, names, kinds, seed) for seed in range(BATCHES)]
        fairlane = mean(run_fairlane(events).logged for events in batches_of_events) / BATCH
        by_hand = mean(run_by_hand(events).logged for events in batches_of_events) / BATCH
        bound = f" (at most {MOST_LOGGED})" if queues == 1 else ""
        fits = fits and (not bound or fairlane <= MOST_LOGGED)
        shares = f"{len(exporter_events.SHARES)} shares{' each' if queues > 1 else ''}, 1 minute"
        print(f"logged  {label}, {shares}: Fairlane {fairlane:.0f} B per event{bound}, by hand {by_hand:.0f}")
    return fits


def compare_import(runs: int) -> bool:
    """Print the times of whole processes, and return True if they are within the bound."""
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
    fairlane = median(own - start for start, own, _ in rounds)
    by_hand = median(other - start for start, _, other in rounds)
    bound = max(MOST_IMPORT_SECONDS, MOST_IMPORT_STARTS * bare)
    print(
        f"import  above a bare start of {1000 * bare:.0f} ms: Fairlane {1000 * fairlane:.0f} ms (at most "
        f"{1000 * bound:.0f}), `{handwritten_exporter.IMPORTS}` {1000 * by_hand:.0f} ms"
    )
    return fairlane <= bound


def compare_calls() -> None:
    """Print the calls per poll."""
    for kind, queues, runnable in (
        *(("compute", 1, runnable) for runnable in (100, 1_000, 5_000, 50_000)),
        ("compute", 50, 1_000),
        ("service", 1, 1_000),
    ):
        try:
            fairlane, unlimited, by_hand = polls(kind, queues, runnable)
        except ImportError as error:
            print(f"calls   not counted: {error}")
            return
        limit = f" ({unlimited:,} without the limit of {MAX_PAGES} pages)" if unlimited > fairlane else ""
        label = f"{queues} {kind} queue{'s' if queues > 1 else ''} with {runnable:,} runnable jobs"
        print(f"calls   {label}{' each' if queues > 1 else ''}: Fairlane {fairlane:,}{limit}, by hand {by_hand:,}")


def size(events: Sequence[Fields]) -> str:
    """Return the mean size of a body in bytes."""
    return f"{mean(len(json.dumps(event, separators=(',', ':'))) for event in events):,.0f}"


def main() -> int:
    """Print all results, and return 0 if they are within their bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="number of measured runs, 5 or more (default: 7)")
    parser.add_argument("--peer-path", metavar="DIR", help="folder of another project's handler to compare with")
    parser.add_argument("--peer-handler", metavar="MODULE:FUNCTION", help="its handler, for example app:lambda_handler")
    parser.add_argument(
        "--peer-takes",
        choices=("event", "batch"),
        default="event",
        help="input of its handler (default: event)",
    )
    arguments = parser.parse_args()
    if bool(arguments.peer_path) != bool(arguments.peer_handler):
        parser.error("--peer-path and --peer-handler are only valid together: give both")
    runs = max(5, arguments.runs)
    if not handwritten_exporter.HAS_POWERTOOLS:
        print("aws-lambda-powertools is not installed: the hand-written handler prints embedded metrics itself")
    events = events_of_a_minute(EVENTS * 2 // 3, ["gpu", "gpu-spot"], exporter_events.COMPUTE)
    events += events_of_a_minute(EVENTS // 3, ["training"], exporter_events.SERVICE)
    Random(1).shuffle(events)
    peer = None
    if arguments.peer_path:
        try:
            peer = Peer(arguments.peer_path, arguments.peer_handler, arguments.peer_takes, events).run
        except Exception as error:  # the other project's code can raise any exception
            print(f"peer    cannot be loaded: {type(error).__name__}: {error}")
    compare_events(runs, events, peer)
    fits = [compare_logged(), compare_import(runs)]
    compare_calls()
    return int(not all(fits))


if __name__ == "__main__":
    sys.exit(main())
