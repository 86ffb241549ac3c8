"""Lambda function that receives AWS Batch events from an SQS queue and records them in the ledger of a fan-out.

Events come in any order, and twice. A record that cannot be recorded fails alone: SQS delivers it again, and moves it
to the dead-letter queue after several failures.
"""

import json
import os
import sys
import time
from datetime import datetime
from functools import cache
from typing import Any, Final

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.models import lacks_model, record_model
from fairlane_lambda.fan_out.news import News, NewsError, parse_news, record_news
from fairlane_lambda.fan_out.table import Table

_LATE_MS: Final = 15_000  # longer than a call
_TYPES: Final = ("Batch Job State Change", "Batch Service Job State Change")


def handler(batch: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Record a batch of SQS records with whole events, and return the records that failed.

    If the time runs out, the remaining records fail, and SQS delivers them again.
    """
    failures = []
    for record in batch["Records"]:
        try:
            if context.get_remaining_time_in_millis() < _LATE_MS:
                raise TimeoutError
            _record(json.loads(record["body"]), context)
        except Exception as error:  # one event must not stop the others
            failures.append({"itemIdentifier": record["messageId"]})
            _log("an event failed", error)
    return {"batchItemFailures": failures}


def _record(event: Any, context: Any) -> None:
    news = _parse(event)
    if news is None or news.name.fan_out != os.environ["FAN_OUT"]:
        return
    line = record_news(ledger(), news, int(time.time() * 1000))
    if line is None or not lacks_model(line) or context.get_remaining_time_in_millis() < _LATE_MS:
        return
    try:
        record_model(ledger(), line)
    except Exception as error:  # `reconcile` asks again
        _log("a model artifact was not recorded", error)


def _parse(event: Any) -> News | None:
    if not isinstance(event, dict) or event.get("detail-type") not in _TYPES or not isinstance(event["detail"], dict):
        raise NewsError
    return parse_news(event["detail"], int(datetime.fromisoformat(event["time"]).timestamp() * 1000))


@cache
def ledger() -> Ledger:
    """Return the ledger of the fan-out."""
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 4}
    client = boto3.client("dynamodb", config=Config(retries=retries, connect_timeout=1, read_timeout=3))
    return Ledger(Table(client, os.environ["TABLE"]))


def _log(text: str, error: Exception) -> None:
    print(f"{text}: {error_name(error)}", file=sys.stderr, flush=True)
