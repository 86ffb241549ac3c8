"""Answer of a plan: counts, problems, warnings and placements."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fairlane_lambda.fan_out.placement import Copy
from fairlane_lambda.training_job import Mistake

MOST: Final = 100
"""Largest number of problems, and of warnings, in an answer. The others are counted."""
MOST_PLACEMENTS: Final = 1000
MOST_COPY_LINES: Final = 11
"""Largest number of lines that a copy names."""


class Texts:
    """Texts, of which the first `MOST` are kept. The same text counts once if it names no line."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.count = 0

    def add(self, text: str, number: int | None = None) -> None:
        """Add a text on a line, or on the whole manifest.

        Args:
            text: Text.
            number: Number of the line.
        """
        sentence = text if number is None else f"line {number}: {text}"
        if number is None and sentence in self._texts:
            return
        self.count += 1
        if self.count <= MOST:
            self._texts.append(sentence)

    def add_mistakes(self, mistakes: Iterable[Mistake], number: int | None = None) -> bool:
        """Add mistakes. Return True if there are any."""
        before = self.count
        for mistake in mistakes:
            self.add(str(mistake), number)
        return self.count > before

    def to_list(self, noun: str) -> list[str]:
        """Return the texts, and the number of others.

        Args:
            noun: Noun for the others, in the plural.
        """
        others = [f"and {self.count - MOST:,} more {noun}"] if self.count > MOST else []
        return [*self._texts, *others]


@dataclass(slots=True)
class Answer:
    """Answer of a plan.

    Attributes:
        problems: Problems. With any, nothing is submitted.
        warnings: Warnings.
        lines: Number of lines of the manifest.
        new: Number of lines whose jobs are submitted.
        changed: Number of new lines whose ids had another job.
        unchanged: Number of lines whose jobs were submitted before.
        removed: Number of ids that are no longer in the manifest.
        regions: Number of new lines by Region.
        copies: Copies of data before the jobs.
        placement: Id, Region and reason of the first new lines.
    """

    problems: Texts = field(default_factory=Texts)
    warnings: Texts = field(default_factory=Texts)
    lines: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    regions: Counter[str] = field(default_factory=Counter)
    copies: dict[tuple[str, str], Copy] = field(default_factory=dict)
    placement: list[dict[str, str]] = field(default_factory=list)

    def place(self, identifier: str, region: str, reason: str) -> None:
        """Add the placement of a new line."""
        self.new += 1
        self.regions[region] += 1
        if len(self.placement) < MOST_PLACEMENTS:
            self.placement.append({"id": identifier, "region": region, "reason": reason})

    def add_copy(self, copy: Copy, number: int) -> None:
        """Add the copy of a line."""
        known = self.copies.get((copy.source, copy.target), copy)
        self.copies[copy.source, copy.target] = known._replace(lines=(*known.lines, number)[:MOST_COPY_LINES])

    def to_json(self, **members: Any) -> dict[str, Any]:
        """Return the answer as JSON members, with others."""
        return members | {
            "lines": self.lines,
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "problems": self.problems.to_list("problems"),
            "warnings": self.warnings.to_list("warnings"),
            "regions": dict(sorted(self.regions.items())),
            "copies": [_copy(copy) for copy in self.copies.values()],
            "placement": self.placement,
        }


def _copy(copy: Copy) -> Mapping[str, Any]:
    return {
        "from": copy.source,
        "to": copy.target,
        "region": copy.region,
        "gigabytes": copy.gigabytes,
        "dollars": copy.dollars,
        "lines": copy.lines,
    }
