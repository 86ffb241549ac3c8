"""Syntax trees of metric-math expressions, and their parser."""

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
_ALIASES: Final = {"&&": "AND", "||": "OR"}
_PRECEDENCE: Final = {"OR": 1, "AND": 2} | dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 3)
_PRECEDENCE.update({"+": 4, "-": 4, "*": 5, "/": 5, "^": 7})
_UNARY_PRECEDENCE: Final = 6


@dataclass(frozen=True, slots=True)
class Number:
    """Numeric literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """Text in quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """Id of a metric or an expression, or a keyword such as `REPEAT`."""

    name: str


@dataclass(frozen=True, slots=True)
class Array:
    """Array, for example `[m1, m2]`."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """Call of a function."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """Binary operation. `&&` and `||` become `AND` and `OR`."""

    operator: str
    left: "Node"
    right: "Node"


Node = Number | Text | Name | Array | Call | Negative | Binary


@cache
def parse(expression: str) -> Node:
    """Return the syntax tree of an expression.

    AWS does not document the precedence of all operators. The usual rules of arithmetic apply: `^` is right-associative
    and has precedence over a minus sign before it.

    Raises:
        ValueError: If the text is not an expression.
        RecursionError: If the expression is nested too deeply.
    """
    return _Parser(expression).parse()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split()
        self._next = 0

    def _split(self) -> list[tuple[str, str]]:
        tokens, position = [], 0
        end = len(self._expression.rstrip())
        while position < end:
            match = _TOKEN.match(self._expression, position)
            if match is None:
                raise self._error(self._expression[position:].strip()[0])
            kind = str(match.lastgroup)
            text = _ALIASES.get(match[kind], match[kind])
            tokens.append(("operator" if text in _PRECEDENCE else kind, text))
            position = match.end()
        return [*tokens, ("end", "")]

    def _error(self, text: str) -> ValueError:
        return ValueError(f"expression {self._expression!r}: unexpected {text or 'end'}")

    def _expect(self, *allowed: str) -> str:
        kind, text = self._tokens[self._next]
        if kind != "operator" or text not in allowed:
            raise self._error(text)
        self._next += 1
        return text

    def _is_next(self, operator: str) -> bool:
        return self._tokens[self._next] == ("operator", operator)

    def parse(self) -> Node:
        node = self._operation(0)
        if self._tokens[self._next][0] != "end":
            raise self._error(self._tokens[self._next][1])
        return node

    def _operation(self, minimum: int) -> Node:
        if self._is_next("-"):
            self._next += 1
            left: Node = Negative(self._operation(_UNARY_PRECEDENCE))
        else:
            left = self._operand()
        while True:
            kind, operator = self._tokens[self._next]
            precedence = _PRECEDENCE.get(operator, 0) if kind == "operator" else 0
            if precedence <= minimum:
                return left
            self._next += 1
            left = Binary(operator, left, self._operation(precedence - (operator == "^")))

    def _operand(self) -> Node:
        kind, text = self._tokens[self._next]
        if kind == "operator":
            if self._expect("(", "[") == "[":
                return Array(self._list("]"))
            node = self._operation(0)
            self._expect(")")
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
        if self._is_next("("):
            self._next += 1
            return Call(text, self._list(")"))
        return Name(text)

    def _list(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if not self._is_next(closing):
            items.append(self._operation(0))
        while not self._is_next(closing):
            self._expect(",", closing)
            items.append(self._operation(0))
        self._next += 1
        return tuple(items)
