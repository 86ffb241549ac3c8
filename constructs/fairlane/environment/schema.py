"""Environment files as a JSON schema, for editors."""

import ast
import inspect
import re
from dataclasses import is_dataclass
from itertools import pairwise
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from fairlane.environment.base import Model
from fairlane.environment.environment import Environment
from fairlane.environment.keys import SpecModel

_ARGUMENT: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def environment_json_schema() -> dict[str, Any]:
    """Describes environment files as a JSON schema, for editors."""
    return Environment.model_json_schema(schema_generator=_ExplainedSchema) | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Fairlane environment",
    }


class _ExplainedSchema(GenerateJsonSchema):
    """Describes each key by the docstring below it, or by the `Args` of a dataclass: too slow for every synth."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        described, model = super().model_schema(schema), schema["cls"]
        texts = _attribute_docstrings(model)
        if issubclass(model, SpecModel):
            described["description"], texts = _docstring_of(model.spec)
            for name in described.get("required", ()):
                described["properties"][name].pop("default", None)
        for name, text in texts.items():
            if name in described["properties"]:
                described["properties"][name]["description"] = text
        return described


def _attribute_docstrings(model: type) -> dict[str, str]:
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Model) and base is not Model and not issubclass(base, SpecModel):
            (definition,) = ast.parse(inspect.getsource(base)).body
            assert isinstance(definition, ast.ClassDef)
            for attribute, below in pairwise(definition.body):
                match attribute, below:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        texts[name] = inspect.cleandoc(text)
    return texts


def _docstring_of(spec: type) -> tuple[str, dict[str, str]]:
    """Return the first paragraph of a dataclass's docstring, and the text of each argument, inherited ones included."""
    texts: dict[str, str] = {}
    for base in reversed(spec.__mro__):
        arguments = inspect.cleandoc(base.__doc__ or "").partition("\nArgs:\n")[2] if is_dataclass(base) else ""
        texts |= {name: " ".join(text.split()) for name, text in _ARGUMENT.findall(arguments)}
    return " ".join(inspect.cleandoc(spec.__doc__ or "").partition("\n\n")[0].split()), texts
