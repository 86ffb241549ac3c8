"""Patches of objects: JSON patch, merge patch, strategic merge patch, and the three-way merge of `kubectl apply`."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

import jsonpatch

from fairlane.hyperpod.kubernetes_schema import definitions
from fairlane_local.kubernetes.errors import bad_request
from fairlane_local.kubernetes.kinds import Kind

Schema = Mapping[str, Any]

_DIRECTIVE: Final = "$patch"
_RETAIN_KEYS: Final = "$retainKeys"
_DELETE: Final = "$deleteFromPrimitiveList/"
_ORDER: Final = "$setElementOrder/"
_NONE: Final[Schema] = {}


def json_patch(document: Any, operations: Any) -> Any:
    """Return a document after the operations of a JSON patch (RFC 6902).

    Raises:
        KubernetesError: If the patch is invalid or does not fit the document.
    """
    try:
        return jsonpatch.JsonPatch(operations).apply(document)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, AttributeError) as error:
        text = str(error).partition(" in {")[0]  # jsonpatch prints the whole document
        raise bad_request(f"the JSON patch cannot be applied: {text}") from None


def merge_patch(document: Any, patch: Any) -> Any:
    """Return a document after a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return deepcopy(patch)
    result = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def kind_schema(kind: Kind) -> Schema:
    """Return the schema with the merge keys of a kind. Lists of custom resources have no merge keys."""
    return _NONE if kind.is_custom else definitions()[kind.definition]


def strategic_merge_patch(document: Any, patch: Any, schema: Schema) -> Any:
    """Return an object after a strategic merge patch of Kubernetes.

    Args:
        document: Object before the patch.
        patch: Patch. Directives: `$patch`, `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder`.
        schema: Schema of the object.

    Raises:
        KubernetesError: If a directive is unknown, or if an element of a list has no merge key.
    """
    if not isinstance(patch, Mapping):
        return _without_directives(patch)
    directive = patch.get(_DIRECTIVE, "merge")
    if directive not in ("merge", "replace", "delete"):
        raise bad_request(f"Unknown patch type: {directive}")
    result: dict[str, Any] = dict(document) if isinstance(document, Mapping) and directive == "merge" else {}
    if directive == "delete":
        return result
    if _RETAIN_KEYS in patch:
        result = {name: value for name, value in result.items() if name in patch[_RETAIN_KEYS]}
    for name, values in _prefixed(patch, _DELETE):
        result[name] = [value for value in result.get(name) or () if value not in values]
    orders = dict(_prefixed(patch, _ORDER))
    for name, value in patch.items():
        field = property_schema(schema, name)
        if name.startswith("$"):
            continue
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            result[name] = _merged_list(result.get(name) or [], value, field)
        else:
            result[name] = strategic_merge_patch(result.get(name), value, field)
    for name, order in orders.items():
        if name in result:
            result[name] = _ordered(result[name], order, property_schema(schema, name))
    return result


def three_way_merge(original: Any, modified: Any, current: Any, schema: Schema) -> Any:
    """Return the object that `kubectl apply` makes of a current object.

    Args:
        original: Manifest of the last apply.
        modified: Manifest to apply.
        current: Object of the API. Fields that no manifest names keep their values.
        schema: Schema of the object.
    """
    if isinstance(modified, Mapping):
        olds = original if isinstance(original, Mapping) else {}
        result = {
            name: value
            for name, value in (current.items() if isinstance(current, Mapping) else ())
            if name in modified or name not in olds
        }
        for name, value in modified.items():
            if value is None:
                result.pop(name, None)
            else:
                field = property_schema(schema, name)
                result[name] = three_way_merge(olds.get(name), value, result.get(name), field)
        return result
    key = _merge_key(schema)
    if not isinstance(modified, list) or not isinstance(current, list) or not _merges(schema):
        return deepcopy(modified)
    olds_listed = original if isinstance(original, list) else []
    if key is None:
        return modified + [item for item in current if item not in modified and item not in olds_listed]
    items, removed = _by_key(current, key), _by_key(olds_listed, key)
    merged = [three_way_merge(removed.get(item[key]), item, items.get(item[key]), _items(schema)) for item in modified]
    own = _by_key(modified, key)
    return merged + [item for name, item in items.items() if name not in own and name not in removed]


def property_schema(schema: Schema, name: str) -> Schema:
    """Return the schema of a property. Empty if it is unknown."""
    whole = resolved(schema)
    others = whole.get("additionalProperties")
    found = whole.get("properties", {}).get(name, others if isinstance(others, Mapping) else _NONE)
    return found if isinstance(found, Mapping) else _NONE


def resolved(schema: Schema) -> Schema:
    """Return a schema with what it refers to."""
    while "$ref" in schema:
        schema = {**{key: value for key, value in schema.items() if key != "$ref"}, **definitions()[schema["$ref"]]}
    return schema


def _items(schema: Schema) -> Schema:
    return resolved(schema).get("items", _NONE)  # type: ignore[no-any-return]


def _merges(schema: Schema) -> bool:
    return "merge" in str(schema.get("x-kubernetes-patch-strategy", "")).split(",")


def _merge_key(schema: Schema) -> str | None:
    return schema.get("x-kubernetes-patch-merge-key")


def _merged_list(items: Sequence[Any], patch: Sequence[Any], schema: Schema) -> list[Any]:
    key = _merge_key(schema)
    if not _merges(schema):
        return [_without_directives(item) for item in patch]
    if key is None:
        return [*items, *(item for item in patch if item not in items)]
    result = [] if {_DIRECTIVE: "replace"} in patch else list(items)
    for item in patch:
        if item == {_DIRECTIVE: "replace"}:
            continue
        if not isinstance(item, Mapping) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        positions = [index for index, other in enumerate(result) if other.get(key) == item[key]]
        if item.get(_DIRECTIVE) == "delete":
            result = [other for other in result if other.get(key) != item[key]]
        elif positions:
            result[positions[0]] = strategic_merge_patch(result[positions[0]], item, _items(schema))
        else:
            result.append(strategic_merge_patch({}, item, _items(schema)))
    return result


def _ordered(items: list[Any], order: Sequence[Any], schema: Schema) -> list[Any]:
    """Return the items in the order of the patch. Items that the patch does not name follow."""
    key = _merge_key(schema)

    def name(item: Any) -> Any:
        return item.get(key) if isinstance(item, Mapping) else item

    names = [name(item) for item in order]
    return sorted(items, key=lambda item: names.index(name(item)) if name(item) in names else len(names))


def _by_key(items: Sequence[Any], key: str) -> dict[Any, Any]:
    return {item.get(key): item for item in items}


def _prefixed(patch: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    return [(name.removeprefix(prefix), value) for name, value in patch.items() if name.startswith(prefix)]


def _without_directives(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_directives(inner) for name, inner in value.items() if not name.startswith("$")}
        case list():
            return [_without_directives(inner) for inner in value if inner != {_DIRECTIVE: "replace"}]
        case _:
            return value
