"""Objects of the local Kubernetes API: creation, lists, updates, deletion, and the words of refusals."""

import base64
from typing import Any

import pytest

from fairlane_local.kubernetes.api import MERGE_PATCH, KubernetesApi, Write
from fairlane_local.kubernetes.errors import KubernetesError, Object
from fairlane_local.kubernetes.kinds import kind_at
from tests.fairlane_local.kubernetes.support import create, get, kind, manifest, new_api, pod, quota, refusal


@pytest.fixture
def api() -> KubernetesApi:
    return new_api()


def config(name: str = "a", **metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": {"x": "1"}}


def update(api: KubernetesApi, item: Object, **options: Any) -> Object:
    own = kind(item)
    return api.update(own, "default" if own.namespaced else "", item["metadata"]["name"], item, **options)


def update_refusal(api: KubernetesApi, item: Object) -> str:
    with pytest.raises(KubernetesError) as caught:
        update(api, item)
    return str(caught.value)


def names(found: Object) -> list[str]:
    return [item["metadata"]["name"] for item in found["items"]]


def test_a_new_object_gets_the_metadata_of_the_server(api: KubernetesApi) -> None:
    given = config(uid="mine", resourceVersion="7", generation=9, creationTimestamp="2000-01-01T00:00:00Z")
    item = create(api, given)
    assert item == get(api, given)
    metadata = item["metadata"]
    assert metadata["namespace"] == "default"
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].startswith("2027-")
    assert int(metadata["resourceVersion"]) > 0
    assert create(api, quota("q", pods=1))["metadata"]["generation"] == 1


def test_a_generated_name_is_unique(api: KubernetesApi) -> None:
    given = config()
    given["metadata"] = {"generateName": "run-"}
    found = {create(api, given)["metadata"]["name"] for _ in range(20)}
    assert len(found) == 20
    assert all(name.startswith("run-") and len(name) == 9 for name in found)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (manifest("ConfigMap", "a"), '(AlreadyExists): configmaps "a" already exists'),
        (manifest("Namespace", "default"), '(AlreadyExists): namespaces "default" already exists'),
        (
            manifest("ResourceQuota", "q", spec={"hards": {}, "hard": {"pods": 1}}),
            '(BadRequest): ResourceQuota in version "v1" cannot be handled as a ResourceQuota: strict decoding error: '
            'unknown field "spec.hards"',
        ),
        (
            manifest("Role", "r", "rbac.authorization.k8s.io/v1", rules=[{"apiGroups": [""], "resources": ["pods"]}]),
            '(Invalid): Role.rbac.authorization.k8s.io "r" is invalid: rules[0].verbs: Required value',
        ),
        (
            manifest("Pod", "p", spec={"containers": "train"}),
            "(Invalid): Pod \"p\" is invalid: spec.containers: Invalid value: 'train': must be a list",
        ),
        (quota("q", gpu=8), 'spec.hard[gpu]: Invalid value: "gpu": must be a standard resource for quota'),
        (
            manifest("ConfigMap", "A_b"),
            'metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist',
        ),
        (manifest("Namespace", "a.b"), 'metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label must consist'),
        (manifest("Namespace", "a" * 64), "must be no more than 63 characters"),
        (manifest("ConfigMap", ""), "metadata.name: Required value: name or generateName is required"),
        (
            config("b", labels={"team": "a b"}),
            'metadata.labels: Invalid value: "a b": a valid label must be an empty string or consist of alphanumeric',
        ),
        (
            pod("p", {"limits": {"cpu": 1}, "requests": {"cpu": "1500m"}}),
            'spec.containers[0].resources.requests: Invalid value: "1500m": must be less than or equal to cpu limit of 1',
        ),
        (
            pod("p", {"requests": {"nvidia.com/gpu": 1}}),
            "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources",
        ),
        (
            pod("p", {"requests": {"nvidia.com/gpu": 1}, "limits": {"nvidia.com/gpu": 2}}),
            'spec.containers[0].resources.requests: Invalid value: "1": must be equal to nvidia.com/gpu limit of 2',
        ),
        (
            pod("p", {"limits": {"nvidia.com/gpu": -8}}),
            'limits[nvidia.com/gpu]: Invalid value: "-8": must be greater than or equal to 0',
        ),
        (
            pod("p", {"limits": {"nvidia.com/gpu": 0.5}}),
            'limits[nvidia.com/gpu]: Invalid value: "500m": must be an integer',
        ),
        (quota("q", cpu=-1), 'spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0'),
        (quota("q", pods=1.5), 'spec.hard[pods]: Invalid value: "1500m": must be an integer'),
        (
            quota("q", **{"nvidia.com/gpu": "500m"}),
            'spec.hard[nvidia.com/gpu]: Invalid value: "500m": must be an integer',
        ),
        (
            pod("p", {"limits": {"gpu": 1}}),
            'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
        ),
        (
            manifest("Job", "j", "batch/v1", spec={"template": {"spec": pod("p")["spec"]}}),
            'spec.template.spec.restartPolicy: Unsupported value: "Always": supported values: "OnFailure", "Never"',
        ),
        (
            manifest("PriorityClass", "top", "scheduling.k8s.io/v1", value=2_000_000_000),
            "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
        ),
        (
            pod("p", priorityClassName="base"),
            '(Forbidden): pods "p" is forbidden: no PriorityClass with name base was found',
        ),
    ],
)
def test_a_wrong_object_is_refused_in_the_words_of_kubernetes(api: KubernetesApi, item: Object, words: str) -> None:
    create(api, config())
    assert words in refusal(api, item)


