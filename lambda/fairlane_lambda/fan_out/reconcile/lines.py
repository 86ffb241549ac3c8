"""Lines of a manifest from its ledger: the children of array jobs have a line each, also without an item."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.ledger import REFUSED, SUBMITTED, SUBMITTING, UNKNOWN
from fairlane_lambda.fan_out.names import line_key
from fairlane_lambda.fan_out.table import Item

Members = Callable[[str], Sequence[str]]
"""Function that returns the ids of the lines of an array job by its digest."""
_INHERITED: Final = (
    "pk",
    "digest",
    "kind",
    "region",
    "queue",
    "share",
    "gpus",
    "placement",
    "job_name",
    "version",
    "claimed_at",
    "attempted_at",
    "asked_at",
)
_SAME: Final = (SUBMITTING, REFUSED, UNKNOWN, "SUCCEEDED")


class Line(NamedTuple):
    """Line of a manifest, or the array job of several lines.

    Attributes:
        id: Id of the line. Empty for an array job.
        item: Its item, or what the item of a child without news would have.
        has_item: True if the ledger has the item.
    """

    id: str
    item: Item
    has_item: bool = True


def expand_arrays(items: Iterable[Item], members: Members) -> Iterator[Line]:
    """Yield the lines of a manifest. An array job comes in front of its lines.

    Args:
        items: Items of the ledger in the order of their keys, in which children follow their array job.
        members: Function that returns the ids of the lines of an array job.
    """
    parent: Item | None = None
    children: dict[int, Item] = {}
    for item in items:
        if item["child"] is not None:
            children[item["child"]] = item
            continue
        if parent is not None:
            yield from _children(parent, children, members)
        parent = None
        if item.get("children", 1) > 1:
            parent, children = item, {}
            yield Line("", item)
        else:
            yield Line(_single_id(item, members), item)
    if parent is not None:
        yield from _children(parent, children, members)


def _single_id(item: Item, members: Members) -> str:
    return members(item["digest"])[0] if item["kind"] == "array" else str(item["id"])


def _children(parent: Item, children: dict[int, Item], members: Members) -> Iterator[Line]:
    inherited: dict[str, Any] = {name: parent[name] for name in _INHERITED if name in parent}
    # A parent fails with any of its children: one without news did not fail for that reason.
    inherited["state"] = parent["state"] if parent["state"] in _SAME else SUBMITTED
    for child, identifier in enumerate(members(parent["digest"])):
        job = {"job_id": f"{parent['job_id']}:{child}"} if "job_id" in parent else {}
        own = {**inherited, **job, "child": child, "sk": line_key(parent["digest"], child)}
        yield Line(identifier, {**own, **children.get(child, {})}, child in children)
