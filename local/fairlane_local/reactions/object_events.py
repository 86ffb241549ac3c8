"""Events of S3 on the default event bus, with the version of the object, at the local time."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from moto.events.models import events_backends
from moto.s3 import notifications
from moto.s3.models import FakeBucket

from fairlane_local.simulation import current_simulation

_DEFAULT_BUS: Final = "default"
_create_bucket = FakeBucket.create_from_cloudformation_json
_update_bucket = FakeBucket.update_from_cloudformation_json


def install() -> None:
    """Replace moto's events of objects, and give buckets of CloudFormation their versions and events.

    Moto sends its events at the real time to the rules of all buses, and ignores both properties of buckets.
    """
    notifications._send_event_bridge_message = _send
    FakeBucket.create_from_cloudformation_json = _create_with_settings  # type: ignore[method-assign]
    FakeBucket.update_from_cloudformation_json = _update_with_settings  # type: ignore[method-assign, assignment]


def _create_with_settings(resource_name: str, cloudformation_json: Any, *location: str, **context: Any) -> FakeBucket:
    bucket = _create_bucket(resource_name, cloudformation_json, *location, **context)
    return _with_settings(bucket, cloudformation_json)


def _update_with_settings(original_resource: Any, **arguments: Any) -> FakeBucket:
    bucket = _update_bucket(original_resource, **arguments)
    return _with_settings(bucket, arguments["cloudformation_json"])


def _with_settings(bucket: FakeBucket, json: Any) -> FakeBucket:
    properties = json.get("Properties", {})
    versioning = properties.get("VersioningConfiguration", {}).get("Status")
    if versioning or bucket.versioning_status:
        bucket.versioning_status = versioning or "Suspended"
    events = properties.get("NotificationConfiguration", {}).get("EventBridgeConfiguration")
    is_sent = events is not None and str(events.get("EventBridgeEnabled", True)).lower() == "true"
    bucket.set_notification_configuration({"EventBridgeConfiguration": {}} if is_sent else None)
    return bucket


def _send(account_id: str, bucket: FakeBucket, event_name: str, key: Any) -> None:
    item = {"key": key.name, "size": key.size, "etag": key.etag.replace('"', ""), "sequencer": uuid4().hex[:16].upper()}
    if bucket.is_versioned:
        item["version-id"] = key.version_id
    now = current_simulation().timeline.milliseconds // 1000
    event = {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": notifications._detail_type(event_name),
        "source": "aws.s3",
        "account": account_id,
        "time": now,
        "ingestion-time": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": bucket.region_name,
        "resources": [bucket.arn],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": item,
            "request-id": uuid4().hex[:16].upper(),
            "requester": account_id,
            "reason": event_name.split(":")[1],
        },
    }
    for rule in [*events_backends[account_id][bucket.region_name].event_buses[_DEFAULT_BUS].rules.values()]:
        rule.send_to_targets(dict(event))  # type: ignore[arg-type]
