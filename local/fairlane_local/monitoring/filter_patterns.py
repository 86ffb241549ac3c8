"""JSON filter patterns of CloudWatch Logs, and values at their selectors.

Comparisons with `=`, `!=`, `<`, `<=`, `>` and `>=`, tests with `IS TRUE`, `IS FALSE`, `IS NULL`, `EXISTS` and
`NOT EXISTS`, and `&&`, `||` and parentheses. A wildcard stands at the start or the end of a text. A field that is
missing, or that is an object or a list, matches no comparison: AWS does not document whether `!=` matches a missing
field. Patterns of words, of columns and regular expressions are not supported.

Source: "Filter pattern syntax" in the CloudWatch Logs documentation.
"""

import json
import operator
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, TypeAlias

Test: TypeAlias = Callable[[Any], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<selector>\$(?:\.[A-Za-z0-9_-]+|\[\d+\]|\['[^']+'\])+)
        |(?P<text>"(?:[^"\\]|\\.)*")
        |(?P<sign>&&|\|\||!=|<=|>=|[=<>(){}])
        |(?P<word>[^\s"&|=<>(){}!]+))""",
    re.VERBOSE,
)
_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']+)'\]")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_ORDERS: Final = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_CONSTANTS: Final = {"TRUE": True, "FALSE": False, "NULL": None}
_MISSING: Final = object()


class FilterPatternError(ValueError):
    """Pattern that is not valid, or not supported."""


def matches(pattern: str, message: str) -> bool:
    """Return True if a log event matches a pattern. An empty pattern matches all events.

    Raises:
        FilterPatternError: If the pattern is not valid, or not supported.
    """
    test = parse_pattern(pattern)
    try:
        event = json.loads(message)
    except ValueError:
        return not pattern.strip()
    return test(event)


def value_at(selector: str, message: str) -> Any:
    """Return the value at a selector of a log event in JSON. None if it is missing, null, an object or a list."""
    value = _select(selector, json.loads(message))
    return None if value is _MISSING or isinstance(value, dict | list) else value


@cache
def parse_pattern(pattern: str) -> Test:
    """Return the test of a pattern.

    Raises:
        FilterPatternError: If the pattern is not valid, or not supported.
    """
    if not pattern.strip():
        return lambda event: True
    tokens = list(_tokens(pattern))
    if tokens[0] != ("sign", "{") or tokens[-1] != ("sign", "}"):
        raise FilterPatternError(
            f'the filter pattern {pattern!r} is not a JSON pattern, such as {{ $.level = "Error" }}'
        )
    parser = _Parser(tokens[1:-1], pattern)
    test = parser.any_of()
    if parser.tokens:
        raise FilterPatternError(f"the filter pattern {pattern!r} has more after its end: {parser.tokens[0][1]}")
    return test


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    position, text = 0, pattern.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise FilterPatternError(f"the filter pattern {pattern!r} is not valid at {text[position:]!r}")
        assert match.lastgroup is not None
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], pattern: str) -> None:
        self.tokens = tokens
        self._pattern = pattern

    def any_of(self) -> Test:
        tests = self._separated("||", self._all_of)
        return lambda event: any(test(event) for test in tests)

    def _all_of(self) -> Test:
        tests = self._separated("&&", self._single)
        return lambda event: all(test(event) for test in tests)

    def _separated(self, sign: str, parse: Callable[[], Test]) -> list[Test]:
        tests = [parse()]
        while self.tokens and self.tokens[0] == ("sign", sign):
            self.tokens.pop(0)
            tests.append(parse())
        return tests

    def _single(self) -> Test:
        kind, text = self._next()
        if (kind, text) == ("sign", "("):
            test = self.any_of()
            self._expect(")")
            return test
        if kind != "selector":
            raise FilterPatternError(f"the filter pattern {self._pattern!r} has {text!r} in place of a selector")
        return self._comparison(text)

    def _comparison(self, selector: str) -> Test:
        _, sign = self._next()
        if sign == "EXISTS":
            return lambda event: _select(selector, event) is not _MISSING
        if sign == "NOT":
            self._expect("EXISTS")
            return lambda event: _select(selector, event) is _MISSING
        kind, operand = self._next()
        if sign == "IS" and operand in _CONSTANTS:
            return lambda event: _select(selector, event) is _CONSTANTS[operand]
        if sign in {"=", "!="}:
            equals = _equality(kind, operand)
            return lambda event: _is_value(found := _select(selector, event)) and equals(found) == (sign == "=")
        if sign in _ORDERS and _NUMBER.fullmatch(operand):
            order, number = _ORDERS[sign], float(operand)
            return lambda event: _is_number(found := _select(selector, event)) and order(found, number)
        raise FilterPatternError(f"the filter pattern {self._pattern!r} has an unknown comparison: {sign} {operand}")

    def _next(self) -> tuple[str, str]:
        if not self.tokens:
            raise FilterPatternError(f"the filter pattern {self._pattern!r} ends too early")
        return self.tokens.pop(0)

    def _expect(self, text: str) -> None:
        if (found := self._next()[1]) != text:
            raise FilterPatternError(f"the filter pattern {self._pattern!r} has {found!r} in place of {text!r}")


def _equality(kind: str, operand: str) -> Test:
    text = json.loads(operand) if kind == "text" else operand
    start, end = text.startswith("*"), text.endswith("*") and len(text) > 1
    word = text[start : len(text) - end]
    number = float(text) if kind == "word" and _NUMBER.fullmatch(text) else None

    def equals(found: Any) -> bool:
        if number is not None and _is_number(found):
            return float(found) == number
        shown = found if isinstance(found, str) else json.dumps(found)
        if start and end:
            return word in shown
        if start or end:
            return shown.endswith(word) if start else shown.startswith(word)
        return shown == word

    return equals


def _is_value(found: Any) -> bool:
    return found is not _MISSING and not isinstance(found, dict | list)


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def _select(selector: str, event: Any) -> Any:
    found = event
    for name, index, quoted in _STEP.findall(selector):
        if index:
            found = found[int(index)] if isinstance(found, list) and int(index) < len(found) else _MISSING
        else:
            found = found.get(name or quoted, _MISSING) if isinstance(found, dict) else _MISSING
    return found
