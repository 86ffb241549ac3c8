"""Patches of three kinds, and the three-way merge of applied manifests."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes import manifests
from fairlane_local.kubernetes.api import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, KubernetesApi
from fairlane_local.kubernetes.errors import KubernetesError, Object
from fairlane_local.kubernetes.patches import merge_patch
from tests.fairlane_local.kubernetes.support import create, get, kind, manifest, new_api, pod, quota


@pytest.fixture
def api() -> KubernetesApi:
    return new_api()


def deployment(*containers: Object, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": list(containers), **spec}}
    own = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
    return manifest("Deployment", "d", "apps/v1", spec=own)


def container(name: str, **variables: str) -> Object:
    return {
        "name": name,
        "image": f"{name}:1",
        "env": [{"name": key, "value": text} for key, text in variables.items()],
    }


def patch(api: KubernetesApi, item: Object, change: Any, media_type: str) -> Any:
    own = kind(item)
    return api.patch(own, "default" if own.namespaced else "", item["metadata"]["name"], change, media_type)


def refusal(api: KubernetesApi, item: Object, change: Any, media_type: str) -> KubernetesError:
    with pytest.raises(KubernetesError) as caught:
        patch(api, item, change, media_type)
    return caught.value


def pod_spec(item: Object) -> Any:
    return item["spec"]["template"]["spec"]


def variables(item: Object) -> dict[str, dict[str, str]]:
    return {
        own["name"]: {variable["name"]: variable["value"] for variable in own.get("env", ())}
        for own in pod_spec(item)["containers"]
    }


def test_a_strategic_patch_merges_lists_by_their_keys(api: KubernetesApi) -> None:
    create(api, deployment(container("a", X="1"), container("b", Y="1")))
    change = {
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "a", "env": [{"name": "Z", "value": "2"}, {"name": "X", "$patch": "delete"}]},
                        {"name": "c", "image": "c:1"},
                    ],
                    "tolerations": [{"key": "gpu", "operator": "Exists"}],
                }
            }
        }
    }
    changed = patch(api, deployment(), change, STRATEGIC_PATCH)
    assert variables(changed) == {"a": {"Z": "2"}, "b": {"Y": "1"}, "c": {}}
    change["spec"]["template"]["spec"] = {"tolerations": [{"key": "efa", "operator": "Exists"}]}
    assert len(pod_spec(patch(api, deployment(), change, STRATEGIC_PATCH))["tolerations"]) == 1


def test_directives_of_a_strategic_patch(api: KubernetesApi) -> None:
    create(api, deployment(container("a", X="1"), container("b"), volumes=[{"name": "v", "emptyDir": {}}]))

    def change(**spec: Any) -> Any:
        return pod_spec(patch(api, deployment(), {"spec": {"template": {"spec": spec}}}, STRATEGIC_PATCH))

    replaced = {"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "m"}}
    assert change(volumes=[replaced])["volumes"] == [{"name": "v", "configMap": {"name": "m", "defaultMode": 420}}]
    order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}
    assert [item["name"] for item in change(**order)["containers"]] == ["b", "a"]
    listed = change(containers=[{"$patch": "replace"}, {"name": "c", "image": "c:1"}])["containers"]
    assert [item["name"] for item in listed] == ["c"]
    created = create(api, pod("p") | {"metadata": {"name": "p", "finalizers": ["a.b/c", "a.b/d"]}})
    finalizers = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.b/c"], "finalizers": ["a.b/e"]}}
    assert patch(api, created, finalizers, STRATEGIC_PATCH)["metadata"]["finalizers"] == ["a.b/d", "a.b/e"]


def test_a_json_patch_and_a_merge_patch(api: KubernetesApi) -> None:
    create(api, quota("q", pods=1, services=2))
    operations = [
        {"op": "test", "path": "/spec/hard/pods", "value": "1"},
        {"op": "replace", "path": "/spec/hard/pods", "value": 3},
        {"op": "remove", "path": "/spec/hard/services"},
    ]
    assert patch(api, quota("q"), operations, JSON_PATCH)["spec"] == {"hard": {"pods": "3"}}
    change = {"spec": {"hard": {"pods": None, "secrets": 1}}}
    assert patch(api, quota("q"), change, MERGE_PATCH)["spec"] == {"hard": {"secrets": "1"}}


@pytest.mark.parametrize(
    ("change", "media_type", "code", "words"),
    [
        (
            [{"op": "test", "path": "/spec/hard/pods", "value": "9"}],
            JSON_PATCH,
            400,
            "the JSON patch cannot be applied",
        ),
        ([{"op": "remove", "path": "/spec/nothing"}], JSON_PATCH, 400, "the JSON patch cannot be applied"),
        ({"op": "remove"}, JSON_PATCH, 400, "the JSON patch cannot be applied"),
        ([], MERGE_PATCH, 400, "the object provided is unrecognized"),
        ({"spec": {"$patch": "sort"}}, STRATEGIC_PATCH, 400, "Unknown patch type: sort"),
        ({"spec": {"hards": {}}}, MERGE_PATCH, 400, 'strict decoding error: unknown field "spec.hards"'),
        ({"metadata": {"resourceVersion": "1"}}, MERGE_PATCH, 409, "the object has been modified"),
        ({"metadata": {"name": "r"}}, MERGE_PATCH, 400, "the name of the object (r) does not match"),
        ({}, "application/apply-patch+yaml", 415, "use apply -f without --server-side"),
        ({}, "text/plain", 415, "accepted media types include: application/json-patch+json"),
    ],
)
def test_a_wrong_patch_is_refused(api: KubernetesApi, change: Any, media_type: str, code: int, words: str) -> None:
    item = create(api, quota("q", pods=1))
    error = refusal(api, item, change, media_type)
    assert (error.code, words in error.message) == (code, True)


def test_a_refused_json_patch_does_not_print_the_object(api: KubernetesApi) -> None:
    item = create(api, quota("q", pods=1))
    error = refusal(api, item, [{"op": "replace", "path": "/data/x", "value": "1"}], JSON_PATCH)
    assert error.message == "the JSON patch cannot be applied: member 'data' not found"


def test_custom_resources_have_no_strategic_patch(api: KubernetesApi) -> None:
    item = create(api, manifest("WorkloadPriorityClass", "high", "kueue.x-k8s.io/v1beta1", value=3))
    error = refusal(api, item, {"value": 4}, STRATEGIC_PATCH)
    assert (error.code, STRATEGIC_PATCH in error.message) == (415, False)
    assert patch(api, item, {"value": 4}, MERGE_PATCH)["value"] == 4


def test_apply_removes_what_a_manifest_no_longer_names_and_keeps_the_rest(api: KubernetesApi) -> None:
    manifests.apply(api, [quota("q", pods=1, services=2)])
    patch(api, quota("q"), {"spec": {"hard": {"secrets": 5}}}, MERGE_PATCH)
    manifests.apply(api, [quota("q", pods=3)])
    assert get(api, quota("q"))["spec"] == {"hard": {"pods": "3", "secrets": "5"}}
    manifests.apply(api, [deployment(container("a", X="1"), container("b"))])
    others = {"spec": {"template": {"spec": {"containers": [container("a", Y="2"), container("c")]}}}}
    patch(api, deployment(), others, STRATEGIC_PATCH)
    manifests.apply(api, [deployment(container("a", Z="3"))])
    assert variables(get(api, deployment())) == {"a": {"Z": "3", "Y": "2"}, "c": {}}


_VARIABLES = st.dictionaries(st.sampled_from("XYZ"), st.sampled_from("12"), max_size=3)
_CONTAINERS = st.dictionaries(st.sampled_from("abc"), _VARIABLES, min_size=1, max_size=3)
_VOLUMES = st.dictionaries(
    st.sampled_from("vw"), st.sampled_from([{"emptyDir": {}}, {"configMap": {"name": "m", "defaultMode": 420}}])
)
_DEPLOYMENTS = st.builds(
    lambda containers, volumes, replicas: merge_patch(
        deployment(
            *(container(name, **own) for name, own in containers.items()),
            volumes=[{"name": name, **source} for name, source in volumes.items()],
        ),
        {"spec": {"replicas": replicas}},
    ),
    _CONTAINERS,
    _VOLUMES,
    st.none() | st.integers(0, 3),
)


@given(st.lists(_DEPLOYMENTS, min_size=1, max_size=4))
def test_applied_manifests_end_as_the_last_one(history: list[Object]) -> None:
    """Without changes by others, each apply ends in what a first apply of the manifest makes."""
    api, fresh = new_api(), new_api()
    for item in history:
        manifests.apply(api, [deepcopy(item)])
    manifests.apply(fresh, [history[-1]])
    assert get(api, history[-1])["spec"] == get(fresh, history[-1])["spec"]
    version = get(api, history[-1])["metadata"]["resourceVersion"]
    manifests.apply(api, [history[-1]])
    assert get(api, history[-1])["metadata"]["resourceVersion"] == version


_JSON: Any = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON, _JSON)
def test_a_merge_patch_applied_twice_changes_nothing_more(document: Any, change: Any) -> None:
    once = merge_patch(document, change)
    assert merge_patch(once, change) == once


def test_errors_of_manifests_do_not_stop_the_others(api: KubernetesApi) -> None:
    wrong = [
        manifest("ConfigMap", ""),
        manifest("ConfigMap", "A"),
        manifest("Certificate", "c", "cert-manager.io/v1"),
        quota("q", pods=1),
    ]
    with pytest.raises(LocalAwsError) as caught:
        manifests.create(api, wrong)
    nameless, first, second = str(caught.value).splitlines()
    assert nameless == "error: resource name may not be empty"
    assert 'ConfigMap "A" is invalid' in first
    assert (
        second
        == 'error: the local Kubernetes API does not serve the kind "Certificate" in version "cert-manager.io/v1"'
    )
    assert get(api, quota("q"))["spec"] == {"hard": {"pods": "1"}}
