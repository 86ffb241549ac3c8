"""Plan of a manifest: each line is checked, placed and rendered, one at a time."""

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from fairlane_lambda.fan_out.arrays import CHUNK, ArrayJob
from fairlane_lambda.fan_out.lines import MAX_LINES, Line, parse_line
from fairlane_lambda.fan_out.names import TEMPLATES, job_name, line_digest
from fairlane_lambda.fan_out.placement import Choice, Refusal
from fairlane_lambda.fan_out.plan.answer import Answer
from fairlane_lambda.fan_out.plan.index import Index
from fairlane_lambda.fan_out.plan.objects import Parts
from fairlane_lambda.fan_out.plan.past import BLOCK, Earlier, Past
from fairlane_lambda.fan_out.plan.requests import Requests
from fairlane_lambda.fan_out.plan.scope import Place, Scope
from fairlane_lambda.fan_out.records import Record
from fairlane_lambda.fan_out.rendering import Template
from fairlane_lambda.training_job import Mistake

_RETRIED: Final = ("FAILED", "REFUSED")
_CLAIMED: Final = "SUBMITTING"
_NEW: Final = Earlier()


@dataclass(slots=True)
class _Submission:
    """Submission of a line.

    Attributes:
        line: Line.
        template: Its template.
        first: Digest of the first submission of the line.
        digest: Digest of the submission.
        attempt: Number of the attempt to look at next.
        earlier: Earlier job or plan of the submission.
        is_wanted: True if the operation is about the line: a retry is about failed lines only.
    """

    line: Line
    template: Template
    first: str = ""
    digest: str = ""
    attempt: int = 1
    earlier: Earlier = _NEW
    is_wanted: bool = False


