"""Plan of one version of a manifest: it is read, decided once, and its parts are written."""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fairlane_lambda.fan_out.arrays import members_key
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.lines import COLUMNS
from fairlane_lambda.fan_out.names import plan_folder
from fairlane_lambda.fan_out.placement import Copy
from fairlane_lambda.fan_out.plan.answer import Answer
from fairlane_lambda.fan_out.plan.index import Index
from fairlane_lambda.fan_out.plan.objects import Bucket, Parts
from fairlane_lambda.fan_out.plan.past import Past, put_members
from fairlane_lambda.fan_out.plan.planning import Planner
from fairlane_lambda.fan_out.plan.scope import Scope
from fairlane_lambda.fan_out.records import read_records
from fairlane_lambda.fan_out.table import Item
from fairlane_lambda.fan_out.versions import Version, Versions

_AGAIN_SECONDS: Final = 5
_COPY_SECONDS: Final = 60
_CHUNK: Final = 256 * 1024
_LISTS: Final = ("line_list", "last_list")

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Version of a manifest.

    Attributes:
        manifest: Name of the manifest.
        key: Key of the object.
        version: Version ID. Empty for the newest version.
        is_query: True if the object is the result of the query.
        at: Time at which the object was written, in epoch seconds.
    """

    manifest: str
    key: str
    version: str = ""
    is_query: bool = False
    at: int = 0

    def as_version(self) -> Version:
        """Return the version for the order of the versions."""
        return Version(self.key, self.version, self.at)


@dataclass(frozen=True, slots=True)
class Plans:
    """Plans of a fan-out.

    Attributes:
        event: Input of the function.
        bucket: Bucket of the fan-out.
        store: Bucket of the sweep store.
        ledger: Ledger of the fan-out.
        template: Text of the template of the fan-out.
        start_copies: Function that starts copies, and returns the key of the pending ones. It gets its last result.
        last: Record of the manifest when the function started, or `{}`.
        is_late: Function that returns True if too little time is left for another array job. The next run goes on.
    """

    event: Mapping[str, Any]
    bucket: Bucket
    store: Bucket
    ledger: Ledger
    template: str
    start_copies: Callable[[Iterable[Copy], str], str]
    last: Item
    is_late: Callable[[], bool]

    def plan(self, source: Source, scope: Callable[[], Scope]) -> State:
        """Plan a manifest, and return the next state.

        Args:
            source: Version of the manifest.
            scope: Function that returns what the lines are checked against.
        """
        found = self.bucket.open(source.key, source.version)
        if found is None:
            return self.refuse(source, f"{source.key}: the object or its version is absent")
        source = replace(source, version=found.version or source.version or "null", at=found.at)
        is_check = self.event.get("operation") == "check"
        if not is_check and (newer := self._versions.find_newer(source.manifest, source.as_version())):
            return self._refuse_outdated(source, newer)
        index, parts = Index(), Parts()
        try:
            return self._plan(source, scope(), index, parts, found.body)
        finally:
            index.close()
            parts.close()

    def resume(self, key: str) -> State:
        """Return the state after a plan that was decided, and write its answer and its record in the ledger.

        Args:
            key: Key of the decision.
        """
        decision: State = json.loads(self.bucket.read(key) or b"{}")
        copies = [
            Copy(c["from"], c["to"], c["region"], c["gigabytes"], c["dollars"], (*c["lines"],))
            for c in decision["copies"]
        ]
        if copies and (copying := self.start_copies(copies, self.event.get("copying", ""))):
            names = {"key": decision["key"], "version": decision["version"], "decision": key, "copying": copying}
            return {**self.event, **names, "status": "WAIT", "seconds": _COPY_SECONDS}
        manifest, version = decision["manifest"], decision["version"]
        source = Source(manifest, decision["key"], version, at=decision["written_at"])
        answer_key = f"{plan_folder(manifest, version)}plan.json"
        self.bucket.put(answer_key, _json(decision))
        record = {name: decision[name] for name in ("key", "version", "template_digest", "lines", "regions", *_LISTS)}
        run = {"operation": self.event.get("operation", "start"), "execution": self.event.get("execution", "")}
        fields = {**record, **run, "state": "SUBMITTING", "created_at": _now()}
        # A stop ends with a resumption or another version, but only a stop from before this function.
        is_resumption = bool(self.event.get("resume") or self.last.get("version") != version)
        starts = self.last.get("stopped", False) and is_resumption
        guard = self._versions.guard(manifest, source.as_version())
        if not self.ledger.put_manifest(manifest, fields, keeps_stop=not starts, guard=guard):
            return self._refuse_outdated(source)
        regions = [
            {
                "manifest": manifest,
                "version": version,
                "region": region,
                "part": part,
                "lines": decision["regions"].get(region, 0),
                "offset": 0,
            }
            for region, part in decision["parts"].items()
        ]
        names = {"manifest": manifest, "version": version, "operation": self.event.get("operation", "start")}
        return {"status": "PLANNED", **names, "plan": answer_key, "regions": regions}

    def refuse(self, source: Source, *problems: str) -> State:
        """Write the answer of a manifest that is not read, or whose copies failed, and return the next state."""
        answer = Answer()
        for problem in problems:
            answer.problems.add(problem)
        return self._answer(source, answer)

    @property
    def _versions(self) -> Versions:
        return Versions(self.ledger.table, self.bucket.is_newer)

    def _plan(self, source: Source, scope: Scope, index: Index, parts: Parts, stream: Any) -> State:
        is_check, manifest = self.event.get("operation") == "check", source.manifest
        is_same = self.last.get("version") == source.version
        last_list = self.last.get("last_list" if is_same else "line_list", "")
        if last_list:
            self._read_list(last_list, index)
        past = Past(self.ledger.table, manifest, _now(), has_children=scope.retry, renews=not is_check)
        planner = Planner(scope, index, parts, past)
        columns = COLUMNS if planner.scope.is_csv else None
        empty = "the query gives no rows" if source.is_query else "the manifest has no lines"
        planner.read(read_records(stream.iter_chunks(_CHUNK), columns), empty)
        if planner.answer.problems.count or is_check:
            return self._answer(source, planner.answer)
        if newer := self._versions.register(manifest, source.as_version(), _now()):
            return self._refuse_outdated(source, newer)
        folder, name = plan_folder(manifest, source.version), planner.digest.hexdigest()[:16]
        key, line_list = f"{folder}decision-{name}.json", f"{folder}lines-{name}.txt"
        if self.bucket.read(key) is None:
            if not self._commit(source, planner, parts):
                return {**self.event, "status": "WAIT", "seconds": _AGAIN_SECONDS}
            self._write_list(line_list, index)
            keys = parts.put(self.bucket, folder)
            lists = {"line_list": line_list, "last_list": last_list}
            members = {**self._members(source), **lists, "written_at": source.at, "parts": keys}
            self.bucket.put(key, _json(planner.answer.to_json(**members)), IfNoneMatch="*")
        return self.resume(key)

    def _read_list(self, key: str, index: Index) -> None:
        """Add the lines of the last version to an index."""
        found, rest = self.bucket.open(key), b""
        for chunk in found.body.iter_chunks(_CHUNK) if found else ():
            *lines, rest = (rest + chunk).split(b"\n")
            index.add_last_lines(line.decode() for line in lines)

    def _write_list(self, key: str, index: Index) -> None:
        with tempfile.TemporaryFile() as file:
            for row in index.lines():
                file.write(f"{row}\n".encode())
            self.bucket.put(key, file)

    def _commit(self, source: Source, planner: Planner, parts: Parts) -> bool:
        """Add array jobs to the parts, and withdraw outdated ones.

        A line belongs to one array job. It gets another one only after that one was withdrawn, so no two array jobs
        with a line are submitted. Return False if an outdated one was claimed, if another plan has grouped some of the
        lines meanwhile, if a newer version is planned, or if the time is over: array jobs that have their lines by then
        stay as they are.
        """
        manifest, table, now = source.manifest, self.ledger.table, _now()
        guard = self._versions.guard(manifest, source.as_version())
        for digest in planner.outdated_arrays:
            if not self.ledger.withdraw_array(manifest, digest, now, guard):
                return False
        for digest in planner.planned_arrays:
            members = self.bucket.read(members_key(manifest, digest))
            if members is not None:
                head = json.loads(members.partition(b"\n")[0])
                parts.write(head["region"], head["line"])
            elif self.ledger.withdraw_array(manifest, digest, now, guard):  # its list has expired
                return False
        for number, (job, name) in enumerate(planner.arrays()):
            if number and self.is_late():  # each run adds an array job
                return False
            content = job.content()
            line = job.part_line(name, self.store.name, self.store.put_same(job.key, content), content.index(b"\n") + 1)
            self.bucket.put_same(members_key(manifest, job.digest), job.membership(line))
            if not put_members(table, manifest, job, now, guard):
                return False
            parts.write(job.region, line)
        return True

    def _refuse_outdated(self, source: Source, newer: Version | None = None) -> State:
        """Return the state of a version that is not planned, because a newer one is. Its own plan stays as it is."""
        newer = newer or self._versions.find_newer(source.manifest, source.as_version())
        other = f"version {newer.id} of {newer.key}" if newer else "another version"
        answer = Answer()
        answer.problems.add(f"{source.key}: {other} is newer: start the manifest again to submit this one")
        return self._answer(source, answer, "outdated")

    def _answer(self, source: Source, answer: Answer, name: str = "") -> State:
        name = name or ("check" if self.event.get("operation") == "check" else "plan")
        key = f"{plan_folder(source.manifest, source.version)}{name}.json"
        self.bucket.put(key, _json(answer.to_json(**self._members(source))))
        names = {"manifest": source.manifest, "version": source.version, "plan": key}
        problems = answer.problems.count
        return {"status": "REFUSED" if problems else "CHECKED", **names, "problems": problems}

    def _members(self, source: Source) -> State:
        digest = hashlib.sha256(self.template.encode()).hexdigest()[:16]
        return {
            "manifest": source.manifest,
            "key": source.key,
            "version": source.version,
            "template_digest": digest,
        }


def _now() -> int:
    return int(time.time() * 1000)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
