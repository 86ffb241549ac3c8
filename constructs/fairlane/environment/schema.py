"""Environment files as a JSON schema, for editors."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from fairlane.environment.base import Model
from fairlane.environment.environment import Environment


def environment_json_schema() -> dict[str, Any]:
    """Describes environment files as a JSON schema, for editors."""
    return Environment.model_json_schema(schema_generator=_ExplainedSchema) | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Fairlane environment",
    }


class _ExplainedSchema(GenerateJsonSchema):
    """Takes each key's explanation from the docstring below it: pydantic would read them at every synth."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        described = super().model_schema(schema)
        for name, text in _attribute_docstrings(schema["cls"]):
            described["properties"][name]["description"] = text
        return described


def _attribute_docstrings(model: type) -> Iterator[tuple[str, str]]:
    for base in reversed(model.__mro__):
        if issubclass(base, Model) and base is not Model:
            (definition,) = ast.parse(inspect.getsource(base)).body
            assert isinstance(definition, ast.ClassDef)
            for attribute, below in pairwise(definition.body):
                match attribute, below:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        yield name, inspect.cleandoc(text)
