"""Rules of a resource among the rules of a registry.

ECR rules have no tags, so each rule of a resource has an additional filter, its mark: a prefix of repositories that do
not exist. The mark identifies the resource of a rule, and makes identical rules of two resources different.
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


class RegistryRulesError(ValueError):
    """Rules that the registry cannot have. The message is for the person who deploys."""


def rule_mark(stack: object, resource: object, owner: object) -> str:
    """Return the filter that all rules of a resource have, and no other rules.

    Args:
        stack: Stack id of the resource.
        resource: Logical id of the resource.
        owner: Property `Owner` of the resource.
    """
    return f"fairlane-rules/{sha256(json.dumps([stack, resource, owner]).encode()).hexdigest()[:16]}"


def read_rules(rules: object, mark: str) -> list[Rule]:
    """Return the rules of a resource with its mark, as ECR takes them, without duplicates.

    Args:
        rules: Property `Rules` of the resource.
        mark: Mark of the resource.

    Raises:
        RegistryRulesError: If a field is missing or invalid.
    """
    marked: list[Rule] = []
    for index, rule in enumerate(_list(rules, "Rules")):
        path = f"Rules[{index}]"
        fields = _record(rule, path, ("destinations", "repositoryFilters"))
        destinations = [
            _strings(destination, f"{path}.destinations[{number}]", _DESTINATION)
            for number, destination in enumerate(_list(fields["destinations"], f"{path}.destinations", least=1))
        ]
        filters = [
            _strings(item, f"{path}.repositoryFilters[{number}]", _FILTER)
            for number, item in enumerate(_list(fields["repositoryFilters"], f"{path}.repositoryFilters", least=1))
        ]
        filters.append({"filter": mark, "filterType": "PREFIX_MATCH"})
        marked_rule = {"destinations": destinations, "repositoryFilters": filters}
        if not any(_is_same(marked_rule, other) for other in marked):
            marked.append(marked_rule)
    return marked


def merge_rules(rules: Sequence[Rule], resource_rules: Sequence[Rule], marks: Set[str]) -> list[Rule]:
    """Return the rules of a registry with the rules of a resource. All other rules and their order stay unchanged.

    A rule of the resource that is in the registry already also stays unchanged, even if it has additional fields.

    Args:
        rules: Rules in the registry.
        resource_rules: Rules of the resource. Its other rules are removed.
        marks: Marks of the resource, which identify its rules.
    """
    merged, missing = [], list(resource_rules)
    for rule in rules:
        if not any(item.get("filter") in marks for item in rule.get("repositoryFilters") or []):
            merged.append(rule)
            continue
        same = next((other for other in missing if _is_same(other, rule)), None)
        if same is not None:
            missing.remove(same)
            merged.append(rule)
    return [*merged, *missing]


def check_limits(rules: Sequence[Rule], resource_rules: int) -> None:
    """Check the rules of a registry against the quotas of ECR.

    Args:
        rules: All rules that the registry will have.
        resource_rules: Number of rules of the resource.

    Raises:
        RegistryRulesError: If the rules exceed a quota of ECR.
    """
    destinations = {destination for rule in rules for destination in _destinations(rule)}
    filters = max((len(rule.get("repositoryFilters") or []) for rule in rules), default=0)
    problems = []
    if len(rules) > _RULES:
        problems.append(f"{len(rules)} rules, including {resource_rules} of this resource, and ECR allows {_RULES}")
    if len(destinations) > _DESTINATIONS:
        problems.append(f"{len(destinations)} destinations, and ECR allows {_DESTINATIONS}")
    if filters > _FILTERS:
        problems.append(f"a rule with {filters} filters, including Fairlane's own filter, and ECR allows {_FILTERS}")
    if problems:
        raise RegistryRulesError(f"nothing was changed: the registry would have {'; '.join(problems)}")


def _is_same(rule: Rule, other: Rule) -> bool:
    """Return True if two rules replicate the same images to the same destinations. Order does not matter."""
    return _destinations(rule) == _destinations(other) and _filters(rule) == _filters(other)


def _destinations(rule: Rule) -> set[tuple[object, ...]]:
    return {tuple(item.get(name) for name in _DESTINATION) for item in rule.get("destinations") or []}


def _filters(rule: Rule) -> set[tuple[object, ...]]:
    return {tuple(item.get(name) for name in _FILTER) for item in rule.get("repositoryFilters") or []}


def _list(value: object, path: str, least: int = 0) -> list[object]:
    if not isinstance(value, list) or len(value) < least:
        raise RegistryRulesError(f"{path} must be a list{' with at least one item' if least else ''}, got {value!r}")
    return value


def _record(value: object, path: str, names: Collection[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != set(names):
        raise RegistryRulesError(f"{path} must be an object with {' and '.join(names)}, got {value!r}")
    return value


def _strings(value: object, path: str, names: Collection[str]) -> dict[str, str]:
    record = _record(value, path, names)
    for name in names:
        if not isinstance(record[name], str) or not record[name]:
            raise RegistryRulesError(f"{path}.{name} must be a string, got {record[name]!r}")
    return {name: record[name] for name in names}
