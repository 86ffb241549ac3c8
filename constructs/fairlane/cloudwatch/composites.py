"""Rules of composite alarms."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fairlane.cloudwatch.states import State

_TOKEN: Final = re.compile(r'\s*(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<sign>[(),])|(?P<word>[^\s(),"]+))')
_THRESHOLD: Final = re.compile(r"(\d+)(%?)")
_END: Final = ("end", "end")

_Condition = Callable[[Mapping[str, State]], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """Rule of a composite alarm.

    Args:
        children: Alarms that the rule refers to.
        condition: Function from the states of the children to True if the composite alarm is in ALARM.
    """

    children: frozenset[str]
    condition: _Condition

    @classmethod
    def parse(cls, text: str, alarm: Callable[[str], str]) -> "Rule":
        """Return the rule of an expression, for example `ALARM("a") AND NOT OK("b")`.

        Args:
            text: Rule expression.
            alarm: Function from the name or ARN of an alarm in the rule to the key of its state in `condition`.

        Raises:
            ValueError: If the expression is not a rule.
        """
        parser = _Parser(text, alarm)
        return cls(condition=parser.parse(), children=frozenset(parser.children))


class _Parser:
    def __init__(self, text: str, alarm: Callable[[str], str]) -> None:
        self._text = text
        self._alarm = alarm
        self._next = 0
        self.children: set[str] = set()
        self._tokens: list[tuple[str, str]] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._error(text[position:])
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            position = match.end()
        self._tokens.append(_END)

    def _error(self, text: str) -> ValueError:
        return ValueError(f"alarm rule {self._text!r}: unexpected {text}")

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._next]
        if token == _END:
            raise self._error(token[1])
        self._next += 1
        return token

    def _accept(self, kind: str, text: str) -> bool:
        is_next = self._tokens[self._next] == (kind, text)
        self._next += is_next
        return is_next

    def _expect(self, sign: str) -> None:
        if not self._accept("sign", sign):
            raise self._error(self._tokens[self._next][1])

    def parse(self) -> _Condition:
        condition = self._disjunction()
        if self._tokens[self._next] != _END:
            raise self._error(self._tokens[self._next][1])
        return condition

    def _disjunction(self) -> _Condition:
        conditions = [self._conjunction()]
        while self._accept("word", "OR"):
            conditions.append(self._conjunction())
        return lambda states: any(condition(states) for condition in conditions)

    def _conjunction(self) -> _Condition:
        conditions = [self._term()]
        while self._accept("word", "AND"):
            conditions.append(self._term())
        return lambda states: all(condition(states) for condition in conditions)

    def _term(self) -> _Condition:
        match self._take():
            case "word", "NOT":
                negated = self._term()
                return lambda states: not negated(states)
            case "sign", "(":
                condition = self._disjunction()
                self._expect(")")
                return condition
            case "word", ("TRUE" | "FALSE") as word:
                return lambda _: word == "TRUE"
            case "word", "AT_LEAST":
                return self._at_least()
            case "word", word if word in State.__members__:
                self._expect("(")
                name = self._name()
                self._expect(")")
                return lambda states: states[name] is State[word]
            case _, text:
                raise self._error(text)

    def _name(self) -> str:
        kind, text = self._take()
        if kind == "sign":
            raise self._error(text)
        name = self._alarm(re.sub(r"\\(.)", r"\1", text) if kind == "text" else text)
        self.children.add(name)
        return name

    def _at_least(self) -> _Condition:
        """Parse `AT_LEAST(2, NOT OK, ("a", "b", "c"))`; the threshold may be a percentage."""
        self._expect("(")
        _, text = self._take()
        threshold = _THRESHOLD.fullmatch(text)
        if threshold is None:
            raise self._error(text)
        self._expect(",")
        negated = self._accept("word", "NOT")
        _, word = self._take()
        if word not in State.__members__:
            raise self._error(word)
        self._expect(",")
        self._expect("(")
        names = [self._name()]
        while self._accept("sign", ","):
            names.append(self._name())
        self._expect(")")
        self._expect(")")
        minimum = int(threshold[1]) * (len(names) / 100 if threshold[2] else 1)
        return lambda states: sum((states[name] is State[word]) != negated for name in names) >= minimum
