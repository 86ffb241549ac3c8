"""Plan of a manifest: each line is checked, placed and rendered, one at a time."""

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Final

from fairlane_lambda.fan_out.arrays import CHUNK, ArrayJob
from fairlane_lambda.fan_out.lines import MAX_LINES, Line, parse_line
from fairlane_lambda.fan_out.names import TEMPLATES, job_name, line_digest
from fairlane_lambda.fan_out.placement import Choice, Refusal
from fairlane_lambda.fan_out.plan.answer import Answer
from fairlane_lambda.fan_out.plan.index import Index, Known, Planned
from fairlane_lambda.fan_out.plan.objects import Parts
from fairlane_lambda.fan_out.plan.requests import Requests
from fairlane_lambda.fan_out.plan.scope import Place, Scope
from fairlane_lambda.fan_out.records import Record
from fairlane_lambda.fan_out.rendering import Template
from fairlane_lambda.training_job import Mistake

_RETRIED: Final = ("FAILED", "REFUSED")
_CLAIMED: Final = "SUBMITTING"


class Planner:
    """Plan of the lines of a manifest.

    Args:
        scope: What the lines are checked against.
        index: Index with the lines of the ledger.
        parts: Parts to which jobs are added.
        withdrawn: Digests of withdrawn array jobs of the manifest.

    Attributes:
        answer: Answer of the plan.
        digest: Digest of the residency and of all lines as they were written, with their templates. Of a retry, of the
            retried lines.
        scope: What the lines are checked against.
        planned_arrays: Digests of array jobs of earlier plans that have lines of this manifest and are not submitted.
        outdated_arrays: Digests of such array jobs whose lines are grouped anew: lines of them were removed or changed,
            or cannot run in their Regions any more.
    """

    def __init__(self, scope: Scope, index: Index, parts: Parts, withdrawn: Iterable[str]) -> None:
        self.scope, self._index, self._parts, self._requests = scope, index, parts, Requests(scope)
        self.answer = Answer()
        rules = ["retry" if scope.retry else "start", {**scope.config.residency}]
        self.digest = hashlib.sha256(json.dumps(rules, sort_keys=True).encode())
        self.planned_arrays: list[str] = []
        self.outdated_arrays: list[str] = []
        self._withdrawn = {*withdrawn}
        self._earlier_arrays: dict[str, bool] = {}

    def read(self, records: Iterable[Record], empty: str) -> None:
        """Plan the records of the manifest.

        Args:
            records: Records and their problems.
            empty: Problem of a manifest without lines.
        """
        problems = self.answer.problems
        for record in records:
            self.answer.lines += 1
            if self.answer.lines > MAX_LINES:
                problems.add(f"over {MAX_LINES:,} lines: divide the manifest")
                return
            if record.fields is None:
                problems.add(record.problem, record.number)
                if record.is_last:
                    return
                continue
            line, mistakes = parse_line(record.number, record.fields, is_csv=self.scope.is_csv)
            problems.add_mistakes(mistakes, record.number)
            if line is None:
                continue
            if (other := self._index.add_id(line.id, line.number)) is not None:
                problems.add(f"id: {line.id} is the id of line {other} too", line.number)
            elif template := self._template(line):
                problems.add_mistakes(self._plan(line, template), line.number)
        if not self.answer.lines:
            problems.add(empty)
        self._divide_arrays()
        if not self.scope.retry:
            self.answer.removed = self._index.removed()

    def arrays(self) -> Iterator[tuple[ArrayJob, str]]:
        """Yield the new array jobs with their names."""
        for common, runs in self._index.runs(CHUNK):
            job = ArrayJob(self.scope.manifest, json.loads(common), runs, sorted(self._withdrawn))
            yield job, job_name(self.scope.config.name, self.scope.manifest, job.id, job.digest)

    def _divide_arrays(self) -> None:
        """Divide the array jobs of earlier plans into those that stay together and outdated ones."""
        whole = self._index.whole_arrays()
        for job, is_claimed in self._earlier_arrays.items():
            (self.planned_arrays if is_claimed or job in whole else self.outdated_arrays).append(job)
        self._index.delete_runs(self.planned_arrays)
        self._withdrawn.update(self.outdated_arrays)
        for job in sorted(self._withdrawn):  # a decision ends with its array jobs
            self.digest.update(job.encode())

    def _template(self, line: Line) -> Template | None:
        template = self.scope.template(line.template)
        if template is None:
            allowed = f"the name of an object {TEMPLATES}<name>.json"
            self.answer.problems.add(str(Mistake(("template",), line.template, allowed)), line.number)
        elif self.answer.problems.add_mistakes(template.mistakes) or template.mistakes:
            return None
        return template

    def _plan(self, line: Line, template: Template) -> Iterator[Mistake]:
        """Plan a line, and yield its mistakes."""
        digest, known = self._digest(line, template)
        if digest is None:
            self.answer.unchanged += 1
            return
        if not self.scope.retry:
            self.digest.update(digest.encode())
        if known is not None and known.state != _CLAIMED:
            self.answer.unchanged += 1
            return
        if self.scope.retry:
            self.digest.update(digest.encode())
        planned = self._index.planned(digest)
        if planned is not None:
            self._earlier_arrays[planned.job] = known is not None
        line = _with_defaults(line, template)
        place = yield from self._place(line, digest, known, planned)
        if place is None:
            return
        mistakes = [*place.queue.mistakes(line.share, is_array=template.is_array)]
        if mistakes:
            yield from mistakes
        elif template.is_array:
            if run := (yield from self._requests.run(line, template, place)):
                stays = planned is not None and (known is not None or place.choice.region == planned.region)
                self._index.add_run(*run, planned.job if planned is not None and stays else "")
                self._count(line, place, known)
        elif job := (yield from self._requests.job(line, template, place)):
            self._parts.write(place.choice.region, job)
            self._count(line, place, known)

    def _digest(self, line: Line, template: Template) -> tuple[str | None, Known | None]:
        """Return the digest of the submission of a line, and the line in the ledger. None if it is not retried."""
        digest = line_digest(line.fields, template.text)
        known = self._index.known(digest)
        if not self.scope.retry:
            return digest, known
        attempt = 1
        latest: Known | None = None
        while known is not None and known.state in _RETRIED:
            latest, attempt = known, attempt + 1
            digest = line_digest(line.fields, template.text, attempt)
            known = self._index.known(digest)
        return (digest if latest is not None else None), known

    def _place(
        self, line: Line, digest: str, known: Known | None, planned: Planned | None
    ) -> Generator[Mistake, None, Place | None]:
        """Yield the mistakes of the place of a line, and return the place."""
        regions = self.scope.config.regions
        for candidate in line.candidates:
            if candidate.region not in regions:
                yield Mistake(("region",), candidate.region, ", ".join(regions))
                return None
        fitting = [one for one in line.candidates if line.queue is None or line.queue in regions[one.region]]
        if not fitting:
            allowed = sorted({queue for one in line.candidates for queue in regions[one.region]})
            yield Mistake(("queue",), line.queue, ", ".join(allowed))
            return None
        earlier = known or planned
        same = [one for one in fitting if earlier is not None and one.region == earlier.region] or fitting
        choice = self.scope.placer.place(replace(line, candidates=tuple(same)))
        if isinstance(choice, Refusal) and known is None:  # else a job may have been submitted there
            choice = self.scope.placer.place(replace(line, candidates=tuple(fitting)))
        if isinstance(choice, Refusal):
            yield Mistake((), sentence=choice.text)
            return None
        names = regions[choice.region]
        name = line.queue or names[0]
        queue = self.scope.queues.queue(choice.region, name, names)
        if queue is None:
            yield Mistake(("queue",), sentence=f"{choice.region} has no queue {name}")
            return None
        self._warn(line, choice)
        is_same = earlier is not None and choice.region == earlier.region
        return Place(digest, choice._replace(reason=earlier.reason) if earlier and is_same else choice, queue)

    def _warn(self, line: Line, choice: Choice) -> None:
        if choice.data is not None and choice.data.startswith("s3://"):
            place = self.scope.bucket_region(choice.data.split("/")[2])
            if place not in ("", choice.region):
                self.answer.warnings.add(f"data is in {place}, the job runs in {choice.region}", line.number)

    def _count(self, line: Line, place: Place, known: Known | None) -> None:
        answer, choice = self.answer, place.choice
        answer.place(line.id, choice.region, choice.reason)
        answer.changed += known is None and not self.scope.retry and self._index.has_id(line.id)
        if choice.copy is not None:
            answer.add_copy(choice.copy, line.number)


def _with_defaults(line: Line, template: Template) -> Line:
    """Return a line with the instance type and count of its template, for the placement."""
    kind, count = template.default("instance_type"), template.default("instance_count")
    return replace(
        line,
        instance_type=line.instance_type or (kind if isinstance(kind, str) else None),
        instance_count=line.instance_count or (count if type(count) is int else None),
    )
