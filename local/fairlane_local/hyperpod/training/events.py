"""Kubernetes events of controllers, as `kubectl describe` and `kubectl get events` show them."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from fairlane_local.hyperpod.training.kueue_objects import served
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import Object

_EVENT: Final = served("v1", "events")


def record(
    api: KubernetesApi, component: str, item: Mapping[str, Any], reason: str, message: str, *, warning: bool = False
) -> None:
    """Record an event of an object. An event with the same reason and message is recorded once for each object.

    Args:
        api: API of the cluster.
        component: Name of the controller.
        item: Object that the event is about.
        reason: Reason in one word.
        message: Sentence for people.
        warning: True for an event of type Warning. Default: Normal.
    """
    metadata = item["metadata"]
    digest = hashlib.sha256(f"{metadata['uid']} {reason} {message}".encode()).hexdigest()[:16]
    name = f"{metadata['name'][:200]}.{digest}"
    if api.store.find(_EVENT, metadata["namespace"], name) is not None:
        return
    involved = {"apiVersion": item["apiVersion"], "kind": item["kind"]}
    involved |= {field: metadata[field] for field in ("name", "namespace", "uid")}
    now = api.store.time()
    event: Object = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "type": "Warning" if warning else "Normal",
        "source": {"component": component},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    api.create(_EVENT, metadata["namespace"], event)
