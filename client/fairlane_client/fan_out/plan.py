"""Plan of a manifest, as the state machine answers it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.text import align, plural
from fairlane_lambda.fan_out.names import MANIFEST

_MOST_ROWS: Final = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a manifest. Its text is for people.

    Attributes:
        manifest: Name of the manifest.
        version: Version ID of its object.
        lines: Number of lines.
        new: Number of lines that get a job.
        changed: Number of new lines whose ids had another job: the line or its template was edited.
        unchanged: Number of lines that have their job already.
        removed: Number of ids that are no longer in the manifest. Their jobs stay.
        is_template_edited: True if the template of the fan-out is another one than at the last start.
        regions: Number of new lines by Region.
        placement: Id, Region and reason of the first new lines.
        copies: Copies of data before the jobs, with their costs.
        warnings: Warnings.
    """

    manifest: str
    version: str
    lines: int
    new: int
    changed: int
    unchanged: int
    removed: int
    is_template_edited: bool
    regions: Mapping[str, int]
    placement: Sequence[Mapping[str, str]]
    copies: Sequence[Mapping[str, Any]]
    warnings: Sequence[str]

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], last_template: str | None) -> "Plan":
        """Return the plan of an answer.

        Args:
            answer: Answer in the bucket.
            last_template: Digest of the template at the last start. None if there was none.
        """
        is_edited = last_template is not None and last_template != answer["template_digest"]
        members = {name: answer[name] for name in cls.__slots__ if name != "is_template_edited"}
        return cls(**members, is_template_edited=is_edited)

    def __str__(self) -> str:
        return "\n".join(self._text())

    def _text(self) -> Iterator[str]:
        counts = f"{self.new:,} new, {self.unchanged:,} unchanged, {self.removed:,} removed"
        yield f"{self.manifest}: {plural(self.lines, 'line')}: {counts}"
        if self.changed:
            cause = "the template was edited" if self.is_template_edited else "the line or its template was edited"
            yield f"{plural(self.changed, 'line')} with an earlier job become new jobs: {cause}"
        if self.removed:
            yield "The jobs of removed lines stay as they are"
        if self.regions:
            yield f"\n{align([('region', 'new lines'), *((region, f'{n:,}') for region, n in self.regions.items())])}"
        if self.copies:
            copies = [(c["from"], c["to"], c["region"], f"{c['gigabytes']:,.0f}", _dollars(c)) for c in self.copies]
            yield f"\n{align([('copy from', 'to', 'region', 'GB', 'USD'), *copies])}"
            total = sum(copy["dollars"] for copy in self.copies)
            yield f"{plural(len(self.copies), 'copy', 'copies')} before the jobs, for {total:,.2f} USD in all"
        if self.placement:
            rows = [(row["id"], row["region"], row["reason"]) for row in self.placement[:_MOST_ROWS]]
            yield f"\n{align([('line', 'region', 'reason'), *rows])}"
            if self.new > len(rows):
                yield f"and {self.new - len(rows):,} more"
        if self.warnings:
            yield "\n" + "\n".join(f"warning: {warning}" for warning in self.warnings)


def _dollars(copy: Mapping[str, Any]) -> str:
    return f"{copy['dollars']:,.2f}"


def file_manifest(file: Path) -> str:
    """Return the name of the manifest in a file.

    Raises:
        ConfigurationError: If the name of the file has the wrong form, or if the file cannot be read.
    """
    name = file.stem.lower()
    try:
        if not file.is_dir() and (file.suffix not in (".jsonl", ".csv") or not MANIFEST.fullmatch(name)):
            allowed = "a file <name>.jsonl or <name>.csv: a letter, then up to 39 letters, digits and hyphens"
            raise ConfigurationError("manifest", [Problem((), file.name, allowed)])
        if file.is_file():
            file.open("rb").close()
            return name
        mistake = f"{file} is a folder" if file.is_dir() else f"there is no file {file}"
        sentence = f"{mistake}: write the path of the manifest"
    except OSError as error:
        sentence = f"{file} cannot be read, {error.strerror}: use another file"
    raise ConfigurationError("manifest", [Problem.relation((), sentence)])


def manifest_name(state: Mapping[str, Any], fan_out: str) -> str:
    """Return the name of the manifest of an execution.

    Args:
        state: Input of the execution: of a client, or of an event of Amazon S3.
        fan_out: Name of the fan-out, which the result of its query has.
    """
    if "manifest" in state:
        return str(state["manifest"])
    return PurePosixPath(state["key"]).stem.lower() if state.get("key") else fan_out
