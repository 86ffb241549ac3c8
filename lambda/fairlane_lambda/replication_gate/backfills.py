"""Backfills, which replicate images that were pushed before the replication rules existed, once per destination."""

import sys
from collections.abc import Mapping
from typing import Any, Final

Summary = dict[str, Any]

_ACTIVE: Final = ("PREPARING", "IN_PROGRESS", "STOPPING")
_WAIT_CODES: Final = ("ReplicationBackfillInProgressException", "LimitExceededException")


class BackfillError(RuntimeError):
    """Backfill that failed or was stopped."""


def newest_backfills(client: Any) -> dict[tuple[str, str], Summary]:
    """Return the newest backfill of each destination. ECR lists a backfill for 90 days after its end.

    Args:
        client: boto3 client of ECR.

    Raises:
        RuntimeError: If the boto3 of the function has no replication backfills.
    """
    if not hasattr(client, "list_replication_backfills"):
        raise RuntimeError("the boto3 of this function has no replication backfills: use a newer version of boto3")
    newest: dict[tuple[str, str], Summary] = {}
    request: dict[str, str] = {}
    while True:
        response = client.list_replication_backfills(**request)
        for backfill in response.get("backfills", []):
            key = backfill["destination"]["region"], backfill["destination"]["registryId"]
            if key not in newest or newest[key]["startedAt"] <= backfill["startedAt"]:
                newest[key] = backfill
        if not response.get("nextToken"):
            return newest
        request = {"nextToken": response["nextToken"]}


def is_backfilled(
    client: Any, destination: tuple[str, str], before: str, newest: Mapping[tuple[str, str], Summary]
) -> bool:
    """Return True if a destination has had a complete backfill since the request. Start one if none has started since.

    In a complete backfill, less than half of the images can have failed. The log then has their number.

    A backfill that was active at the time of the request does not count, because it replicates by the rules at its own
    start. ECR allows one active backfill per Region and ten per registry. If ECR refuses a start for this reason, the
    next call tries again.

    Args:
        client: boto3 client of ECR.
        destination: Region and registry.
        before: Id of the newest backfill of the destination at the time of the request. Empty if there was none.
        newest: Newest backfill of each destination now.

    Raises:
        BackfillError: If the backfill failed or was stopped.
    """
    from botocore.exceptions import ClientError

    backfill = newest.get(destination)
    if backfill and backfill["status"] in _ACTIVE:
        return False
    if backfill and backfill["replicationBackfillId"] != before:
        progress = backfill.get("progress") or {}
        codes = sorted({code for code in (backfill.get("failureCode"), *progress.get("failureCodes", [])) if code})
        result = (
            f"backfill {backfill['replicationBackfillId']} of {destination[0]} is {backfill['status']}, "
            f"{progress.get('failedReplicationCount', 0)} replications failed: {', '.join(codes) or 'no failure code'}"
        )
        if backfill["status"] != "COMPLETE":
            raise BackfillError(result)
        if codes:
            print(result, file=sys.stderr)
        return True
    try:
        client.start_replication_backfill(destination={"region": destination[0], "registryId": destination[1]})
    except ClientError as error:
        if error.response["Error"]["Code"] not in _WAIT_CODES:
            raise
    return False
