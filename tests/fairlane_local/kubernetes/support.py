"""Kubernetes APIs and objects of the tests."""

from itertools import count
from typing import Any

import pytest

from fairlane_local.kubernetes.api import KubernetesApi, Write
from fairlane_local.kubernetes.errors import KubernetesError, Object
from fairlane_local.kubernetes.kinds import Kind, kind_of


def new_api() -> KubernetesApi:
    """Return an API whose clock moves by a second at each look."""
    seconds = count(1_800_000_000)
    return KubernetesApi(lambda: float(next(seconds)))


def manifest(kind: str, name: str, api_version: str = "v1", **members: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **members}


def pod(name: str, resources: Object | None = None, **spec: Any) -> Object:
    container = {"name": "train", "image": "train:1", "resources": resources or {}}
    return manifest("Pod", name, spec={"containers": [container], **spec})


def gpus(number: int) -> Object:
    return {"limits": {"nvidia.com/gpu": number}}


def quota(name: str, **hard: Any) -> Object:
    return manifest(
        "ResourceQuota", name, spec={"hard": {key.replace("__", "."): value for key, value in hard.items()}}
    )


def kind(item: Object) -> Kind:
    found = kind_of(item)
    assert found is not None
    return found


def create(api: KubernetesApi, item: Object, namespace: str = "default", write: Write | None = None) -> Object:
    own = kind(item)
    return api.create(own, namespace if own.namespaced else "", item, write)


def get(api: KubernetesApi, item: Object, namespace: str = "default") -> Object:
    own = kind(item)
    return api.get(own, namespace if own.namespaced else "", item["metadata"]["name"])


def refusal(api: KubernetesApi, item: Object, namespace: str = "default") -> str:
    """Return the words with which the API refuses a new object, as kubectl prints them."""
    with pytest.raises(KubernetesError) as caught:
        create(api, item, namespace)
    return str(caught.value)
