"""Lambda functions that report the replication of an image: one for pipelines, and two for a custom resource."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from fairlane_lambda.replication_gate.backfills import is_backfilled, newest_backfills
from fairlane_lambda.replication_gate.destinations import Destination, read_destinations, read_regions
from fairlane_lambda.replication_gate.images import Image, read_image, replication_status

_IMAGE: Final = ("Repository", "Image", "Destinations")


class ReplicationError(RuntimeError):
    """Image whose replication failed in ECR."""


def handler(event: object, context: object) -> dict[str, Any]:
    """Return the replication status of an image, from one call to ECR. A pipeline that waits calls again.

    Args:
        event: `{"repository": ..., "image": ..., "regions": [...]}`, with a tag or `sha256:...` as `image`, and
            Regions of this account.
        context: Context of the invocation.

    Returns:
        `complete` (true if all Regions have the image); `regions` (state by Region: `COMPLETE`, `IN_PROGRESS`,
        `FAILED`, `NOT_STARTED`, or `NO_IMAGE` in all Regions if the image does not exist); `failed` (failure code by
        Region).

    Raises:
        ValueError: If the event is malformed.
    """
    fields = event if isinstance(event, dict) else {}
    registry = os.environ["REGISTRY_ID"]
    destinations = read_regions(fields.get("regions"), registry)
    image = read_image(fields.get("repository"), fields.get("image"), destinations)
    status = replication_status(_ecr(), image, registry)
    return {
        "complete": status.complete,
        "regions": {region: state for (region, _), state in status.states.items()},
        "failed": {region: code for (region, _), code in status.failures.items()},
    }


def on_event(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Start to wait for an image, as the `on_event` handler of the CDK's custom resource provider.

    To wait for an image, the properties are `Repository`, `Image` and `Destinations`, a list of objects with `region`
    and `registryId`. To replicate existing images, the property is `Backfill`, a list of the same form. A resource can
    have both. An update starts backfills of new destinations only.

    Args:
        event: Request for the custom resource.
        context: Context of the invocation.

    Returns:
        `Backfills`, the id of the newest backfill of each destination at this time, for `is_complete`.

    Raises:
        ValueError: If the properties are malformed.
    """
    if event["RequestType"] == "Delete":
        return {}
    properties = event["ResourceProperties"]
    destinations = read_destinations("Backfill", properties.get("Backfill", []))
    if _image(properties) is None and not destinations:
        raise ValueError(f"missing properties: use {', '.join(_IMAGE)}, or Backfill, or both")
    old = (event.get("OldResourceProperties") or {}).get("Backfill")
    old_records = old if isinstance(old, list) else []
    new = [destination for destination in destinations if _record(destination) not in old_records]
    newest = newest_backfills(_ecr()) if new else {}
    backfills = [
        {**_record(destination), "before": newest.get(destination, {}).get("replicationBackfillId", "")}
        for destination in new
    ]
    return {"Backfills": backfills}


def is_complete(event: Mapping[str, Any], context: object) -> dict[str, bool]:
    """Return true if the wait is over, as the `is_complete` handler of the CDK's custom resource provider.

    An image that does not exist yet keeps the resource waiting. Backfills come before the image, and start here.

    Args:
        event: Request for the custom resource, with the result of `on_event`.
        context: Context of the invocation.

    Raises:
        ReplicationError: If the replication failed in a Region. The deployment then fails.
        BackfillError: If a backfill failed or was stopped. The deployment then fails.
    """
    if event["RequestType"] == "Delete":
        return {"IsComplete": True}
    backfills = event.get("Backfills") or []
    newest = newest_backfills(_ecr()) if backfills else {}
    done = [
        is_backfilled(_ecr(), (record["region"], record["registryId"]), record["before"], newest)
        for record in backfills
    ]
    image = _image(event["ResourceProperties"])
    if not all(done) or image is None:
        return {"IsComplete": all(done)}
    status = replication_status(_ecr(), image, os.environ["REGISTRY_ID"])
    if status.failures:
        failures = sorted(status.failures.items())
        codes = ", ".join(f"{region} of account {account}: {code}" for (region, account), code in failures)
        raise ReplicationError(f"the replication of {image.repository} {image.reference} failed: {codes}")
    return {"IsComplete": status.complete}


def _image(properties: Mapping[str, Any]) -> Image | None:
    if not any(name in properties for name in _IMAGE):
        return None
    repository, image, destinations = (properties.get(name) for name in _IMAGE)
    registries = read_destinations("Destinations", destinations)
    if not registries:
        raise ValueError("Destinations must have one or more destinations, got []")
    return read_image(repository, image, registries)


def _record(destination: Destination) -> dict[str, str]:
    return {"region": destination[0], "registryId": destination[1]}


@cache
def _ecr() -> Any:
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 5}
    return boto3.client("ecr", config=Config(retries=retries, connect_timeout=2, read_timeout=5))