def test_a_namespace_that_does_not_exist_is_refused(api: KubernetesApi) -> None:
    assert refusal(api, config(), "team") == 'Error from server (NotFound): namespaces "team" not found'
    expected = "the namespace of the provided object does not match the namespace sent on the request"
    assert expected in refusal(api, config(namespace="other"))


def test_unknown_fields_are_dropped_with_a_warning_unless_validation_is_strict(api: KubernetesApi) -> None:
    write = Write(strict=False)
    item = create(api, quota("q", pods=1) | {"colour": "red"}, write=write)
    assert "colour" not in item
    assert write.warnings == ['unknown field "colour"']


def test_lists_take_selectors(api: KubernetesApi) -> None:
    create(api, manifest("Namespace", "team"))
    for name, own in (("a", {"size": "1"}), ("b", {"size": "2", "big": ""}), ("c", {})):
        create(api, config(name, labels=own))
    create(api, config("d"), "team")
    maps = kind(config())
    assert names(api.list(maps)) == ["a", "b", "c", "d"]
    expected = {
        ("size=1", ""): ["a"],
        ("size!=1", ""): ["b", "c", "d"],
        ("size in (1, 2),big", ""): ["b"],
        ("size notin (1)", ""): ["b", "c", "d"],
        ("!size", ""): ["c", "d"],
        ("", "metadata.name=b"): ["b"],
        ("", "metadata.namespace!=team,metadata.name!=a"): ["b", "c"],
    }
    assert {key: names(api.list(maps, "", *key)) for key in expected} == expected
    for labels, fields, words in (
        ("size in 1", "", "unable to parse"),
        ("", "data.x=1", "field label not supported: data.x"),
    ):
        with pytest.raises(KubernetesError, match=words):
            api.list(maps, "", labels, fields)


def test_defaults_and_canonical_quantities_are_filled_in(api: KubernetesApi) -> None:
    item = create(api, pod("p", {"limits": {"cpu": "1000m", "memory": "2048Mi"}}))
    container = item["spec"]["containers"][0]
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "2Gi"}
    assert (container["imagePullPolicy"], item["spec"]["restartPolicy"]) == ("IfNotPresent", "Always")
    assert (item["spec"]["priority"], item["status"]) == (0, {"phase": "Pending"})
    secret = create(api, manifest("Secret", "s", stringData={"key": "word"}))
    assert (secret["type"], secret["data"]) == ("Opaque", {"key": base64.b64encode(b"word").decode()})
    namespace = create(api, manifest("Namespace", "team"))
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}


