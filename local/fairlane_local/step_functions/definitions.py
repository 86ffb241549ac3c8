"""Checks of state machine definitions before they are created."""

import json
from importlib.util import find_spec
from typing import Any

from moto.core.exceptions import AWSError
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.models import StepFunctionsParserBackend


class InvalidDefinitionError(AWSError):
    """Definition that Step Functions refuses. Moto's error has no code in the response."""

    TYPE = "InvalidDefinition"
    STATUS = 400


def install() -> None:
    """Check definitions, and evaluate JSONata in Python. Moto needs a Java virtual machine, and does not start it."""
    backend: Any = StepFunctionsParserBackend
    backend._validate_definition = staticmethod(check_definition)
    moto_jsonata._eval_jsonata = _evaluate


def check_definition(definition: str) -> None:
    """Raise InvalidDefinitionError if a definition cannot be executed."""
    try:
        uses_jsonata = "JSONata" in _query_languages(json.loads(definition))
        AmazonStateLanguageParser.parse(definition)
    except Exception as error:  # the parser has no common class of errors
        text = str(error).removeprefix("ASLParserException ").partition(": '(State")[0]
        raise InvalidDefinitionError(f"Invalid State Machine Definition: {text}") from None
    if uses_jsonata and find_spec("jsonata") is None:
        message = "the local AWS evaluates JSONata with a package that is missing: pip install jsonata-python"
        raise InvalidDefinitionError(f"Invalid State Machine Definition: {message}")


def _query_languages(value: Any) -> set[object]:
    match value:
        case dict():
            inner = set[object]().union(*(_query_languages(item) for item in value.values()))
            return inner | {language for name, language in value.items() if name == "QueryLanguage"}
        case list():
            return set[object]().union(*(_query_languages(item) for item in value))
        case _:
            return set()


def _evaluate(expression: str) -> Any:
    from jsonata import Jsonata  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415

    try:
        return Jsonata(expression).evaluate(None)
    except Exception as error:  # any error of an expression
        raise moto_jsonata.JSONataException("UNKNOWN", str(error)) from error