class Planner:
    """Plan of the lines of a manifest.

    Args:
        scope: What the lines are checked against.
        index: Index of the plan.
        parts: Parts to which jobs are added.
        past: Earlier jobs and plans of lines.

    Attributes:
        answer: Answer of the plan.
        digest: Digest of the residency, of all lines as they were written with their templates, and of their array
            jobs. Of a retry, of the retried lines.
        scope: What the lines are checked against.
        planned_arrays: Digests of array jobs of earlier plans that have lines of this manifest and are not submitted.
        outdated_arrays: Digests of such array jobs whose lines are grouped anew: lines of them were removed or changed,
            or cannot run in their Regions any more.
    """

    def __init__(self, scope: Scope, index: Index, parts: Parts, past: Past) -> None:
        self.scope, self._index, self._parts, self._past = scope, index, parts, past
        self._requests = Requests(scope)
        self.answer = Answer()
        rules = ["retry" if scope.retry else "start", {**scope.config.residency}]
        self.digest = hashlib.sha256(json.dumps(rules, sort_keys=True).encode())
        self.planned_arrays: list[str] = []
        self.outdated_arrays: list[str] = []
        self._earlier_arrays: dict[str, bool] = {}

    def read(self, records: Iterable[Record], empty: str) -> None:
        """Plan the records of the manifest.

        Args:
            records: Records and their problems.
            empty: Problem of a manifest without lines.
        """
        rest = iter(records)
        while block := [*islice(rest, BLOCK)]:
            if not self._read_block(block):
                return
        if not self.answer.lines:
            self.answer.problems.add(empty)
        self._divide_arrays()
        if not self.scope.retry:
            self.answer.removed = self._index.removed()

    def arrays(self) -> Iterator[tuple[ArrayJob, str]]:
        """Yield the new array jobs with their names."""
        for common, runs in self._index.runs(CHUNK):
            job = ArrayJob(self.scope.manifest, json.loads(common), runs)
            yield job, job_name(self.scope.config.name, self.scope.manifest, job.id, job.digest)

    def _read_block(self, records: Sequence[Record]) -> bool:
        """Plan some records. Return False if the others are not to be read."""
        problems, is_csv = self.answer.problems, self.scope.is_csv
        parsed = {
            record.number: parse_line(record.number, record.fields, is_csv=is_csv)
            for record in records
            if record.fields is not None
        }
        lines = [(line, self.scope.template(line.template)) for line, _ in parsed.values() if line is not None]
        submissions = {
            line.number: _Submission(line, template) for line, template in lines if template and not template.mistakes
        }
        self._look_up([*submissions.values()])
        for record in records:
            self.answer.lines += 1
            if self.answer.lines > MAX_LINES:
                problems.add(f"over {MAX_LINES:,} lines: divide the manifest")
                return False
            if record.fields is None:
                problems.add(record.problem, record.number)
                if record.is_last:
                    return False
                continue
            line, mistakes = parsed[record.number]
            problems.add_mistakes(mistakes, record.number)
            if line is None:
                continue
            submission = submissions.get(line.number)
            digest = submission.first if submission else ""
            if (other := self._index.add_line(line.id, digest, line.number)) is not None:
                problems.add(f"id: {line.id} is the id of line {other} too", line.number)
            elif self._template(line) and submission:
                problems.add_mistakes(self._plan(submission), line.number)
        return True

    def _look_up(self, submissions: Sequence[_Submission]) -> None:
        """Look up the earlier jobs of lines. A retry follows failed attempts, and so does a line that is renewed."""
        attempts, due = [*submissions], set[str]()
        while attempts:
            digests = {id(one): line_digest(one.line.fields, one.template.text, one.attempt) for one in attempts}
            found = self._past.read({digests[id(one)]: one.template.is_array for one in attempts}, due)
            following = []
            for one in attempts:
                digest = digests[id(one)]
                earlier = found.get(digest, _NEW)
                one.first = one.first or digest
                if self.scope.retry or one.attempt == 1:
                    one.digest, one.earlier, one.is_wanted = digest, earlier, one.attempt > 1 or not self.scope.retry
                if earlier.state in _RETRIED and (self.scope.retry or earlier.is_due):
                    one.attempt += 1
                    following.append(one)
                    if earlier.is_due:
                        due.add(line_digest(one.line.fields, one.template.text, one.attempt))
            attempts = following

    def _divide_arrays(self) -> None:
        """Divide the array jobs of earlier plans into those that stay together and outdated ones."""
        whole = self._index.whole_arrays()
        for job, is_claimed in self._earlier_arrays.items():
            (self.planned_arrays if is_claimed or job in whole else self.outdated_arrays).append(job)
        self._index.delete_runs(self.planned_arrays)
        for job in self.planned_arrays:
            self._index.add_array(job)
        for array, name in self.arrays():
            mistakes = array.mistakes(name, self.scope.store)
            self.answer.problems.add_mistakes(mistake.within(array.id) for mistake in mistakes)
            self._index.add_array(array.digest)
        for job in self._index.arrays():  # a decision ends with its array jobs
            self.digest.update(job.encode())

    def _template(self, line: Line) -> Template | None:
        template = self.scope.template(line.template)
        if template is None:
            allowed = f"the name of an object {TEMPLATES}<name>.json"
            self.answer.problems.add(str(Mistake(("template",), line.template, allowed)), line.number)
        elif self.answer.problems.add_mistakes(template.mistakes) or template.mistakes:
            return None
        return template

    def _plan(self, submission: _Submission) -> Iterator[Mistake]:
        """Plan a line, and yield its mistakes."""
        line, template, digest = submission.line, submission.template, submission.digest
        earlier = submission.earlier
        if not submission.is_wanted:
            self.answer.unchanged += 1
            return
        is_submitted = earlier.is_known and earlier.state != _CLAIMED
        if not (self.scope.retry and is_submitted):
            self.digest.update(digest.encode())
        if is_submitted:
            self.answer.unchanged += 1
            if earlier.job and not self.scope.retry:
                self._index.add_array(earlier.job)
            return
        if earlier.is_planned:
            self._earlier_arrays[earlier.job] = earlier.is_known
        line = _with_defaults(line, template)
        place = yield from self._place(line, digest, earlier)
        if place is None:
            return
        mistakes = [*place.queue.mistakes(line.share, is_array=template.is_array)]
        if mistakes:
            yield from mistakes
        elif template.is_array:
            if planned := (yield from self._requests.run(line, template, place)):
                request, run = planned
                stays = earlier.is_planned and (earlier.is_known or place.choice.region == earlier.region)
                self._index.add_run(request, run._replace(earlier=earlier.job), earlier, stays=stays)
                self._count(submission, place)
        elif job := (yield from self._requests.job(line, template, place)):
            self._parts.write(place.choice.region, job)
            self._count(submission, place)

    def _place(self, line: Line, digest: str, earlier: Earlier) -> Generator[Mistake, None, Place | None]:
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
        has_place = earlier.is_known or earlier.is_planned
        same = [one for one in fitting if has_place and one.region == earlier.region] or fitting
        choice = self.scope.placer.place(replace(line, candidates=tuple(same)))
        if isinstance(choice, Refusal) and not earlier.is_known:  # else a job may have been submitted there
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
        is_same = has_place and choice.region == earlier.region
        return Place(digest, choice._replace(reason=earlier.reason) if is_same else choice, queue)

    def _warn(self, line: Line, choice: Choice) -> None:
        if choice.data is not None and choice.data.startswith("s3://"):
            place = self.scope.bucket_region(choice.data.split("/")[2])
            if place not in ("", choice.region):
                self.answer.warnings.add(f"data is in {place}, the job runs in {choice.region}", line.number)

    def _count(self, submission: _Submission, place: Place) -> None:
        answer, choice, identifier = self.answer, place.choice, submission.line.id
        answer.place(identifier, choice.region, choice.reason)
        if not (submission.earlier.is_known or self.scope.retry):
            answer.changed += self._index.is_changed(identifier, submission.first)
        if choice.copy is not None:
            answer.add_copy(choice.copy, submission.line.number)


def _with_defaults(line: Line, template: Template) -> Line:
    """Return a line with the instance type and count of its template, for the placement."""
    kind, count = template.default("instance_type"), template.default("instance_count")
    return replace(
        line,
        instance_type=line.instance_type or (kind if isinstance(kind, str) else None),
        instance_count=line.instance_count or (count if type(count) is int else None),
    )
