"""Random changes of good objects: the API admits them, or refuses them with a status."""

from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fairlane_local.kubernetes.api import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Write
from fairlane_local.kubernetes.errors import KubernetesError, Object
from tests.fairlane_local.kubernetes.support import create, gpus, kind, manifest, new_api, pod, quota

_POD = pod("p", gpus(8), tolerations=[{"key": "a", "operator": "Exists"}], volumes=[{"name": "v", "emptyDir": {}}])
_TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": _POD["spec"] | {"restartPolicy": "Never"}}
_RBAC = "rbac.authorization.k8s.io"
_GOOD: list[Object] = [
    _POD,
    quota("q", pods=1) | {"spec": {"hard": {"pods": 1}, "scopes": ["BestEffort"]}},
    manifest("LimitRange", "l", spec={"limits": [{"type": "Container", "max": {"cpu": 4}, "min": {"cpu": "1m"}}]}),
    manifest("Job", "j", "batch/v1", spec={"template": _TEMPLATE}),
    manifest(
        "CronJob", "c", "batch/v1", spec={"schedule": "* * * * *", "jobTemplate": {"spec": {"template": _TEMPLATE}}}
    ),
    manifest(
        "Deployment",
        "d",
        "apps/v1",
        spec={
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod("p")["spec"]},
        },
    ),
    manifest("Namespace", "n", spec={"finalizers": ["kubernetes"]}),
    manifest(
        "PersistentVolumeClaim",
        "c",
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    ),
    manifest("Service", "s", spec={"type": "NodePort", "ports": [{"port": 80}]}),
    manifest("Secret", "s", stringData={"a": "b"}),
    manifest("PriorityClass", "p", "scheduling.k8s.io/v1", value=1),
    manifest(
        "RoleBinding",
        "r",
        f"{_RBAC}/v1",
        roleRef={"apiGroup": _RBAC, "kind": "Role", "name": "a"},
        subjects=[{"kind": "Group", "name": "g"}],
    ),
    manifest("LocalQueue", "l", "kueue.x-k8s.io/v1beta1", spec={"clusterQueue": "c"}),
]
_VALUES: Any = st.sampled_from(
    [None, 0, -1, 1.5, True, "", "x", "64Gi", [], ["x"], [None], [{}], {}, {"a": "b"}, {"": None}]
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inner for key, item in items for inner in paths(item, (*path, key)))]


@st.composite
def changed_objects(draw: Any) -> Object:
    item: Object = deepcopy(draw(st.sampled_from(_GOOD)))
    for _ in range(draw(st.integers(1, 3))):
        found = [path for path in paths(item) if path and path[0] not in ("apiVersion", "kind")]
        if found:
            *parents, name = draw(st.sampled_from(found))
            place: Any = item
            for parent in parents:
                place = place[parent]
            if draw(st.booleans()):
                del place[name]
            else:
                place[name] = deepcopy(draw(_VALUES))
    return item


@given(changed_objects(), st.booleans())
def test_each_object_is_admitted_or_refused(item: Object, strict: bool) -> None:
    api = new_api()
    create(api, manifest("LimitRange", "first", spec={"limits": [{"type": "Container", "default": {"cpu": 1}}]}))
    create(api, quota("first", **{"requests.cpu": 9, "services.nodeports": 9}))
    with suppress(KubernetesError):
        created = create(api, item, write=Write(strict=strict))
        metadata = created["metadata"]
        stored = api.get(kind(item), metadata.get("namespace", ""), metadata["name"])
        assert api.update(kind(item), metadata.get("namespace", ""), metadata["name"], stored) == stored


@given(st.sampled_from(_GOOD), changed_objects(), st.sampled_from([MERGE_PATCH, STRATEGIC_PATCH, JSON_PATCH]))
def test_each_patch_is_applied_or_refused(item: Object, change: Object, media_type: str) -> None:
    api = new_api()
    created = create(api, item)
    body: Any = (
        change
        if media_type != JSON_PATCH
        else [{"op": "add", "path": f"/{key}", "value": change[key]} for key in change]
    )
    with suppress(KubernetesError):
        metadata = created["metadata"]
        api.patch(kind(item), metadata.get("namespace", ""), metadata["name"], body, media_type)
