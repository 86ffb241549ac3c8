"""Backfills: ECR replicates images that were there before its rules only when it is asked to, once per destination."""

import sys
from collections.abc import Mapping
from typing import Any, Final

Summary = dict[str, Any]

_UNDER_WAY: Final = ("PREPARING", "IN_PROGRESS", "STOPPING")
_WAIT: Final = ("ReplicationBackfillInProgressException", "LimitExceededException")


class BackfillFailed(RuntimeError):  # noqa: N818 (it says what happened)
    """A backfill ended, and not well."""


def newest(client: Any) -> dict[tuple[str, str], Summary]:
    """The newest backfill of each destination that ever had one, as ECR lists it: for 90 days after its end.

    Args:
        client: boto3's client for ECR.
    """
    if not hasattr(client, "list_replication_backfills"):
        raise RuntimeError("the boto3 of this function does not know replication backfills: give it a newer one")
    found: dict[tuple[str, str], Summary] = {}
    request: dict[str, str] = {}
    while True:
        answer = client.list_replication_backfills(**request)
        for backfill in answer.get("backfills", []):
            key = backfill["destination"]["region"], backfill["destination"]["registryId"]
            if key not in found or found[key]["startedAt"] <= backfill["startedAt"]:
                found[key] = backfill
        if not answer.get("nextToken"):
            return found
        request = {"nextToken": answer["nextToken"]}


def is_backfilled(
    client: Any, destination: tuple[str, str], before: str, found: Mapping[tuple[str, str], Summary]
) -> bool:
    """Whether a destination had a backfill since one was asked for; if none was begun since, it is begun now.

    Less than half of the images may fail in a backfill that is complete; the log then says how many.

    A backfill that was under way when it was asked for does not count: it replicates what the rules said at its start.
    One at a time is allowed for a Region and ten for a registry; whoever comes too early comes again.

    Args:
        client: boto3's client for ECR.
        destination: Region and registry.
        before: the id of its newest backfill when it was asked for, empty if there was none.
        found: its newest backfill now.

    Raises:
        BackfillFailed: it failed, or somebody stopped it.
    """
    from botocore.exceptions import ClientError

    now = found.get(destination)
    if now and now["status"] in _UNDER_WAY:
        return False
    if now and now["replicationBackfillId"] != before:
        progress = now.get("progress") or {}
        codes = sorted({code for code in (now.get("failureCode"), *progress.get("failureCodes", [])) if code})
        ended = (
            f"the backfill {now['replicationBackfillId']} of {destination[0]} is {now['status']}, "
            f"{progress.get('failedReplicationCount', 0)} replications failed: {', '.join(codes) or 'no failure code'}"
        )
        if now["status"] != "COMPLETE":
            raise BackfillFailed(ended)
        if codes:
            print(ended, file=sys.stderr)
        return True
    try:
        client.start_replication_backfill(destination={"region": destination[0], "registryId": destination[1]})
    except ClientError as error:
        if error.response["Error"]["Code"] not in _WAIT:
            raise
    return False
