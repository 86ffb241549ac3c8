"""Benchmark of reactions of the local AWS: from an event to its metric, against the function run by hand.

The same events go to a queue with an event source mapping to a function that prints one metric for each event. By hand,
a plain process runs the same handler with the same batches.
"""

import argparse
import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from fairlane_local import LocalAws, client
from fairlane_local.clock import Clock
from fairlane_local.monitoring.metrics import metric_store

LOCATION = ("123456789012", "us-east-1")
BATCH = 100
CODE = """
import json, time
def handler(event, context):
    for record in event["Records"]:
        directive = {"Namespace": "N", "Dimensions": [["Q"]], "Metrics": [{"Name": "M"}]}
        root = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
        print(json.dumps({"_aws": root, "Q": "q", "M": json.loads(record["body"])["detail"]["n"]}))
"""
RUN = "import json, sys; from index import handler\nfor line in sys.stdin: handler(json.loads(line), None)"


def by_hand(events: int) -> float:
    """Return the seconds that a plain process takes for all batches."""
    bodies = [json.dumps({"detail": {"n": number}}) for number in range(events)]
    batches = [bodies[start : start + BATCH] for start in range(0, events, BATCH)]
    lines = [json.dumps({"Records": [{"body": body} for body in batch]}) for batch in batches]
    with TemporaryDirectory() as folder:
        Path(folder, "index.py").write_text(CODE)
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", RUN], input="\n".join(lines), cwd=folder, text=True, check=True, capture_output=True
        )
        return time.perf_counter() - begin


def through_the_local_aws(events: int) -> float:
    """Return the seconds from the first event until all metrics are stored."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", CODE)
    with LocalAws(clock=Clock(None)) as aws:
        bus, functions, sqs = (client(name, aws.port, *LOCATION) for name in ("events", "lambda", "sqs"))
        role = client("iam", aws.port, *LOCATION).create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"][
            "Arn"
        ]
        code = {"ZipFile": package.getvalue()}
        functions.create_function(FunctionName="f", Runtime="python3.14", Role=role, Handler="index.handler", Code=code)
        sqs.create_queue(QueueName="q")
        arn = "arn:aws:sqs:us-east-1:123456789012:q"
        window = {"BatchSize": BATCH, "MaximumBatchingWindowInSeconds": 60}
        functions.create_event_source_mapping(EventSourceArn=arn, FunctionName="f", **window)
        bus.put_rule(Name="rule", EventPattern=json.dumps({"source": ["us"]}))
        bus.put_targets(Rule="rule", Targets=[{"Id": "q", "Arn": arn}])
        begin = time.perf_counter()
        for start in range(0, events, 10):
            numbers = range(start, min(events, start + 10))
            entries = [
                {"Source": "us", "DetailType": "kind", "Detail": json.dumps({"n": number})} for number in numbers
            ]
            bus.put_events(Entries=entries)
        aws.timeline.advance(60)
        seconds = time.perf_counter() - begin
        now = int(aws.timeline.clock.now()) + 60
        counts = metric_store(*LOCATION).series("N", "M", {"Q": "q"}, "SampleCount", 3600, now - 3600, now)
        if sum(counts.values()) != events:
            raise SystemExit(f"expected {events} samples: {counts}")
        return seconds


def main() -> None:
    """Print the seconds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000, help="number of events (default: 1000)")
    events = parser.parse_args().events
    hand, local = by_hand(events), through_the_local_aws(events)
    result = {
        "events": events,
        "by_hand_s": round(hand, 3),
        "local_s": round(local, 3),
        "ratio": round(local / hand, 1),
    }
    print(json.dumps(result | {"ratio": round(local / hand, 1), "ms_per_event": round(1000 * local / events, 2)}))


if __name__ == "__main__":
    main()
