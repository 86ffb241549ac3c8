"""Sweeps compared with the code that guides show, in one run, with S3 calls of 20 ms.

`leaderboard`: all results of a sweep, compared with a list and one `get_object` after another. The latter is measured
on a part of the results. `refresh`: the same leaderboard after new results. `manifest`: bytes that a child of an array
job reads for its point, compared with a JSON manifest that each child reads whole. `import`: `import fairlane_run`,
compared with the start of the interpreter.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from statistics import median
from typing import Any

from fairlane_client.sweeps.bucket import Bucket
from fairlane_client.sweeps.layout import Layout
from fairlane_client.sweeps.leaderboard import Leaderboard, Results
from fairlane_client.sweeps.manifest import from_lines, to_lines
from fairlane_client.sweeps.plan import Plan
from fairlane_run.objects import Objects
from fairlane_run.point import read_point
from fairlane_run.settings import Settings

CALL_SECONDS = 0.020
RESULTS, PART, NEW = 10_000, 500, 25
LEAST_RATIO = 10
MOST_BYTES = 0.01
MOST_IMPORT_SECONDS = 0.015
SPACE = {
    "learning_rate": [10 ** (-n / 20) for n in range(100)],
    "batch_size": [16, 32, 64, 128, 256],
    "model_name": [f"resnet{n}" for n in range(20)],
}
NOW = datetime(2026, 11, 28, tzinfo=UTC)


class SlowS3:
    """S3 client whose calls take 20 ms.

    Attributes:
        calls: Number of `get_object` calls.
        read_bytes: Number of bytes that they returned.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls = self.read_bytes = 0
        self._lock = threading.Lock()

    def get_object(self, **request: str) -> dict[str, Any]:
        """Return an object or a range of it."""
        time.sleep(CALL_SECONDS)
        body = self.objects[request["Key"]]
        etag = _etag(body)
        if "Range" in request:
            first, last = map(int, request["Range"].removeprefix("bytes=").split("-"))
            body = body[first : last + 1]
        with self._lock:
            self.calls += 1
            self.read_bytes += len(body)
        metadata = {"HTTPHeaders": {"date": "Sat, 28 Nov 2026 00:00:00 GMT"}}
        return {"Body": io.BytesIO(body), "ETag": etag, "LastModified": NOW, "ResponseMetadata": metadata}

    def get_paginator(self, name: str) -> "SlowS3":
        """Return the paginator of `list_objects_v2`."""
        return self

    def paginate(self, **request: str) -> Iterator[dict[str, Any]]:
        """Yield pages of 1,000 objects."""
        keys = sorted(key for key in self.objects if key.startswith(request["Prefix"]))
        for start in range(0, len(keys), 1000):
            time.sleep(CALL_SECONDS)
            page = keys[start : start + 1000]
            yield {"Contents": [{"Key": k, "ETag": _etag(self.objects[k]), "LastModified": NOW} for k in page]}


def _etag(body: bytes) -> str:
    return md5(body, usedforsecurity=False).hexdigest()


def put_results(s3: SlowS3, layout: Layout, plan: Plan, start: int, end: int) -> None:
    """Write results as `fairlane_run` does."""
    for point in plan.grid()[start:end]:
        value = (point.index * 7919) % 10_007 / 10_007
        record = {
            "index": point.index,
            "state": "SUCCEEDED",
            "parameters": {name: str(value) for name, value in point.parameters.items()},
            "point": json.dumps(dict(point.parameters)),
            "started_at": 1.0,
            "seconds": 600.0,
            "job": f"0a1b2c3d:{point.index}",
            "attempt": 1,
            "value": value,
            "metrics": {"val_accuracy": value, "train_loss": 1 - value},
            "step": 20,
        }
        s3.objects[f"{layout.results}{point.index}.json"] = json.dumps(record).encode()


def in_sequence(s3: SlowS3, prefix: str, number: int) -> list[dict[str, Any]]:
    """Return results as guides show: a list, then one `get_object` after another."""
    keys = [entry["Key"] for page in s3.paginate(Prefix=prefix) for entry in page["Contents"]][:number]
    records = [json.loads(s3.get_object(Key=key)["Body"].read()) for key in keys]
    return sorted(records, key=lambda record: -record["value"])


def timed(function: Callable[[], Any]) -> float:
    """Return the seconds of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def leaderboard() -> bool:
    """Print the times of a leaderboard and of its refresh. Return True if they are within their bounds."""
    plan = Plan("sweep", SPACE, "val_accuracy", "maximize", 1, None, None, None, 0, None)
    layout, s3 = Layout("sweep"), SlowS3()
    put_results(s3, layout, plan, 0, RESULTS - NEW)
    results = Results(Bucket(s3, "bucket"), layout)
    own = timed(lambda: Leaderboard("val_accuracy", "maximize", results.read()))
    part = timed(lambda: in_sequence(s3, layout.results, PART))
    ratio = part / PART * RESULTS / own
    put_results(s3, layout, plan, RESULTS - NEW, RESULTS)
    calls = s3.calls
    refresh = timed(results.read)
    read = s3.calls - calls
    print(f"leaderboard  {RESULTS:,} results: {own:.1f} s, in sequence {part / PART * RESULTS:.0f} s (from {PART:,})")
    print(f"             {ratio:.1f} times faster (at least {LEAST_RATIO})")
    print(f"refresh      {NEW} new results: {refresh:.2f} s, {read} objects read (at most {NEW})")
    return ratio >= LEAST_RATIO and read <= NEW


def manifest() -> bool:
    """Print the bytes that a child reads. Return True if they are within their bound."""
    plan = Plan("sweep", SPACE, "val_accuracy", "maximize", 1, None, None, None, 0, None)
    points, s3 = plan.grid(), SlowS3()
    lines = to_lines(points)
    whole = len(json.dumps([dict(point.parameters) for point in points]).encode())
    s3.objects["manifest"] = lines
    location = {"key": "manifest", "etag": _etag(lines), "lines": len(points)}
    location["width"] = from_lines(0, "manifest", "", lines).width
    values = {"bucket": "bucket", "sweep": "sweep", "metric": "m", "direction": "maximize", "manifest": location}
    settings = Settings(values, {"AWS_BATCH_JOB_ARRAY_INDEX": str(len(points) - 1)}, None)
    index, parameters = read_point(settings, Objects("bucket", s3))
    share = s3.read_bytes / whole
    print(
        f"manifest     {s3.read_bytes} bytes for each child, {share:.4%} of {whole:,} bytes (at most {MOST_BYTES:.0%})"
    )
    return share <= MOST_BYTES and (index, parameters) == (points[-1].index, points[-1].parameters)


def import_time(runs: int) -> bool:
    """Print the time of the import. Return True if it is within its bound."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "client")}

    def start(code: str) -> float:
        return timed(lambda: subprocess.run([sys.executable, "-c", code], env=environment, check=True))

    pairs = [(start("import fairlane_run"), start("pass")) for _ in range(runs + 1)][1:]
    more = median(own - bare for own, bare in pairs)
    print(f"import       {1000 * more:.1f} ms over the interpreter (at most {1000 * MOST_IMPORT_SECONDS:.0f})")
    return more <= MOST_IMPORT_SECONDS


def main() -> int:
    """Print all results, and return 0 if they are within their bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="number of starts of the interpreter (default: 15)")
    runs = parser.parse_args().runs
    return int(not all([leaderboard(), manifest(), import_time(runs)]))


if __name__ == "__main__":
    sys.exit(main())
