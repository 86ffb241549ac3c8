"""Label and field selectors of lists."""

import re
from collections.abc import Mapping
from typing import Any, Final

from fairlane_local.kubernetes.errors import bad_request

_SEPARATOR: Final = re.compile(r",(?![^(]*\))")
_SET: Final = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUALITY: Final = re.compile(r"(?P<key>[^\s=!]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s=!]*)")
_EXISTENCE: Final = re.compile(r"(?P<not>!?)\s*(?P<key>[A-Za-z0-9][-A-Za-z0-9_./]*)")
_FIELDS: Final = {
    "metadata.name": ("metadata", "name"),
    "metadata.namespace": ("metadata", "namespace"),
    "status.phase": ("status", "phase"),
    "spec.nodeName": ("spec", "nodeName"),
}


def matches(item: Mapping[str, Any], label_selector: str, field_selector: str) -> bool:
    """Return True if an object matches both selectors. An empty selector matches all objects.

    Raises:
        KubernetesError: If a selector cannot be read, or if it names a field that is not supported.
    """
    labels = item["metadata"].get("labels") or {}
    return all(_label_matches(labels, term) for term in _terms(label_selector)) and all(
        _field_matches(item, term) for term in _terms(field_selector)
    )


def _terms(selector: str) -> list[str]:
    return [term.strip() for term in _SEPARATOR.split(selector)] if selector.strip() else []


def _label_matches(labels: Mapping[str, str], term: str) -> bool:
    if match := _SET.fullmatch(term):
        values = {value.strip() for value in match["values"].split(",")}
        return (labels.get(match["key"]) in values) is (match["operator"] == "in")
    if match := _EQUALITY.fullmatch(term):
        return (labels.get(match["key"]) == match["value"]) is (match["operator"] != "!=")
    if match := _EXISTENCE.fullmatch(term):
        return (match["key"] in labels) is not bool(match["not"])
    raise bad_request(f"unable to parse requirement: found '{term}', expected: identifier, 'in', 'notin', = or !=")


def _field_matches(item: Mapping[str, Any], term: str) -> bool:
    match = _EQUALITY.fullmatch(term)
    if match is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    if match["key"] not in _FIELDS:
        raise bad_request(f"field label not supported: {match['key']}")
    section, name = _FIELDS[match["key"]]
    value = (item.get(section) or {}).get(name, "")
    return (value == match["value"]) is (match["operator"] != "!=")
