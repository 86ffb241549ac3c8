"""JSON schema of the parts of an environment: of base files and of the files that extend them."""

from typing import Any, Final

_NULL: Final = {"type": "null"}
_REFERENCE: Final = "#/$defs/"


def partial_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a part of a file.

    A part requires no key. Null removes a key of the base file. A mapping of several forms, for example a queue, has
    the keys of all forms, because the other file may have the key that selects the form.

    Args:
        schema: Schema of a whole file.
    """
    result: dict[str, Any] = _partial(schema, schema["$defs"])
    return result


def _partial(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_partial(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    forms = [item for item in node.get("oneOf", ()) if "$ref" in item]
    if len(forms) > 1:
        return _partial(_all_keys([definitions[form["$ref"].removeprefix(_REFERENCE)] for form in forms]), definitions)
    result = {}
    for key, value in node.items():
        if key in {"properties", "$defs"}:
            result[key] = {name: _partial(item, definitions) for name, item in value.items()}
        elif key != "required":
            result[key] = _partial(value, definitions)
    if "properties" in result:
        result["properties"] = {key: _or_null(value) for key, value in result["properties"].items()}
    if isinstance(result.get("additionalProperties"), dict):
        result["additionalProperties"] = _or_null(result["additionalProperties"])
    return result


def _all_keys(forms: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a mapping that has the keys of several forms."""
    properties: dict[str, Any] = {}
    for key, value in (item for form in forms for item in form["properties"].items()):
        properties.setdefault(key, value)
        if "const" in value:
            words = [*properties[key].get("enum", ()), value["const"]]
            properties[key] = {name: text for name, text in value.items() if name != "const"} | {"enum": words}
    title = " or ".join(form["title"] for form in forms)
    return {"title": title, "type": "object", "properties": properties, "additionalProperties": False}


def _or_null(node: dict[str, Any]) -> dict[str, Any]:
    if _NULL in node.get("anyOf", ()):
        return node
    texts = {key: value for key, value in node.items() if key in {"default", "description"}}
    return {"anyOf": [{key: value for key, value in node.items() if key not in texts}, _NULL], **texts}
