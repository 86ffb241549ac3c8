"""Lambda function that runs every five minutes: it publishes the lines of a fan-out, and asks about those without news.

It writes the objects of the table `outcomes` and the metrics from the ledger first. Then it asks AWS Batch about lines
without news for an hour. The next run publishes the answers.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.emf import Metrics
from fairlane_lambda.fan_out.config import read_config
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.names import PLANS
from fairlane_lambda.fan_out.reconcile.lines import expand_arrays
from fairlane_lambda.fan_out.reconcile.outcome_files import OutcomeFiles
from fairlane_lambda.fan_out.reconcile.questions import Questions
from fairlane_lambda.fan_out.reconcile.summary import Counts, Summary, add_counts, publish
from fairlane_lambda.fan_out.table import Item, Table

_LATE_MS: Final = 30_000  # longer than a call and the writes after it
_ASK_MS: Final = 270_000  # so that the questions of two runs do not overlap
_DAY_MS: Final = 24 * 3600 * 1000
_SETTLING_MS: Final = 600_000
_NOTE: Final = "outcomes"
_RECORD: Final = ("version", "execution", "state", "stopped", "created_at")


class ReconcileError(RuntimeError):
    """Failure of a part of a run. The other parts were done, without the metrics."""


def handler(event: object, context: Any) -> None:
    """Publish the lines of all manifests, then ask AWS Batch about lines without news.

    A manifest whose lines cannot change by themselves is read again once a day.

    Raises:
        ReconcileError: If a manifest could not be read or written.
    """
    now = int(time.time() * 1000)
    config, table, bucket = read_config(), ledger(), os.environ["BUCKET"]
    questions, total, failures = Questions(now), Counts(), 0

    def is_late() -> bool:
        return bool(context.get_remaining_time_in_millis() < _LATE_MS)

    for record in table.manifests():
        try:
            if is_late():
                raise TimeoutError
            note = _current_note(table, record, now) or _reconcile(table, record, bucket, questions, now)
            is_recent = not note["is_settled"] or now - note["changed_at"] < _DAY_MS
            add_counts(total, note["counts"], is_recent)
        except Exception as error:  # one manifest must not stop the others
            failures += 1
            print(f"manifest {record['pk']} failed: {error_name(error)}", file=sys.stderr, flush=True)
    if not failures:
        metrics = Metrics()
        publish(metrics, config.name, config.regions, total, now)
        metrics.write(now)
    questions.ask(table, batch_client, lambda: is_late() or time.time() * 1000 - now > _ASK_MS)
    if failures:
        raise ReconcileError(f"{failures} manifests failed")


def _current_note(table: Ledger, record: Item, now: int) -> Item | None:
    """Return the note on a settled manifest, if its record did not change since then."""
    note = table.table.get((record["pk"], _NOTE)) or {}
    is_current = note.get("is_settled") and note["record"] == _identity(record) and now - note["read_at"] < _DAY_MS
    return note if is_current else None


def _reconcile(table: Ledger, record: Item, bucket: str, questions: Questions, now: int) -> Item:
    """Write the objects of a manifest and a note with its numbers, and collect its questions."""
    manifest = record["pk"]
    summary, files, changed_at, is_open = Summary(record), OutcomeFiles(manifest), record["created_at"], False
    for line in expand_arrays(table.lines(manifest), lambda digest: _members(bucket, manifest, digest)):
        is_open |= questions.add(line)
        changed_at = max(changed_at, line.item.get("updated_at", 0), line.item.get("attempted_at", 0))
        if line.id:
            summary.add(line)
            files.add(line)
    files.put(s3_client(), bucket)
    is_settled = not is_open and record["state"] not in ("PLANNED", "SUBMITTING") and now - changed_at > _SETTLING_MS
    note = {
        "pk": manifest,
        "sk": _NOTE,
        "record": _identity(record),
        "counts": summary.counts(),
        "changed_at": changed_at,
        "read_at": now,
        "is_settled": is_settled,
        "expires": record["expires"],
    }
    if is_settled:
        table.table.put(note)
    return note


def _identity(record: Item) -> str:
    return json.dumps([record.get(name) for name in _RECORD])


def _members(bucket: str, manifest: str, digest: str) -> Sequence[str]:
    """Return the ids of the lines of an array job, from the list that the plan wrote."""
    response = s3_client().get_object(Bucket=bucket, Key=f"{PLANS}{manifest}/arrays/{digest}.jsonl")
    return [json.loads(row)[1] for row in response["Body"].read().splitlines()[1:]]


@cache
def ledger() -> Ledger:
    """Return the ledger of the fan-out."""
    return Ledger(Table(_client("dynamodb", os.environ["AWS_REGION"]), os.environ["TABLE"]))


def s3_client() -> Any:
    """Return the client of Amazon S3."""
    return _client("s3", os.environ["AWS_REGION"])


def batch_client(region: str) -> Any:
    """Return the client of AWS Batch in a Region."""
    return _client("batch", region)


@cache
def _client(service: str, region: str) -> Any:
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 3}
    return boto3.client(service, region_name=region, config=Config(retries=retries, connect_timeout=2, read_timeout=5))
