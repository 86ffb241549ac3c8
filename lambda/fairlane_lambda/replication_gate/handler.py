"""The Lambda functions that tell when an image is in all Regions: one for pipelines, two for a custom resource."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from fairlane_lambda.replication_gate._backfills import is_backfilled, newest
from fairlane_lambda.replication_gate._destinations import Destination, read_destinations, read_regions
from fairlane_lambda.replication_gate._images import Image, look, read_image

_IMAGE: Final = ("Repository", "Image", "Destinations")


class ReplicationFailed(RuntimeError):  # noqa: N818 (it says what happened)
    """ECR gave up replicating an image."""


def handler(event: object, context: object) -> dict[str, Any]:
    """Tells how far an image is, in one look; whoever waits for it asks again.

    Args:
        event: `{"repository": ..., "image": a tag or "sha256:...", "regions": [...]}`, Regions of this account.
        context: of the invocation.

    Returns:
        `complete`; `regions`, the state in each: `COMPLETE`, `IN_PROGRESS`, `FAILED`, `NOT_STARTED`, or `NO_IMAGE` in
        all of them if there is none; `failed`, the failure codes of Regions.

    Raises:
        ValueError: the event is malformed.
    """
    fields = event if isinstance(event, dict) else {}
    registry = os.environ["REGISTRY_ID"]
    places = read_regions(fields.get("regions"), registry)
    looked = look(_ecr(), read_image(fields.get("repository"), fields.get("image"), places), registry)
    return {
        "complete": looked.complete,
        "regions": {region: state for (region, _), state in looked.states.items()},
        "failed": {region: code for (region, _), code in looked.failed.items()},
    }


def on_event(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Begins waiting, as the `on_event` of the CDK's custom resource provider.

    The properties are `Repository`, `Image` and `Destinations`, a list of objects with `region` and `registryId`, to
    wait for an image; `Backfill`, such a list, to replicate the images that are there already; or both. An update asks
    for a backfill of new destinations only.

    Args:
        event: a request for the custom resource.
        context: of the invocation.

    Returns:
        `Backfills`: for each destination the id of its newest backfill so far, which `is_complete` is given.

    Raises:
        ValueError: the properties are malformed.
    """
    if event["RequestType"] == "Delete":
        return {}
    properties = event["ResourceProperties"]
    destinations = read_destinations("Backfill", properties.get("Backfill", []))
    if _image(properties) is None and not destinations:
        raise ValueError(f"the properties must have {', '.join(_IMAGE)}, or Backfill")
    before = (event.get("OldResourceProperties") or {}).get("Backfill")
    done = before if isinstance(before, list) else []
    wanted = [destination for destination in destinations if _record(destination) not in done]
    known = newest(_ecr()) if wanted else {}
    backfills = [
        {**_record(destination), "before": known.get(destination, {}).get("replicationBackfillId", "")}
        for destination in wanted
    ]
    return {"Backfills": backfills}


def is_complete(event: Mapping[str, Any], context: object) -> dict[str, bool]:
    """Tells whether to wait no longer, as the `is_complete` of the CDK's custom resource provider.

    An image that is not there yet is waited for. Backfills come first, and are begun here.

    Args:
        event: the request for the custom resource, with what `on_event` returned.
        context: of the invocation.

    Raises:
        ReplicationFailed: replication failed in a Region, which ends the deployment.
        BackfillFailed: a backfill failed, or was stopped, which does so, too.
    """
    if event["RequestType"] == "Delete":
        return {"IsComplete": True}
    backfills = event.get("Backfills") or []
    found = newest(_ecr()) if backfills else {}
    done = [is_backfilled(_ecr(), (each["region"], each["registryId"]), each["before"], found) for each in backfills]
    image = _image(event["ResourceProperties"])
    if not all(done) or image is None:
        return {"IsComplete": all(done)}
    looked = look(_ecr(), image, os.environ["REGISTRY_ID"])
    if looked.failed:
        codes = ", ".join(f"{region} of {account}: {code}" for (region, account), code in sorted(looked.failed.items()))
        raise ReplicationFailed(f"{image.repository} {image.image} was not replicated: {codes}")
    return {"IsComplete": looked.complete}


def _image(properties: Mapping[str, Any]) -> Image | None:
    if not any(name in properties for name in _IMAGE):
        return None
    repository, image, destinations = (properties.get(name) for name in _IMAGE)
    places = read_destinations("Destinations", destinations)
    if not places:
        raise ValueError("Destinations must be one or more")
    return read_image(repository, image, places)


def _record(destination: Destination) -> dict[str, str]:
    return {"region": destination[0], "registryId": destination[1]}


@cache
def _ecr() -> Any:
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 5}
    return boto3.client("ecr", config=Config(retries=retries, connect_timeout=2, read_timeout=5))
