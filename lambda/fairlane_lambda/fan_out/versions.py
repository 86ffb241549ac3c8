"""Order of the versions of a manifest: after a version was planned, no older one is."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.ledger import expiry
from fairlane_lambda.fan_out.table import Key, Table

_NEWEST: Final = "newest"
_SAME: Final = "#key = :key AND #version = :version"


class Version(NamedTuple):
    """Version of a manifest.

    Attributes:
        key: Key of its object.
        id: Version ID of its object.
        at: Time at which the object was written, in epoch seconds.
    """

    key: str
    id: str
    at: int


class Versions:
    """Versions of the manifests of a fan-out, in the order in which their objects were written.

    Amazon S3 tells this time in seconds. Within a second, the order in which it lists the versions of an object
    decides. Of two objects for one manifest, the one that is planned last then counts as newer.

    Args:
        table: Table of the ledger.
        is_newer: Function that returns True if the first of two versions of an object is the newer one, given the key
            of the object and their version IDs.
    """

    def __init__(self, table: Table, is_newer: Callable[[str, str, str], bool]) -> None:
        self._table, self._is_newer = table, is_newer

    def find_newer(self, manifest: str, version: Version) -> Version | None:
        """Return the newest version that was planned, if it is newer than another one."""
        newest = _version(self._table.get(_key(manifest)))
        return None if newest is None or self._may_follow(version, newest) else newest

    def register(self, manifest: str, version: Version, now: int) -> Version | None:
        """Register a version as the newest. Return None, or the newer one that was planned.

        Args:
            manifest: Name of the manifest.
            version: The version.
            now: Current time in epoch milliseconds.
        """
        changes = {"key": version.key, "version": version.id, "at": version.at, "expires": expiry(now)}
        other = version
        while True:
            write = self._table.update(
                _key(manifest),
                "SET #key = :key, #version = :version, #at = :at, #expires = :expires",
                f"attribute_not_exists(#pk) OR #at < :at OR ({_SAME}) OR (#key = :other_key AND #version = :other)",
                {**changes, "other_key": other.key, "other": other.id},
            )
            newest = _version(write.item)
            if write.is_done or newest is None:
                return None
            if not self._may_follow(version, newest):
                return newest
            other = newest

    def guard(self, manifest: str, version: Version) -> dict[str, Any]:
        """Return the write of a transaction that fails as soon as a newer version is registered."""
        return self._table.check(_key(manifest), _SAME, {"key": version.key, "version": version.id})

    def _may_follow(self, version: Version, newest: Version) -> bool:
        if version.at != newest.at or version.key != newest.key:
            return version.at >= newest.at
        return version.id == newest.id or self._is_newer(version.key, version.id, newest.id)


def _key(manifest: str) -> Key:
    return manifest, _NEWEST


def _version(item: Mapping[str, Any] | None) -> Version | None:
    return Version(item["key"], item["version"], item["at"]) if item else None
