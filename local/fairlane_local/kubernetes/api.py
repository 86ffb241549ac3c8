"""Kubernetes API of one cluster, without its transport: create, get, list, update, patch and delete."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from fairlane_local.kubernetes import admission, defaults, deletion, validation
from fairlane_local.kubernetes.admission import NAMESPACE
from fairlane_local.kubernetes.errors import (
    Object,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    unsupported_media_type,
)
from fairlane_local.kubernetes.kinds import Kind
from fairlane_local.kubernetes.patches import json_patch, kind_schema, merge_patch, strategic_merge_patch
from fairlane_local.kubernetes.store import Store

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"

_NAME_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_KEPT: Final = ("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "uid")
_PROTECTED: Final = ("default", "kube-public", "kube-system")


@dataclass(frozen=True, slots=True)
class Write:
    """Options of a request that writes.

    Args:
        dry_run: True to check the request only. Default: False.
        strict: True to refuse unknown fields. Otherwise they are dropped. Default: True.

    Attributes:
        warnings: Texts for the client, one for each dropped field.
    """

    dry_run: bool = False
    strict: bool = True
    warnings: list[str] = field(default_factory=list, init=False)


class KubernetesApi:
    """Kubernetes API of one cluster. Each call is atomic, and raises KubernetesError if the API server would refuse.

    No controller runs, except for those of HyperPodPyTorchJobs and of Kueue: a Deployment makes no pods, and other pods
    stay Pending until a client writes their status. Objects of a kind with two versions are stored once, and their
    fields are not converted.

    Args:
        now: Returns the time in seconds since 1970.
        on_change: Function that is called after each change of an object. Default: none.

    Attributes:
        store: Objects of the cluster. A caller that reads and then writes holds `store.lock`.
    """

    def __init__(self, now: Callable[[], float], on_change: Callable[[], None] = lambda: None) -> None:
        self.store = Store(now, on_change)
        admission.add_first_objects(self.store)

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return an object."""
        with self.store.lock:
            return self.store.get(kind, namespace, name)

    def list(self, kind: Kind, namespace: str = "", labels: str = "", fields: str = "") -> Object:
        """Return the list of the objects of a kind that match selectors, in one namespace or all."""
        with self.store.lock:
            items = self.store.items(kind, namespace, labels, fields)
            metadata = {"resourceVersion": str(self.store.revision)}
        return {"apiVersion": kind.api_version, "kind": f"{kind.kind}List", "metadata": metadata, "items": items}

    def create(self, kind: Kind, namespace: str, manifest: Mapping[str, Any], write: Write | None = None) -> Object:
        """Create an object, and return it with its defaults."""
        write = write or Write()
        item = _read(kind, namespace, manifest, write)
        metadata = item["metadata"]
        for name in (*_KEPT, "resourceVersion"):
            metadata.pop(name, None)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(random.choices(_NAME_LETTERS, k=5))
        if not metadata.get("name"):
            raise invalid(kind, "", ["metadata.name: Required value: name or generateName is required"])
        admission.set_first_status(kind, item)
        defaults.set_defaults(kind, item)
        with self.store.lock:
            if self.store.find(kind, namespace, metadata["name"]) is not None:
                raise already_exists(kind, metadata["name"])
            validation.check_values(kind, item)
            admission.admit(self.store, kind, item)
            validation.check_values(kind, item)
            with self._committed(namespace, write):
                self.store.add(kind, item)
            if write.dry_run:
                del metadata["resourceVersion"]
            return item

    def update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        manifest: Mapping[str, Any],
        write: Write | None = None,
        subresource: str = "",
    ) -> Object:
        """Replace an object, or with the subresource `status` only its status, and return it."""
        write = write or Write()
        given = (manifest.get("metadata") or {}).get("name", name)
        if given != name:
            raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        with self.store.lock:
            return self._replace(kind, self.store.get(kind, namespace, name), manifest, write, subresource)

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Any,
        media_type: str,
        write: Write | None = None,
        subresource: str = "",
    ) -> Object:
        """Change an object by a patch of a media type, and return it."""
        write = write or Write()
        if media_type == "application/apply-patch+yaml":
            text = "server-side apply is not supported by the local Kubernetes API: use apply -f without --server-side"
            raise unsupported_media_type(text)
        with self.store.lock:
            old = self.store.get(kind, namespace, name)
            if media_type == JSON_PATCH:
                new = json_patch(old, patch)
            elif media_type == MERGE_PATCH:
                new = merge_patch(old, patch)
            elif media_type == STRATEGIC_PATCH and not kind.is_custom:
                new = strategic_merge_patch(old, patch, kind_schema(kind))
            else:
                types = (JSON_PATCH, MERGE_PATCH, *(() if kind.is_custom else (STRATEGIC_PATCH,)))
                text = "the body of the request was in an unknown format - accepted media types include"
                raise unsupported_media_type(f"{text}: {', '.join(types)}")
            return self._replace(kind, old, new, write, subresource)

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        write: Write | None = None,
        *,
        orphan: bool = False,
        preconditions: Mapping[str, Any] | None = None,
    ) -> Object:
        """Delete an object with what it owns and, if it is a namespace, with what is in it.

        An object with finalizers stays until an update removes them.

        Args:
            kind: Kind of the object.
            namespace: Namespace of the object.
            name: Name of the object.
            write: Options of the request.
            orphan: True to keep what it owns. Default: False.
            preconditions: `uid` and `resourceVersion` that the object must have. Default: any.

        Returns:
            The object if it has finalizers, otherwise a Status.
        """
        write = write or Write()
        with self.store.lock:
            item = self.store.get(kind, namespace, name)
            for field_name, value in (preconditions or {}).items():
                own = item["metadata"][field_name]
                if own != value:
                    noun = "UID" if field_name == "uid" else "ResourceVersion"
                    text = f"the {noun} in the precondition ({value}) does not match the {noun} in record ({own})"
                    raise conflict(kind, name, f"{text}. The object might have been deleted and then recreated")
            if kind == NAMESPACE and name in _PROTECTED:
                raise forbidden(kind, name, "this namespace may not be deleted")
            with self._committed(namespace, write):
                if orphan:
                    deletion.orphan(self.store, item["metadata"]["uid"])
                deletion.remove(self.store, kind, item)
            remaining = None if write.dry_run else self.store.find(kind, namespace, name)
        details = {"name": name, "group": kind.group, "kind": kind.plural, "uid": item["metadata"]["uid"]}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return remaining or status

    def delete_all(self, kind: Kind, namespace: str, labels: str, fields: str, write: Write | None = None) -> Object:
        """Delete the objects of a kind that match selectors, and return their list."""
        with self.store.lock:
            found = self.list(kind, namespace, labels, fields)
            for item in found["items"]:
                metadata = item["metadata"]
                if self.store.find(kind, metadata.get("namespace", ""), metadata["name"]) is not None:
                    self.delete(kind, metadata.get("namespace", ""), metadata["name"], write)
            return found

    def _replace(self, kind: Kind, old: Object, manifest: Any, write: Write, subresource: str) -> Object:
        namespace, name = old["metadata"].get("namespace", ""), old["metadata"]["name"]
        new = _read(kind, namespace, manifest, write)
        if new["metadata"].get("name") != name:
            raise bad_request(f"the name of the object ({new['metadata'].get('name')}) does not match ({name})")
        metadata = new["metadata"]
        for given, own in ((metadata.get(part), old["metadata"].get(part)) for part in ("uid", "resourceVersion")):
            if given not in (None, "", own):
                text = "the object has been modified; please apply your changes to the latest version and try again"
                raise conflict(kind, name, text)
        metadata |= {part: old["metadata"][part] for part in _KEPT if part in old["metadata"]}
        metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        if subresource == "status":
            new = old | {"status": new.get("status", {})}
        elif "status" in old:
            new["status"] = old["status"]
        else:
            new.pop("status", None)
        defaults.set_defaults(kind, new)
        validation.check_values(kind, new)
        validation.check_update(kind, old, new)
        if new == old:
            return old
        parts = [{part: item[part] for part in item if part not in ("metadata", "status")} for item in (old, new)]
        if parts[0] != parts[1] and "generation" in old["metadata"]:
            new["metadata"]["generation"] += 1
        with self._committed(namespace, write):
            self.store.put(kind, new)
            if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
                deletion.remove(self.store, kind, new)
                return new
        if write.dry_run:
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        return new

    @contextmanager
    def _committed(self, namespace: str, write: Write) -> Iterator[None]:
        """Keep the changes of a block, and what follows from them, unless the request is a dry run."""
        with self.store.transaction(keep=not write.dry_run):
            yield
            admission.refresh_quotas(self.store, namespace)
            deletion.finish_namespace(self.store, namespace)


def _read(kind: Kind, namespace: str, manifest: Any, write: Write) -> Object:
    """Return an object in its canonical form and in a namespace, or raise KubernetesError if it is not of the kind."""
    if not isinstance(manifest, Mapping) or not isinstance(manifest.get("metadata", {}), Mapping):
        raise bad_request("the object provided is unrecognized (must be of type Object)")
    item = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}} | deepcopy(dict(manifest))
    if (item["apiVersion"], item["kind"]) != (kind.api_version, kind.kind):
        text = f"the API version in the data ({item['apiVersion']}, Kind={item['kind']})"
        raise bad_request(f"{text} does not match the expected API version ({kind.api_version}, Kind={kind.kind})")
    defaults.add_empty_specs(kind, item)
    write.warnings.extend(validation.check_schema(kind, item, strict=write.strict))
    item = defaults.canonical(kind, item)
    if not kind.namespaced:
        item["metadata"].pop("namespace", None)
    elif item["metadata"].setdefault("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    item["metadata"].pop("managedFields", None)
    return item
