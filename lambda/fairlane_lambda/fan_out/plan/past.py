"""Earlier jobs and plans of lines, read from the ledger for some lines at a time."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.arrays import ArrayJob
from fairlane_lambda.fan_out.ledger import LIFE_SECONDS, WITHDRAWN, expiry
from fairlane_lambda.fan_out.names import line_key, member_key
from fairlane_lambda.fan_out.table import TRANSACTION, Item, Table

BLOCK: Final = 100
"""Number of lines that are read at a time: one request."""
_RENEWED_SECONDS: Final = LIFE_SECONDS // 2


class Earlier(NamedTuple):
    """Earlier job or plan of a line.

    Attributes:
        state: State of its job. Empty if it has none.
        region: Region of its job or plan.
        reason: Reason of its placement.
        job: Digest of the array job that it was planned in last. Empty for none.
        size: Number of lines of the array job.
        is_due: True if the line would have expired in less than half of its life.
    """

    state: str = ""
    region: str = ""
    reason: str = ""
    job: str = ""
    size: int = 0
    is_due: bool = False

    @property
    def is_known(self) -> bool:
        """True if the line has a job, or may have one."""
        return self.state not in ("", WITHDRAWN)

    @property
    def is_planned(self) -> bool:
        """True if an array job has the line that was not withdrawn."""
        return bool(self.job) and self.state != WITHDRAWN


class Past:
    """Earlier jobs and plans of the lines of a manifest.

    Lines that expire are renewed when they are read, each at most once in half of their life.

    Args:
        table: Table of the ledger.
        manifest: Name of the manifest.
        now: Current time in epoch milliseconds.
        has_children: True to read the states of the children of array jobs.
        renews: True to renew lines.
    """

    def __init__(self, table: Table, manifest: str, now: int, *, has_children: bool, renews: bool) -> None:
        self._table, self._manifest, self._now = table, manifest, now
        self._has_children, self._renews = has_children, renews

    def read(self, digests: Mapping[str, bool], due: Collection[str] = ()) -> dict[str, Earlier]:
        """Return the earlier jobs and plans of lines, by digest.

        Args:
            digests: Digests of lines. True for a line of an array job.
            due: Digests of lines to renew, however long they live.
        """
        items = self._items(member_key(digest) if digests[digest] else line_key(digest) for digest in digests)
        limit = self._now // 1000 + _RENEWED_SECONDS
        expiring = {
            digest
            for digest in digests
            if (item := items.get(digest)) and (digest in due or item.get("expires", limit) < limit)
        }
        members = {digest: item for digest, item in items.items() if digests[digest]}
        jobs = self._items({line_key(item["job"]) for item in members.values()})
        children = self._items(
            line_key(item["job"], item["child"])
            for digest, item in members.items()
            if item["size"] > 1 and (self._has_children or digest in expiring)
        )
        found = {}
        for digest, item in items.items():
            if digests[digest]:
                child = children.get(f"{item['job']}#{item['child']}")
                found[digest] = _of_member(item, jobs.get(item["job"]), child)
            else:
                found[digest] = Earlier(item["state"], item.get("region", ""), item.get("placement", ""))
            found[digest] = found[digest]._replace(is_due=digest in expiring)
        if expiring and self._renews:
            own = [items[digest] for digest in expiring]
            arrays = [items[digest] for digest in expiring if digests[digest]]
            shared = {item["job"]: jobs[item["job"]] for item in arrays if item["job"] in jobs}
            news = [children.get(f"{item['job']}#{item['child']}") for item in arrays]
            self._renew([*own, *shared.values(), *filter(None, news)])
        return found

    def _items(self, keys: Iterable[str]) -> dict[str, Item]:
        """Return items that exist by the part of their keys behind the first `#`."""
        items = self._table.read([(self._manifest, key) for key in dict.fromkeys(keys)])
        return {item["sk"].partition("#")[2]: item for item in items}

    def _renew(self, items: list[Item]) -> None:
        values = {"expires": expiry(self._now)}
        expression, condition = "SET #expires = :expires", "attribute_exists(#pk)"
        keys = [(item["pk"], item["sk"]) for item in items]
        for start in range(0, len(keys), TRANSACTION):
            block = keys[start : start + TRANSACTION]
            if self._table.transact(*(self._table.updating(key, expression, condition, values) for key in block)):
                for key in block:  # one of the items has just been deleted, or is written at the same time
                    self._table.update(key, expression, condition, values)


def put_members(table: Table, manifest: str, job: ArrayJob, now: int, guard: Mapping[str, Any]) -> bool:
    """Let lines belong to an array job. Return False if one belongs to another job, or if the guard does not hold.

    Args:
        table: Table of the ledger.
        manifest: Name of the manifest.
        job: The array job. The array jobs that had its lines before are withdrawn.
        now: Current time in epoch milliseconds.
        guard: Condition on another item, of `Table.check`.
    """
    common = {"pk": manifest, "job": job.digest, "size": len(job.runs), "region": job.region, "expires": expiry(now)}
    writes = [
        table.putting(
            {**common, "sk": member_key(run.digest), "child": child, "placement": run.reason},
            "attribute_not_exists(#pk) OR #job = :job OR #job = :earlier",
            {"job": job.digest, "earlier": run.earlier},
        )
        for child, run in enumerate(job.runs)
    ]
    size = TRANSACTION - 1
    blocks = (writes[start : start + size] for start in range(0, len(writes), size))
    return not any(table.transact(guard, *block) for block in blocks)


def _of_member(item: Item, job: Item | None, child: Item | None) -> Earlier:
    """Return the earlier job or plan of a line of an array job.

    An array job fails with any of its children. A child without news is not failed for that reason. A job of one line
    is no array job: its state is that of the line.
    """
    planned = Earlier("", item["region"], item["placement"], item["job"], item["size"])
    if job is None:
        return planned
    state = job["state"]
    if state == WITHDRAWN:
        return planned._replace(state=state)
    if child is not None:
        state = child["state"]
    elif state == "FAILED" and item["size"] > 1:
        state = "RUNNABLE"
    return planned._replace(state=state, region=job.get("region", ""), reason=job.get("placement", ""))