def test_a_pod_gets_the_priority_of_its_class(api: KubernetesApi) -> None:
    elastic = manifest("PriorityClass", "elastic", "scheduling.k8s.io/v1", value=10, preemptionPolicy="Never")
    create(api, elastic)
    spec = create(api, pod("p", priorityClassName="elastic"))["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (10, "Never")
    words = (
        "the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 10"
    )
    assert words in refusal(api, pod("q", priorityClassName="elastic", priority=7))


def test_an_update_needs_the_latest_version_if_it_names_one(api: KubernetesApi) -> None:
    first = create(api, config())
    created = first["metadata"]["creationTimestamp"]
    other = first["metadata"] | {"creationTimestamp": "2000-01-01T00:00:00Z"}
    second = update(api, first | {"data": {"x": "2"}, "metadata": other})
    assert second["metadata"]["creationTimestamp"] == created
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    expected = (
        'Error from server (Conflict): Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert update_refusal(api, first | {"data": {"x": "3"}}) == expected
    assert update(api, second) == second
    assert update(api, config() | {"data": {"x": "4"}})["data"] == {"x": "4"}
    assert update_refusal(api, config("b")) == 'Error from server (NotFound): configmaps "b" not found'


def test_an_update_of_the_specification_raises_the_generation(api: KubernetesApi) -> None:
    item = create(api, quota("q", pods=1))
    labelled = update(api, quota("q", pods=1) | {"metadata": {"name": "q", "labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    assert update(api, quota("q", pods=2))["metadata"]["generation"] == 2
    assert get(api, quota("q"))["metadata"]["uid"] == item["metadata"]["uid"]


def test_status_changes_only_by_its_subresource(api: KubernetesApi) -> None:
    running = create(api, pod("p")) | {"status": {"phase": "Running"}}
    del running["metadata"]["resourceVersion"]
    assert update(api, running)["status"] == {"phase": "Pending"}
    changed = update(api, running | {"metadata": {"name": "p", "labels": {"a": "b"}}}, subresource="status")
    assert (changed["status"], "labels" in changed["metadata"]) == ({"phase": "Running"}, False)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (pod("p"), pod("p", hostNetwork=True), "spec: Forbidden: pod updates may not change fields other than"),
        (
            manifest("PriorityClass", "base", "scheduling.k8s.io/v1", value=1),
            manifest("PriorityClass", "base", "scheduling.k8s.io/v1", value=2),
            "value: Forbidden: may not be changed in an update.",
        ),
        (
            manifest("PriorityClass", "base", "scheduling.k8s.io/v1", value=1),
            manifest("PriorityClass", "base", "scheduling.k8s.io/v1", value=1, preemptionPolicy="Never"),
            'preemptionPolicy: Invalid value: "Never": field is immutable',
        ),
        (
            manifest(
                "RoleBinding",
                "r",
                "rbac.authorization.k8s.io/v1",
                roleRef={"apiGroup": "g", "kind": "Role", "name": "a"},
            ),
            manifest(
                "RoleBinding",
                "r",
                "rbac.authorization.k8s.io/v1",
                roleRef={"apiGroup": "g", "kind": "Role", "name": "b"},
            ),
            'roleRef: Invalid value: {"apiGroup": "g", "kind": "Role", "name": "b"}: cannot change roleRef',
        ),
        (config() | {"immutable": True}, config() | {"data": {}}, "data: Forbidden: field is immutable when"),
    ],
)
def test_fixed_fields_cannot_be_changed(api: KubernetesApi, old: Object, new: Object, words: str) -> None:
    create(api, old)
    assert words in update_refusal(api, new)


def test_the_image_of_a_pod_can_be_changed(api: KubernetesApi) -> None:
    changed = create(api, pod("p"))
    changed["spec"]["containers"][0]["image"] = "train:2"
    assert update(api, changed)["spec"]["containers"][0]["image"] == "train:2"


def test_a_dry_run_checks_and_changes_nothing(api: KubernetesApi) -> None:
    dry = Write(dry_run=True)
    assert "resourceVersion" not in create(api, config(), write=dry)["metadata"]
    with pytest.raises(KubernetesError, match="not found"):
        get(api, config())
    item = create(api, config())
    assert update(api, config() | {"data": {"x": "2"}}, write=dry)["data"] == {"x": "2"}
    assert api.delete(kind(config()), "default", "a", dry)["status"] == "Success"
    assert get(api, config()) == item
    assert "already exists" in refusal(api, config())


def test_a_namespace_is_deleted_with_what_is_in_it(api: KubernetesApi) -> None:
    namespaces = kind(manifest("Namespace", "team"))
    create(api, manifest("Namespace", "team"))
    for item in (config(), quota("q", pods=1), pod("p")):
        create(api, item, "team")
    api.delete(namespaces, "", "team")
    assert api.list(kind(config()), "team")["items"] == []
    with pytest.raises(KubernetesError, match='namespaces "team" not found'):
        api.get(namespaces, "", "team")
    create(api, manifest("Namespace", "team"))
    assert create(api, pod("p"), "team")["status"] == {"phase": "Pending"}
    with pytest.raises(KubernetesError, match='namespaces "default" is forbidden: this namespace may not be deleted'):
        api.delete(namespaces, "", "default")


def test_finalizers_keep_an_object_and_its_namespace(api: KubernetesApi) -> None:
    namespaces, maps = kind(manifest("Namespace", "team")), kind(config())
    create(api, manifest("Namespace", "team"))
    create(api, config(finalizers=["example.com/keep"]), "team")
    assert api.delete(namespaces, "", "team")["status"]["phase"] == "Terminating"
    assert "deletionTimestamp" in api.get(maps, "team", "a")["metadata"]
    words = "unable to create new content in namespace team because it is being terminated"
    assert words in refusal(api, config("b"), "team")
    api.patch(maps, "team", "a", {"metadata": {"finalizers": None}}, MERGE_PATCH)
    with pytest.raises(KubernetesError, match="not found"):
        api.get(namespaces, "", "team")


def test_a_namespace_whose_own_finalizer_is_removed_first_ends_with_its_content(api: KubernetesApi) -> None:
    namespaces, maps = kind(manifest("Namespace", "team")), kind(config())
    item = manifest("Namespace", "team")
    item["metadata"]["finalizers"] = ["example.com/keep"]
    create(api, item)
    create(api, config(finalizers=["example.com/keep"]), "team")
    api.delete(namespaces, "", "team")
    assert "finalizers" not in api.patch(namespaces, "", "team", {"metadata": {"finalizers": None}}, MERGE_PATCH)
    assert "finalizers" not in api.get(namespaces, "", "team")["metadata"]
    api.patch(maps, "team", "a", {"metadata": {"finalizers": None}}, MERGE_PATCH)
    with pytest.raises(KubernetesError, match="not found"):
        api.get(namespaces, "", "team")


@pytest.mark.parametrize(("orphan", "remaining"), [(False, []), (True, ["p"])])
def test_owned_objects_are_deleted_with_their_owner(api: KubernetesApi, orphan: bool, remaining: list[str]) -> None:
    owner = create(api, config())["metadata"]["uid"]
    owned = pod("p")
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": owner}]
    create(api, owned)
    api.delete(kind(config()), "default", "a", orphan=orphan)
    assert names(api.list(kind(owned))) == remaining


def test_an_object_stays_until_its_last_owner_is_gone(api: KubernetesApi) -> None:
    owners = [create(api, config(name))["metadata"] for name in "ab"]
    owned = pod("p")
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["name"], "uid": owner["uid"]} for owner in owners
    ]
    create(api, owned)
    for name, remaining in (("a", ["p"]), ("b", [])):
        api.delete(kind(config()), "default", name)
        assert names(api.list(kind(owned))) == remaining


def test_a_deletion_can_require_an_id(api: KubernetesApi) -> None:
    create(api, config())
    with pytest.raises(KubernetesError, match="the UID in the precondition") as caught:
        api.delete(kind(config()), "default", "a", preconditions={"uid": "other"})
    assert caught.value.code == 409


def test_an_object_is_the_same_in_all_versions_of_its_kind(api: KubernetesApi) -> None:
    create(api, manifest("WorkloadPriorityClass", "high", "kueue.x-k8s.io/v1beta1", value=3))
    newer = kind_at("kueue.x-k8s.io/v1beta2", "workloadpriorityclasses")
    assert newer is not None
    assert api.get(newer, "", "high")["apiVersion"] == "kueue.x-k8s.io/v1beta2"
