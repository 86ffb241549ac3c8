"""Ledger of a fan-out: manifests and the states of their lines. Each change of a line is a conditional write."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.names import line_key
from fairlane_lambda.fan_out.table import Item, Key, Table

SUBMITTING: Final = "SUBMITTING"
"""State of a line whose job may exist: it was claimed, and no answer of AWS Batch was recorded."""
SUBMITTED: Final = "SUBMITTED"
"""State of a line whose job exists. Events change it to the states of the job."""
REFUSED: Final = "REFUSED"
"""State of a line whose job AWS Batch refused."""
UNKNOWN: Final = "UNKNOWN"
"""State of a line that was claimed over a day ago and whose job was not found."""
WITHDRAWN: Final = "WITHDRAWN"
"""State of an array job that is never submitted: a later plan has grouped its lines anew."""
ENDED: Final = ("SUCCEEDED", "FAILED", REFUSED)
"""States in which a line stays."""
STATES: Final = (
    SUBMITTING,
    SUBMITTED,
    "PENDING",
    "RUNNABLE",
    "SCHEDULED",
    "STARTING",
    "RUNNING",
    *ENDED,
    UNKNOWN,
)

LIFE_SECONDS: Final = 400 * 24 * 3600
"""Number of seconds after which an item of the ledger expires."""
_LINE: Final = "line#"
_MANIFEST: Final = "manifest"
_INDEX: Final = "manifests"


class Attempt(NamedTuple):
    """Attempt to submit a line.

    Attributes:
        owner: Function that makes the attempt.
        at: Time of its call in epoch milliseconds. The call starts at most five seconds later.
    """

    owner: str
    at: int


class Ledger:
    """Ledger of a fan-out.

    Args:
        table: Its table.
    """

    def __init__(self, table: Table) -> None:
        self.table = table

    def lines(self, manifest: str) -> Iterator[Item]:
        """Yield the lines and the children of array jobs, each with `digest` and `child` (None, or its index).

        Args:
            manifest: Name of the manifest.
        """
        for item in self.table.query(manifest, _LINE):
            if item.get("state") != WITHDRAWN:
                yield _line(item)

    def read(self, manifest: str, digests: Collection[str]) -> tuple[Item, dict[str, Item]]:
        """Return the record of a manifest, or `{}`, and the lines that exist, by digest.

        Args:
            manifest: Name of the manifest.
            digests: Digests of lines. The call costs one request for each 100.
        """
        keys = [(manifest, _MANIFEST), *((manifest, line_key(digest)) for digest in dict.fromkeys(digests))]
        items = {item["sk"]: item for item in self.table.read(keys)}
        record = items.pop(_MANIFEST, {})
        return record, {item["digest"]: item for item in map(_line, items.values())}

    def claim(self, manifest: str, digest: str, fields: Mapping[str, Any], attempt: Attempt) -> Item | None:
        """Claim a new line for an attempt. Return None, or the line if it exists.

        Args:
            manifest: Name of the manifest.
            digest: Digest of the line.
            fields: Fields of the line.
            attempt: The attempt.
        """
        item = {
            **fields,
            "pk": manifest,
            "sk": line_key(digest),
            "state": SUBMITTING,
            "claimed_at": attempt.at,
            "attempted_at": attempt.at,
            "owner": attempt.owner,
            "tries": 1,
            "expires": expiry(attempt.at),
        }
        return _conflict(self.table.put(item, "attribute_not_exists(#pk)"), attempt)

    def renew(
        self, manifest: str, digest: str, last_attempt: int, fields: Mapping[str, Any], attempt: Attempt
    ) -> Item | None:
        """Claim a line again for a further attempt. Return None, or the line if it changed since its last attempt.

        Args:
            manifest: Name of the manifest.
            digest: Digest of the line.
            last_attempt: Time of its last attempt in epoch milliseconds.
            fields: Fields of the line. A later plan can place it in another Region.
            attempt: The further attempt.
        """
        changes = {**fields, "attempted_at": attempt.at, "owner": attempt.owner}
        write = self.table.update(
            (manifest, line_key(digest)),
            f"{_set(changes)}, #tries = #tries + :one",
            "#state = :submitting AND #attempted_at = :last",
            {**changes, "one": 1, "submitting": SUBMITTING, "last": last_attempt},
        )
        return _conflict(write, attempt)

    def settle(self, manifest: str, digest: str, state: str, attempt: int, **fields: Any) -> bool:
        """Record the end of an attempt. Return False if the line changed since then, for example by an event.

        Args:
            manifest: Name of the manifest.
            digest: Digest of the line.
            state: New state of the line.
            attempt: Time of the attempt in epoch milliseconds.
            **fields: Further fields.
        """
        changes = {"state": state, **fields}
        return self.table.update(
            (manifest, line_key(digest)),
            _set(changes),
            "#state = :submitting AND #attempted_at = :attempt",
            {**changes, "submitting": SUBMITTING, "attempt": attempt},
        ).is_done

    def withdraw(self, manifest: str, digest: str, attempt: int) -> bool:
        """Delete the claim of a line whose attempts made no job. Return False if the line changed since the last.

        Args:
            manifest: Name of the manifest.
            digest: Digest of the line.
            attempt: Time of its last attempt in epoch milliseconds.
        """
        condition = "#state = :submitting AND #attempted_at = :attempt"
        values = {"submitting": SUBMITTING, "attempt": attempt}
        return self.table.delete((manifest, line_key(digest)), condition, values).is_done

    def withdraw_array(self, manifest: str, digest: str, now: int, guard: Mapping[str, Any]) -> bool:
        """Let no function submit an array job. Return False if it was claimed before, or if the guard does not hold.

        Args:
            manifest: Name of the manifest.
            digest: Digest of its lines.
            now: Current time in epoch milliseconds.
            guard: Condition on another item, of `Table.check`.
        """
        item = {"pk": manifest, "sk": line_key(digest), "state": WITHDRAWN, "expires": expiry(now)}
        put = self.table.putting(item, "attribute_not_exists(#pk) OR #state = :state", {"state": WITHDRAWN})
        return not self.table.transact(guard, put)

    def manifest(self, manifest: str) -> Item | None:
        """Return the record of a manifest, or None."""
        return self.table.get((manifest, _MANIFEST))

    def manifests(self) -> list[Item]:
        """Return the records of all manifests, in the order of their names."""
        names = [item["sk"] for item in self.table.query(_INDEX)]
        records = {item["pk"]: item for item in self.table.read([(name, _MANIFEST) for name in names])}
        return [records[name] for name in names if name in records]

    def put_manifest(
        self,
        manifest: str,
        fields: Mapping[str, Any],
        *,
        keeps_stop: bool = False,
        guard: Mapping[str, Any] | None = None,
    ) -> bool:
        """Put or replace the record of a manifest. Return False if the guard does not hold.

        Args:
            manifest: Name of the manifest.
            fields: `key`, `version`, `template_digest`, `lines`, `regions`, `state`, `execution` and `created_at` in
                epoch milliseconds.
            keeps_stop: True to keep a manifest stopped, and the record of the same version as it is. Default: the
                record is not stopped.
            guard: Condition on another item, of `Table.check`. Default: none.
        """
        expires = expiry(fields["created_at"])
        self.table.put({"pk": _INDEX, "sk": manifest, "expires": expires})
        record = {**fields, "pk": manifest, "sk": _MANIFEST, "expires": expires}
        puts = [self.table.putting({**record, "stopped": False}, "", {})]
        if keeps_stop:
            open_or_new = "attribute_not_exists(#pk) OR #stopped = :no"
            puts = [self.table.putting({**record, "stopped": False}, open_or_new, {"no": False})]
            another = {"yes": True, "version": fields.get("version")}
            puts += [
                self.table.putting({**record, "stopped": True}, "#stopped = :yes AND #version <> :version", another)
            ]
        for put in puts:
            refused = self.table.transact(put, *([guard] if guard else []))
            if not refused:
                break
            if 1 in refused:
                return False
        return True

    def close_manifest(self, manifest: str, version: str, state: str) -> bool:
        """Record the state of a version of a manifest. Return False if another version is planned."""
        values = {"version": version, "state": state}
        return self.table.update((manifest, _MANIFEST), "SET #state = :state", "#version = :version", values).is_done

    def set_manifest(self, manifest: str, **fields: Any) -> bool:
        """Change fields of the record of a manifest, for example `stopped`. Return False if there is no record."""
        return self.table.update((manifest, _MANIFEST), _set(fields), "attribute_exists(#pk)", fields).is_done


def key_of(manifest: str, digest: str, child: int | None = None) -> Key:
    """Return the keys of a line in the table.

    Args:
        manifest: Name of the manifest.
        digest: Digest of the line, or of the lines of an array job.
        child: Index of the line in its array job. Default: the line has a job of its own.
    """
    return manifest, line_key(digest, child)


def expiry(now: int) -> int:
    """Return the time in epoch seconds at which an item expires.

    Args:
        now: Current time in epoch milliseconds.
    """
    return now // 1000 + LIFE_SECONDS


def _line(item: Item) -> Item:
    _, digest, *child = item["sk"].split("#")
    return {**item, "digest": digest, "child": int(child[0]) if child else None}


def _set(fields: Mapping[str, Any]) -> str:
    return "SET " + ", ".join(f"#{name} = :{name}" for name in fields)


def _conflict(write: Any, attempt: Attempt) -> Item | None:
    """Return the line that refused a claim. The SDK repeats a write whose answer got lost, and then finds its own."""
    if write.is_done or (write.item.get("owner"), write.item.get("attempted_at")) == attempt:
        return None
    found: Item = write.item
    return found
