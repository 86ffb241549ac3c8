"""Deletion of objects: finalizers, what an object owns, and what is in a namespace."""

from fairlane_local.kubernetes.admission import NAMESPACE
from fairlane_local.kubernetes.errors import Object
from fairlane_local.kubernetes.kinds import Kind
from fairlane_local.kubernetes.store import Store


def remove(store: Store, kind: Kind, item: Object) -> None:
    """Remove an object, what it owns and what is in it, or mark it as being deleted if finalizers keep it."""
    metadata = item["metadata"]
    if kind == NAMESPACE:
        _mark(store, kind, item | {"status": {"phase": "Terminating"}})
        for inner_kind, inner in store.everything(metadata["name"]):
            if store.find(inner_kind, metadata["name"], inner["metadata"]["name"]) is not None:
                remove(store, inner_kind, inner)
        finish_namespace(store, metadata["name"])
    elif metadata.get("finalizers"):
        _mark(store, kind, item)
    else:
        store.remove(kind, item)
        _collect(store, metadata["uid"])


def finish_namespace(store: Store, name: str) -> None:
    """Remove a namespace that is being deleted and is empty."""
    item = store.find(NAMESPACE, "", name)
    if item is None or "deletionTimestamp" not in item["metadata"] or item["metadata"].get("finalizers"):
        return
    if next(store.everything(name), None) is None:
        store.remove(NAMESPACE, item)


def orphan(store: Store, uid: str) -> None:
    """Remove an owner from the objects that it owns."""
    for kind, item in store.everything():
        owners = item["metadata"].get("ownerReferences", [])
        others = [owner for owner in owners if owner["uid"] != uid]
        if others != owners:
            store.put(kind, item | {"metadata": item["metadata"] | {"ownerReferences": others}})


def _mark(store: Store, kind: Kind, item: Object) -> None:
    if "deletionTimestamp" not in item["metadata"]:
        times = {"deletionTimestamp": store.time(), "deletionGracePeriodSeconds": 0}
        store.put(kind, item | {"metadata": item["metadata"] | times})


def _collect(store: Store, uid: str) -> None:
    """Remove the objects all of whose owners are gone."""
    existing = {item["metadata"]["uid"] for _, item in store.everything()}
    for kind, item in store.everything():
        owners = {owner["uid"] for owner in item["metadata"].get("ownerReferences", ())}
        if uid in owners and not owners & existing:
            remove(store, kind, item)
