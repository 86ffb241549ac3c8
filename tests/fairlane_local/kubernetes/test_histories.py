"""Random histories of requests against a reference model of namespaces, pods and quotas."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from fairlane_local.kubernetes.api import MERGE_PATCH, KubernetesApi
from fairlane_local.kubernetes.errors import KubernetesError, Object
from tests.fairlane_local.kubernetes.support import gpus, kind, manifest, new_api, pod, quota

_KEY = "requests.nvidia.com/gpu"
_NAMESPACE = kind(manifest("Namespace", "a"))
_POD = kind(pod("p"))
_QUOTA = kind(quota("q"))

Step = tuple[str, str, str, int]
"""Action, namespace, name and number."""


@dataclass
class Namespace:
    """Reference model of a namespace: pods with their GPUs, those that ended, and GPUs by quota."""

    pods: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    quotas: dict[str, int] = field(default_factory=dict)

    @property
    def used(self) -> int:
        return sum(number for name, number in self.pods.items() if name not in self.ended)


def model_result(model: dict[str, Namespace], step: Step) -> int:
    """Return the code of a step, 200 if the API accepts it, and change the model."""
    action, name, item, number = step
    space = model.get(name)
    if action == "create namespace":
        if space is not None:
            return 409
        model[name] = Namespace()
    elif space is None:
        return 404
    elif action == "delete namespace":
        del model[name]
    elif action == "create pod":
        if item in space.pods:
            return 409
        if number and any(space.used + number > most for most in space.quotas.values()):
            return 403
        space.pods[item] = number
    elif action == "end pod":
        if item not in space.pods:
            return 404
        space.ended.add(item)
    elif action == "delete pod":
        if space.pods.pop(item, None) is None:
            return 404
        space.ended.discard(item)
    elif action == "create quota":
        if item in space.quotas:
            return 409
        space.quotas[item] = number
    elif action == "change quota":
        if item not in space.quotas:
            return 404
        space.quotas[item] = number
    elif space.quotas.pop(item, None) is None:
        return 404
    return 200


def api_result(api: KubernetesApi, step: Step) -> int:
    action, name, item, number = step
    try:
        match action:
            case "create namespace":
                api.create(_NAMESPACE, "", manifest("Namespace", name))
            case "delete namespace":
                api.delete(_NAMESPACE, "", name)
            case "create pod":
                api.create(_POD, name, pod(item, gpus(number) if number else None))
            case "end pod":
                status = {"status": {"phase": "Failed"}}
                api.patch(_POD, name, item, status, MERGE_PATCH, subresource="status")
            case "delete pod":
                api.delete(_POD, name, item)
            case "create quota":
                api.create(_QUOTA, name, quota(item, **{_KEY: number}))
            case "change quota":
                api.patch(_QUOTA, name, item, {"spec": {"hard": {_KEY: number}}}, MERGE_PATCH)
            case _:
                api.delete(_QUOTA, name, item)
    except KubernetesError as error:
        return error.code
    return 200


def observed(api: KubernetesApi) -> dict[str, tuple[list[str], dict[str, tuple[str, str]]]]:
    """Return the pods of each namespace, and the limit and use of its quotas."""

    def amounts(item: Object) -> tuple[str, str]:
        return item["spec"]["hard"][_KEY], item["status"]["used"][_KEY]

    spaces = [item["metadata"]["name"] for item in api.list(_NAMESPACE)["items"]]
    return {
        name: (
            [item["metadata"]["name"] for item in api.list(_POD, name)["items"]],
            {item["metadata"]["name"]: amounts(item) for item in api.list(_QUOTA, name)["items"]},
        )
        for name in spaces
        if name in ("a", "b")
    }


_STEPS = st.tuples(
    st.sampled_from(
        ["create pod"] * 4
        + [
            "create namespace",
            "delete namespace",
            "end pod",
            "delete pod",
            "create quota",
            "change quota",
            "delete quota",
        ]
    ),
    st.sampled_from("aab"),
    st.sampled_from("pqrs"),
    st.integers(0, 12),
)


@given(st.lists(_STEPS, max_size=30))
def test_each_history_ends_as_in_the_model(steps: list[Step]) -> None:
    api, model = new_api(), dict[str, Namespace]()
    for step in [("create namespace", "a", "", 0), *steps]:
        assert api_result(api, step) == model_result(model, step), step
        expected = {
            name: (
                sorted(space.pods),
                {key: (str(most), str(space.used)) for key, most in sorted(space.quotas.items())},
            )
            for name, space in model.items()
        }
        assert observed(api) == expected
