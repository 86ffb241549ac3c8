"""Objects of one cluster, their versions and their lists."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from threading import RLock
from typing import NamedTuple
from uuid import uuid4

from fairlane_local.kubernetes.errors import Object, not_found
from fairlane_local.kubernetes.kinds import Kind, kind_of
from fairlane_local.kubernetes.selectors import matches


class Key(NamedTuple):
    """Key of an object, the same in all versions of its kind."""

    resource: str
    namespace: str
    name: str


class Store:
    """Objects of a cluster. Callers get copies, and hold the lock during each request.

    Args:
        now: Returns the time in seconds since 1970.
        on_change: Function that is called after each change. Default: none.

    Attributes:
        lock: Lock of the objects.
        revision: Version of the newest change.
    """

    def __init__(self, now: Callable[[], float], on_change: Callable[[], None] = lambda: None) -> None:
        self.lock = RLock()
        self.revision = 0
        self._now = now
        self._on_change = on_change
        self._objects: dict[Key, Object] = {}

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return an object in the version of a kind, or None."""
        item = self._objects.get(Key(kind.resource, namespace, name))
        return None if item is None else deepcopy(item) | {"apiVersion": kind.api_version}

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return an object in the version of a kind.

        Raises:
            KubernetesError: If the object does not exist.
        """
        item = self.find(kind, namespace, name)
        if item is None:
            raise not_found(kind, name)
        return item

    def items(self, kind: Kind, namespace: str = "", labels: str = "", fields: str = "") -> list[Object]:
        """Return the objects of a kind by namespace and name.

        Args:
            kind: Kind of the objects.
            namespace: Namespace. Empty for all.
            labels: Label selector. Empty for all.
            fields: Field selector. Empty for all.
        """
        found = sorted(key for key in self._objects if key.resource == kind.resource)
        return [
            deepcopy(self._objects[key]) | {"apiVersion": kind.api_version}
            for key in found
            if namespace in ("", key.namespace) and matches(self._objects[key], labels, fields)
        ]

    def everything(self, namespace: str | None = None) -> Iterator[tuple[Kind, Object]]:
        """Yield all objects, or those of a namespace, each with its kind. Callers do not change the objects."""
        for key, item in list(self._objects.items()):
            kind = kind_of(item)
            if kind is not None and namespace in (None, key.namespace):
                yield kind, item

    def add(self, kind: Kind, item: Object) -> Object:
        """Store a new object with an ID, and return it."""
        metadata = item["metadata"]
        metadata.setdefault("uid", str(uuid4()))
        metadata["creationTimestamp"] = self.time()
        if "spec" in item:
            metadata["generation"] = 1
        return self.put(kind, item)

    def put(self, kind: Kind, item: Object) -> Object:
        """Store an object with a new version, and return it."""
        self.revision += 1
        item["metadata"]["resourceVersion"] = str(self.revision)
        self._objects[_key(kind, item)] = deepcopy(item)
        self._on_change()
        return item

    def remove(self, kind: Kind, item: Object) -> None:
        """Remove an object."""
        self.revision += 1
        self._objects.pop(_key(kind, item), None)
        self._on_change()

    @contextmanager
    def transaction(self, *, keep: bool) -> Iterator[None]:
        """Undo the changes of a block if it fails, or if they are not to be kept."""
        objects, revision = dict(self._objects), self.revision
        is_kept = False
        try:
            yield
            is_kept = keep
        finally:
            if not is_kept:
                self._objects, self.revision = objects, revision

    def time(self) -> str:
        """Return the time as in timestamps."""
        return datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _key(kind: Kind, item: Object) -> Key:
    return Key(kind.resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])
