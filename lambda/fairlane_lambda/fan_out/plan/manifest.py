"""Plan of one version of a manifest: it is read, decided once, and its parts are written."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.arrays import committed_key, members_key
from fairlane_lambda.fan_out.ledger import WITHDRAWN, Ledger
from fairlane_lambda.fan_out.lines import COLUMNS
from fairlane_lambda.fan_out.names import plan_folder
from fairlane_lambda.fan_out.placement import Copy
from fairlane_lambda.fan_out.plan.answer import Answer
from fairlane_lambda.fan_out.plan.index import Index, Known, Planned
from fairlane_lambda.fan_out.plan.objects import Bucket, Parts
from fairlane_lambda.fan_out.plan.planning import Planner
from fairlane_lambda.fan_out.plan.scope import Scope
from fairlane_lambda.fan_out.records import read_records

_AGAIN_SECONDS: Final = 5
_COPY_SECONDS: Final = 60
_CHUNK: Final = 256 * 1024

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Version of a manifest.

    Attributes:
        manifest: Name of the manifest.
        key: Key of the object.
        version: Version ID. Empty for the newest version.
        is_query: True if the object is the result of the query.
    """

    manifest: str
    key: str
    version: str = ""
    is_query: bool = False


class _Arrays(NamedTuple):
    """Array jobs of earlier plans of a manifest.

    Attributes:
        committed: Digests of the list.
        etag: ETag of the list. Empty if it is absent.
        withdrawn: Digests of withdrawn array jobs.
    """

    committed: list[str]
    etag: str
    withdrawn: set[str]


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
    """

    event: Mapping[str, Any]
    bucket: Bucket
    store: Bucket
    ledger: Ledger
    template: str
    start_copies: Callable[[Iterable[Copy], str], str]

    def plan(self, source: Source, scope: Callable[[], Scope]) -> State:
        """Plan a manifest, and return the next state.

        Args:
            source: Version of the manifest.
            scope: Function that returns what the lines are checked against.
        """
        found = self.bucket.open(source.key, source.version)
        if found is None:
            return self.refuse(source, f"{source.key}: the object or its version is absent")
        stream, version, _ = found
        source = Source(source.manifest, source.key, version or source.version or "null", source.is_query)
        index, parts = Index(), Parts()
        try:
            return self._plan(source, scope(), index, parts, stream)
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
        answer_key = f"{plan_folder(manifest, version)}plan.json"
        self.bucket.put(answer_key, _json(decision))
        record = {name: decision[name] for name in ("key", "version", "template_digest", "lines", "regions")}
        run = {"operation": self.event.get("operation", "start"), "execution": self.event.get("execution", "")}
        now = int(time.time() * 1000)
        fields = {**record, **run, "state": "SUBMITTING", "created_at": now}
        self.ledger.put_manifest(manifest, fields, keeps_stop=not self.event.get("resume"))
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

    def _plan(self, source: Source, scope: Scope, index: Index, parts: Parts, stream: Any) -> State:
        arrays = self._load(source.manifest, index)
        planner = Planner(scope, index, parts, arrays.withdrawn)
        columns = COLUMNS if planner.scope.is_csv else None
        empty = "the query gives no rows" if source.is_query else "the manifest has no lines"
        planner.read(read_records(stream.iter_chunks(_CHUNK), columns), empty)
        for job, name in planner.arrays():
            mistakes = job.mistakes(name, self.store.name)
            planner.answer.problems.add_mistakes(mistake.within(job.id) for mistake in mistakes)
        if planner.answer.problems.count or self.event.get("operation") == "check":
            return self._answer(source, planner.answer)
        key = f"{plan_folder(source.manifest, source.version)}decision-{planner.digest.hexdigest()[:16]}.json"
        if self.bucket.read(key) is None:
            if not self._commit(source.manifest, planner, parts, arrays):
                return {**self.event, "status": "WAIT", "seconds": _AGAIN_SECONDS}
            keys = parts.put(self.bucket, plan_folder(source.manifest, source.version))
            decision = planner.answer.to_json(**self._members(source), parts=keys)
            self.bucket.put(key, _json(decision), IfNoneMatch="*")
        return self.resume(key)

    def _load(self, manifest: str, index: Index) -> _Arrays:
        """Fill an index with the ledger and the array jobs, and return the latter."""
        withdrawn: set[str] = set()
        for item in self.ledger.lines(manifest, withdrawn=True):
            if item["state"] == WITHDRAWN:
                withdrawn.add(item["digest"])
            elif item["child"] is None:
                known = Known(item["state"], item.get("region", ""), item.get("placement", ""))
                index.add_known(item["digest"], item.get("id", ""), known)
            else:
                index.add_child(item["digest"], item["child"], item["state"])
        committed: list[str] = []
        found, etag = self.bucket.open(committed_key(manifest)), ""
        if found is not None:
            committed, etag = json.loads(found[0].read()), found[2]
        for digest in committed:
            members = (self.bucket.read(members_key(manifest, digest)) or b"").splitlines()
            if digest in withdrawn or not members:  # the object may have expired
                continue
            head = json.loads(members[0])
            planned = Planned(digest, head["region"], head["line"]["reason"])
            index.add_members(planned, (json.loads(line) for line in members[1:]))
        index.link_members()
        return _Arrays(committed, etag, withdrawn)

    def _commit(self, manifest: str, planner: Planner, parts: Parts, arrays: _Arrays) -> bool:
        """Add array jobs to the parts, and withdraw outdated ones.

        Return False if one of them was claimed, or another plan of the manifest has added array jobs meanwhile.
        """
        now = int(time.time() * 1000)
        for digest in planner.outdated_arrays:
            if not self.ledger.withdraw_array(manifest, digest, now):
                return False
        for digest in planner.planned_arrays:
            head = json.loads((self.bucket.read(members_key(manifest, digest)) or b"").partition(b"\n")[0])
            parts.write(head["region"], head["line"])
        new = []
        for job, name in planner.arrays():
            content = job.content()
            line = job.part_line(name, self.store.name, self.store.put_same(job.key, content), content.index(b"\n") + 1)
            self.bucket.put_same(members_key(manifest, job.digest), job.membership(line))
            parts.write(job.region, line)
            new.append(job.digest)
        kept = [one for one in arrays.committed if one not in arrays.withdrawn.union(planner.outdated_arrays)]
        if [*kept, *new] == arrays.committed:
            return True
        condition = {"IfMatch": arrays.etag} if arrays.etag else {"IfNoneMatch": "*"}
        return self.bucket.put(committed_key(manifest), _json([*kept, *new]), **condition) is not None

    def _answer(self, source: Source, answer: Answer) -> State:
        is_check = self.event.get("operation") == "check"
        key = f"{plan_folder(source.manifest, source.version)}{'check' if is_check else 'plan'}.json"
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


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
