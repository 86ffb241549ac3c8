"""Rules of composite alarms."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fairlane.cloudwatch.states import State

_TOKEN: Final = re.compile(r'\s*(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<sign>[(),])|(?P<word>[^\s(),"]+))')
_THRESHOLD: Final = re.compile(r"(\d+)(%?)")
_END: Final = ("end", "the end")

_Condition = Callable[[Mapping[str, State]], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Args:
        children: the alarms that it names.
        holds: whether it is true of their states.
    """

    children: frozenset[str]
    holds: _Condition

    @classmethod
    def parse(cls, text: str, alarm: Callable[[str], str]) -> "Rule":
        """Reads a rule such as `ALARM("a") AND NOT OK("b")`.

        Args:
            text: the rule.
            alarm: turns what the rule calls an alarm, its name or ARN, into what `holds` is told states by.

        Raises:
            ValueError: if it is none.
        """
        parser = _Parser(text, alarm)
        return cls(holds=parser.whole(), children=frozenset(parser.children))


class _Parser:
    def __init__(self, text: str, alarm: Callable[[str], str]) -> None:
        self._text = text
        self._alarm = alarm
        self._next = 0
        self.children: set[str] = set()
        self._tokens: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._error(text[at:])
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            at = match.end()
        self._tokens.append(_END)

    def _error(self, at: str) -> ValueError:
        return ValueError(f"alarm rule {self._text!r}: unexpected {at}")

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._next]
        if token == _END:
            raise self._error(token[1])
        self._next += 1
        return token

    def _takes(self, kind: str, text: str) -> bool:
        taken = self._tokens[self._next] == (kind, text)
        self._next += taken
        return taken

    def _expect(self, sign: str) -> None:
        if not self._takes("sign", sign):
            raise self._error(self._tokens[self._next][1])

    def whole(self) -> _Condition:
        condition = self._any()
        if self._tokens[self._next] != _END:
            raise self._error(self._tokens[self._next][1])
        return condition

    def _any(self) -> _Condition:
        conditions = [self._all()]
        while self._takes("word", "OR"):
            conditions.append(self._all())
        return lambda states: any(one(states) for one in conditions)

    def _all(self) -> _Condition:
        conditions = [self._term()]
        while self._takes("word", "AND"):
            conditions.append(self._term())
        return lambda states: all(one(states) for one in conditions)

    def _term(self) -> _Condition:
        match self._take():
            case "word", "NOT":
                negated = self._term()
                return lambda states: not negated(states)
            case "sign", "(":
                condition = self._any()
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
        """`AT_LEAST(2, NOT OK, ("a", "b", "c"))`, or with a percentage."""
        self._expect("(")
        _, text = self._take()
        threshold = _THRESHOLD.fullmatch(text)
        if threshold is None:
            raise self._error(text)
        self._expect(",")
        negated = self._takes("word", "NOT")
        _, word = self._take()
        if word not in State.__members__:
            raise self._error(word)
        self._expect(",")
        self._expect("(")
        names = [self._name()]
        while self._takes("sign", ","):
            names.append(self._name())
        self._expect(")")
        self._expect(")")
        fewest = int(threshold[1]) * (len(names) / 100 if threshold[2] else 1)
        return lambda states: sum((states[name] is State[word]) != negated for name in names) >= fewest
