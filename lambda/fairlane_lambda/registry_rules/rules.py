"""Which rules of a registry belong to a resource, and how they take their place among those of others.

ECR keeps no tags on rules, so each rule has a filter more than was asked for, its mark: the prefix of repositories that
do not exist. It says whose the rule is, and makes rules that would be alike differ.
"""

import json
from collections.abc import Collection, Sequence, Set
from hashlib import sha256
from typing import Any, Final

_RULES: Final = 10
_DESTINATIONS: Final = 25
_FILTERS: Final = 100

_DESTINATION: Final = ("region", "registryId")
_FILTER: Final = ("filter", "filterType")

Rule = dict[str, Any]


class Refused(ValueError):  # noqa: N818 (it says what happened to a request)
    """What was asked for cannot be done; the message is for the person who deploys."""


def mark_of(stack: object, resource: object, owner: object) -> str:
    """The filter that all rules of a resource have, and no other ones.

    Args:
        stack: its id.
        resource: its logical id there.
        owner: its property `Owner`.
    """
    return f"fairlane-rules/{sha256(json.dumps([stack, resource, owner]).encode()).hexdigest()[:16]}"


def read_rules(rules: object, mark: str) -> list[Rule]:
    """The rules of a resource as they go to ECR, marked; a rule that is there twice is put once.

    Args:
        rules: its property `Rules`.
        mark: of the resource.

    Raises:
        Refused: they are not as described.
    """
    marked: list[Rule] = []
    for index, rule in enumerate(_list(rules, "Rules")):
        where = f"Rules[{index}]"
        fields = _record(rule, where, ("destinations", "repositoryFilters"))
        destinations = [
            _texts(destination, f"{where}.destinations[{number}]", _DESTINATION)
            for number, destination in enumerate(_list(fields["destinations"], f"{where}.destinations", least=1))
        ]
        filters = [
            _texts(each, f"{where}.repositoryFilters[{number}]", _FILTER)
            for number, each in enumerate(_list(fields["repositoryFilters"], f"{where}.repositoryFilters", least=1))
        ]
        filters.append({"filter": mark, "filterType": "PREFIX_MATCH"})
        made = {"destinations": destinations, "repositoryFilters": filters}
        if not any(_is_same(made, other) for other in marked):
            marked.append(made)
    return marked


def place(rules: Sequence[Rule], mine: Sequence[Rule], marks: Set[str]) -> list[Rule]:
    """The rules of a registry once a resource has its own: those of others stay as they are, and in their order.

    A rule of the resource that is in place stays as it is, too, even if ECR or somebody gave it other fields.

    Args:
        rules: that the registry has.
        mine: that the resource shall have, and no others.
        marks: of the resource, by which its rules are known.
    """
    kept, missing = [], list(mine)
    for rule in rules:
        if not any(each.get("filter") in marks for each in rule.get("repositoryFilters") or []):
            kept.append(rule)
            continue
        same = next((each for each in missing if _is_same(each, rule)), None)
        if same is not None:
            missing.remove(same)
            kept.append(rule)
    return [*kept, *missing]


def check_limits(rules: Sequence[Rule], mine: int) -> None:
    """Checks a registry's rules against what ECR allows.

    Args:
        rules: all that it shall have.
        mine: how many of them are of the resource.

    Raises:
        Refused: they are too many, or have too much.
    """
    destinations = {destination for rule in rules for destination in _destinations(rule)}
    filters = max((len(rule.get("repositoryFilters") or []) for rule in rules), default=0)
    problems = []
    if len(rules) > _RULES:
        problems.append(f"{len(rules)} rules, {mine} of them of this resource, where ECR allows {_RULES}")
    if len(destinations) > _DESTINATIONS:
        problems.append(f"{len(destinations)} destinations, where ECR allows {_DESTINATIONS}")
    if filters > _FILTERS:
        problems.append(f"a rule with {filters} filters, Fairlane's mark among them, where ECR allows {_FILTERS}")
    if problems:
        raise Refused(f"the registry would have {'; '.join(problems)}; nothing was changed")


def _is_same(rule: Rule, other: Rule) -> bool:
    """Whether two rules replicate the same images to the same places, in whatever order that is written."""
    return _destinations(rule) == _destinations(other) and _filters(rule) == _filters(other)


def _destinations(rule: Rule) -> set[tuple[object, ...]]:
    return {tuple(each.get(name) for name in _DESTINATION) for each in rule.get("destinations") or []}


def _filters(rule: Rule) -> set[tuple[object, ...]]:
    return {tuple(each.get(name) for name in _FILTER) for each in rule.get("repositoryFilters") or []}


def _list(value: object, where: str, least: int = 0) -> list[object]:
    if not isinstance(value, list) or len(value) < least:
        raise Refused(f"{where} must be a list{' with at least one member' if least else ''}, got {value!r}")
    return value


def _record(value: object, where: str, names: Collection[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != set(names):
        raise Refused(f"{where} must be an object with {' and '.join(names)}, got {value!r}")
    return value


def _texts(value: object, where: str, names: Collection[str]) -> dict[str, str]:
    record = _record(value, where, names)
    for name in names:
        if not isinstance(record[name], str) or not record[name]:
            raise Refused(f"{where}.{name} must be a text, got {record[name]!r}")
    return {name: record[name] for name in names}
