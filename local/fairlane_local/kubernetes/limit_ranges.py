"""LimitRange admission: defaults of containers, and least and most amounts of containers, pods and volume claims."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fairlane_local.kubernetes import amounts
from fairlane_local.kubernetes.amounts import Amount, Amounts
from fairlane_local.kubernetes.defaults import containers
from fairlane_local.kubernetes.errors import Object

_ANNOTATION: Final = "kubernetes.io/limit-ranger"
_NOUNS: Final = {"containers": "container", "initContainers": "init container"}


def set_pod_defaults(pod: Object, limit_ranges: Iterable[Object]) -> None:
    """Fill in requests and limits of containers that state none, and say so in an annotation."""
    for limit_range in limit_ranges:
        texts = []
        for field, container in containers(pod["spec"]):
            for member, default in (("requests", "defaultRequest"), ("limits", "default")):
                own = container["resources"].get(member, {})
                missing = {
                    name: value
                    for item in limit_range["spec"]["limits"]
                    if item["type"] == "Container"
                    for name, value in item.get(default, {}).items()
                    if name not in own
                }
                if missing:
                    container["resources"][member] = own | missing
                    noun = f"{member.removesuffix('s')} for {_NOUNS[field]} {container['name']}"
                    texts.append(f"{', '.join(sorted(missing))} {noun}")
        if texts:
            annotations = pod["metadata"].setdefault("annotations", {})
            annotations[_ANNOTATION] = f"LimitRanger plugin set: {'; '.join(texts)}"


def pod_mistakes(pod: Mapping[str, Any], limit_range: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a LimitRange forbids in a pod."""
    spec = pod["spec"]
    for limit in limit_range["spec"]["limits"]:
        if limit["type"] == "Container":
            for _, container in containers(spec):
                resources = container["resources"]
                yield from _mistakes(
                    limit, amounts.read(resources.get("requests")), amounts.read(resources.get("limits"))
                )
        elif limit["type"] == "Pod":
            yield from _mistakes(limit, amounts.pod_total(spec, "requests"), amounts.pod_total(spec, "limits"))


def claim_mistakes(claim: Mapping[str, Any], limit_range: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a LimitRange forbids in a PersistentVolumeClaim."""
    requests = amounts.read((claim["spec"].get("resources") or {}).get("requests"))
    for limit in limit_range["spec"]["limits"]:
        if limit["type"] == "PersistentVolumeClaim":
            for name, least in amounts.read(limit.get("min")).items():
                if name in requests and requests[name].value < least.value:
                    yield f"minimum {name} usage per {limit['type']} is {least}, but request is {requests[name]}"
            for name, most in amounts.read(limit.get("max")).items():
                if name in requests and requests[name].value > most.value:
                    yield f"maximum {name} usage per {limit['type']} is {most}, but request is {requests[name]}"


def _mistakes(limit: Mapping[str, Any], requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, least in amounts.read(limit.get("min")).items():
        usage = f"minimum {name} usage per {limit['type']} is {least}"
        if name not in requests:
            yield f"{usage}.  No request is specified"
        elif requests[name].value < least.value:
            yield f"{usage}, but request is {requests[name]}"
        elif name in limits and limits[name].value < least.value:
            yield f"{usage}, but limit is {limits[name]}"
    for name, most in amounts.read(limit.get("max")).items():
        usage = f"maximum {name} usage per {limit['type']} is {most}"
        if name not in limits:
            yield f"{usage}.  No limit is specified"
        elif limits[name].value > most.value:
            yield f"{usage}, but limit is {limits[name]}"
        elif name in requests and requests[name].value > most.value:
            yield f"{usage}, but request is {requests[name]}"
    for name, most in amounts.read(limit.get("maxLimitRequestRatio")).items():
        text = f"{name} max limit to request ratio per {limit['type']} is {most}"
        yield from _ratio_mistakes(text, most, requests.get(name, Amount()), limits.get(name, Amount()))


def _ratio_mistakes(text: str, most: Amount, request: Amount, limit: Amount) -> Iterator[str]:
    if request.value == 0:
        yield f"{text}, but no request is specified or request is 0"
    elif limit.value == 0:
        yield f"{text}, but no limit is specified or limit is 0"
    elif limit.value / request.value > most.value:
        yield f"{text}, but provided ratio is {float(limit.value / request.value):f}"
