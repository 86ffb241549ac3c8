"""Records of AWS Batch in one account and Region, and the common steps of API calls on them."""

import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from typing import Any, Final, TypeAlias

from moto.utilities.utils import get_partition

from fairlane_local.batch.errors import RequestError

Request: TypeAlias = Mapping[str, Any]
Record: TypeAlias = dict[str, Any]
Records: TypeAlias = dict[str, Record]

PAGE_SIZE: Final = 100
"""Default and maximum number of records in a response."""


class Batch:
    """Records of one account and Region, with the fields that Describe calls return, by ARN.

    Args:
        account_id: Account ID, twelve digits.
        region: Region of the resources.

    Attributes:
        lock: Lock that every call holds.
        revisions: Newest revision of each job definition by name.
        tagged: All records with tags. A handler of another kind of resource adds its records.
        on_change: Called after a record is added, changed or removed. Default: no action.
        on_delete: Called with the ARN of a queue or quota share before it is deleted. Default: no action.
        now: Returns the time in milliseconds since 1970. Default: the time of the computer.
    """

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.lock = RLock()
        self.service_environments: Records = {}
        self.compute_environments: Records = {}
        self.policies: Records = {}
        self.queues: Records = {}
        self.quota_shares: Records = {}
        self.job_definitions: Records = {}
        self.consumable_resources: Records = {}
        self.revisions: dict[str, int] = {}
        self.tagged: list[Records] = [
            self.service_environments,
            self.compute_environments,
            self.policies,
            self.queues,
            self.quota_shares,
            self.job_definitions,
            self.consumable_resources,
        ]
        self.on_change: Callable[[], None] = lambda: None
        self.on_delete: Callable[[str], None] = lambda arn: None
        self.now: Callable[[], int] = lambda: int(time.time() * 1000)

    def arn(self, resource: str) -> str:
        """Return the ARN of a resource, for example of `job-queue/training`."""
        return f"arn:{get_partition(self.region)}:batch:{self.region}:{self.account_id}:{resource}"

    def new_arn(self, records: Records, resource: str, limit: int | None = None) -> str:
        """Return the ARN of a resource that does not exist.

        Raises:
            RequestError: If the resource exists, or if the account has the maximum number of resources of its kind.
        """
        arn = self.arn(resource)
        if arn in records:
            raise RequestError("Object already exists")
        if limit is not None and len(records) >= limit:
            raise RequestError(f"At most {limit} in an account and Region.")
        return arn

    def add(self, records: Records, arn: str, record: Record) -> None:
        """Add a record."""
        records[arn] = record
        self.on_change()

    def update(self, record: Record, request: Request, keys: Iterable[str]) -> None:
        """Replace the given fields of a record with those of a request, where the request has them."""
        record.update({key: request[key] for key in keys if key in request})
        self.on_change()

    def remove(self, records: Records, arn: str) -> None:
        """Remove a record."""
        del records[arn]
        self.on_change()


def find(records: Records, names_or_arns: Iterable[str] | None) -> list[Record]:
    """Return the records with the given names or ARNs, or all records if no name is given."""
    if not names_or_arns:
        return list(records.values())
    names = set(names_or_arns)
    return [record for arn, record in records.items() if arn in names or arn.rpartition("/")[2] in names]


def get(records: Records, name_or_arn: str) -> Record:
    """Return the record with a name or ARN.

    Raises:
        RequestError: If there is none.
    """
    if name_or_arn in records:
        return records[name_or_arn]
    for record in find(records, [name_or_arn]):
        return record
    raise RequestError(f"{name_or_arn} does not exist")


def get_by_arn(records: Records, arn: str) -> Record:
    """Return the record with an ARN. A name is refused.

    Raises:
        RequestError: If there is none.
    """
    if arn not in records:
        raise RequestError(f"{arn} does not exist")
    return records[arn]


def describe(key: str, records: Records, request: Request) -> Record:
    """Return the response of a Describe call whose request and response have the same list member.

    Args:
        key: Name of the list member, for example `jobQueues`.
        records: Records of the kind.
        request: Request of the call.
    """
    if request.get(key) and "maxResults" in request:
        raise RequestError(f"{key[0].upper()}{key[1:]} and MaxResults cannot both be set")
    return page(key, find(records, request.get(key)), request)


def page(key: str, items: list[Record], request: Request, size: int = PAGE_SIZE) -> Record:
    """Return one page of a list.

    Args:
        key: Name of the list in the response.
        items: All items of the list.
        request: Request with `maxResults` and `nextToken`.
        size: Default and maximum number of items in a page.
    """
    number = request.get("maxResults", size)
    if not 1 <= number <= size:
        raise RequestError(f"maxResults must be between 1 and {size}")
    start = _start(key, request["nextToken"]) if request.get("nextToken") else 0
    end = start + number
    token = {"nextToken": _token(key, end)} if end < len(items) else {}
    return {key: items[start:end]} | token


def _token(key: str, end: int) -> str:
    return urlsafe_b64encode(f"{key}:{end}".encode()).decode()


def _start(key: str, token: str) -> int:
    try:
        text = urlsafe_b64decode(token).decode()
    except ValueError:
        text = ""
    if not re.fullmatch(rf"{key}:[0-9]+", text):
        raise RequestError("Invalid nextToken")
    return int(text.rpartition(":")[2])
