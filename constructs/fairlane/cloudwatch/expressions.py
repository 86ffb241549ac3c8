"""Reads metric-math expressions into trees."""

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Final

_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
    |(?P<name>[A-Za-z]\w*)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator>&&|\|\||[<>=!]=|[-+*/^<>()\[\],])
    )""",
    re.VERBOSE,
)
_SAME: Final = {"&&": "AND", "||": "OR"}
_BINDING: Final = {"OR": 1, "AND": 2} | dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 3)
_BINDING.update({"+": 4, "-": 4, "*": 5, "/": 5, "^": 7})
_UNARY: Final = 6


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text in quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """An id, or a word such as `REPEAT`."""

    name: str


@dataclass(frozen=True, slots=True)
class Array:
    """`[m1, m2]`."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of arguments."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two operands; `AND` and `OR` are spelt so."""

    operator: str
    left: "Node"
    right: "Node"


Node = Number | Text | Name | Array | Call | Negative | Binary


@cache
def parse(expression: str) -> Node:
    """The tree of an expression.

    What AWS does not document is as in school: `^` binds tighter than a minus before it, and from the right.

    Raises:
        ValueError: if it is none.
        RecursionError: if it is nested too deeply.
    """
    return _Parser(expression).whole()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split()
        self._next = 0

    def _split(self) -> list[tuple[str, str]]:
        tokens, at = [], 0
        end = len(self._expression.rstrip())
        while at < end:
            match = _TOKEN.match(self._expression, at)
            if match is None:
                raise self._error(self._expression[at:].strip()[0])
            kind = str(match.lastgroup)
            text = _SAME.get(match[kind], match[kind])
            tokens.append(("operator" if text in _BINDING else kind, text))
            at = match.end()
        return [*tokens, ("end", "")]

    def _error(self, at: str) -> ValueError:
        return ValueError(f"expression {self._expression!r}: unexpected {at or 'end'}")

    def _take(self, *allowed: str) -> str:
        kind, text = self._tokens[self._next]
        if kind != "operator" or text not in allowed:
            raise self._error(text)
        self._next += 1
        return text

    def _is(self, operator: str) -> bool:
        return self._tokens[self._next] == ("operator", operator)

    def whole(self) -> Node:
        node = self._operation(0)
        if self._tokens[self._next][0] != "end":
            raise self._error(self._tokens[self._next][1])
        return node

    def _operation(self, weakest: int) -> Node:
        if self._is("-"):
            self._next += 1
            left: Node = Negative(self._operation(_UNARY))
        else:
            left = self._operand()
        while True:
            kind, operator = self._tokens[self._next]
            binding = _BINDING.get(operator, 0) if kind == "operator" else 0
            if binding <= weakest:
                return left
            self._next += 1
            left = Binary(operator, left, self._operation(binding - (operator == "^")))

    def _operand(self) -> Node:
        kind, text = self._tokens[self._next]
        if kind == "operator":
            if self._take("(", "[") == "[":
                return Array(self._list("]"))
            node = self._operation(0)
            self._take(")")
            return node
        if kind == "end":
            raise self._error(text)
        self._next += 1
        if kind == "number":
            if math.isinf(value := float(text)):
                raise self._error(text)
            return Number(value)
        if kind == "text":
            return Text(text[1:-1])
        if self._is("("):
            self._next += 1
            return Call(text, self._list(")"))
        return Name(text)

    def _list(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if not self._is(closing):
            items.append(self._operation(0))
        while not self._is(closing):
            self._take(",", closing)
            items.append(self._operation(0))
        self._next += 1
        return tuple(items)
