"""State machine of a fan-out in memory: it plans manifests, submits their lines over time, and records events."""

import hashlib
import json
from typing import Any

from fairlane_lambda.fan_out.ledger import Ledger, key_of
from fairlane_lambda.fan_out.names import job_name, line_digest, plan_folder
from tests.fairlane_client.fan_out.fake_jobs import ENDED, FakeJobs
from tests.fairlane_client.fan_out.fake_states import FakeStates

PLAN_SECONDS, STALE_SECONDS, PER_SECOND = 3, 6, 5
Line = dict[str, Any]


class Service:
    """Functions of the fan-out `campaigns`, as far as its clients see them.

    Attributes:
        template: Text of the template.
        query_result: Manifest that the query gives.
        is_open: False to submit nothing.
        reasons: Reasons of placements by the id of a line.
    """

    def __init__(self, states: FakeStates, ledger: Ledger, batch: dict[str, FakeJobs], objects: Any) -> None:
        self._states, self._ledger, self._batch, self._objects = states, ledger, batch, objects
        self._work: dict[str, dict[str, Any]] = {}
        self.template = "{}"
        self.query_result = b""
        self.is_open = True
        self.reasons: dict[str, str] = {}

    def advance(self, now: float) -> None:
        """Let the time go on."""
        for arn, execution in self._states.executions.items():
            work = self._work.setdefault(arn, {"since": now})
            if execution["status"] == "RUNNING" and "lines" not in work and now - work["since"] >= PLAN_SECONDS:
                self._plan(arn, execution, work, now)
            if work.get("lines") or (execution["status"] == "RUNNING" and "lines" in work):
                self._submit(execution, work, now)
        self._record_events(now)

    def _plan(self, arn: str, execution: dict[str, Any], work: dict[str, Any], now: float) -> None:
        state = json.loads(execution["input"])
        if state.get("query") or state["operation"] == "query":
            state |= {"manifest": "campaigns", "key": "queries/1.csv", "version": "query-1"}
            self._objects.write(state["key"], self.query_result, version=state["version"])
        content = self._objects.versions[state["key"], state["version"]]
        lines = [json.loads(line) for line in content.splitlines()]
        manifest, version = state["manifest"], state["version"]
        names = {"manifest": manifest, "version": version, "key": state["key"]}
        problems = [
            f"line {number}: region: got {line['region']!r}"
            for number, line in enumerate(lines, 1)
            if line["region"] not in self._batch
        ]
        known = {item["digest"]: item for item in self._ledger.lines(manifest)}
        jobs = [job for line in lines if (job := self._job(line, known, state["operation"] == "retry"))]
        regions = {region: sum(line["region"] == region for line, _ in jobs) for region in sorted(self._batch)}
        ids = {item["id"] for item in known.values()}
        answer = names | {
            "template_digest": hashlib.sha256(self.template.encode()).hexdigest()[:16],
            "lines": len(lines),
            "new": len(jobs),
            "changed": sum(line["id"] in ids for line, _ in jobs),
            "unchanged": len(lines) - len(jobs),
            "removed": len(ids - {line["id"] for line in lines}),
            "problems": problems,
            "warnings": ["line 1: data is in eu-west-1, the job runs in us-east-1"] if manifest == "warned" else [],
            "regions": {region: number for region, number in regions.items() if number},
            "copies": [],
            "placement": [
                {"id": line["id"], "region": line["region"], "reason": self._reason(line)} for line, _ in jobs
            ],
        }
        is_check = state["operation"] == "check"
        key = f"{plan_folder(manifest, version)}{'check' if is_check else 'plan'}.json"
        self._objects.write(key, json.dumps(answer).encode())
        if problems:
            execution |= {"status": "FAILED", "error": "Refused", "cause": key}
        elif is_check:
            execution |= {"status": "SUCCEEDED", "output": json.dumps({"status": "CHECKED", "plan": key, **names})}
        else:
            record = {name: answer[name] for name in ("key", "version", "template_digest", "lines", "regions")}
            record |= {"execution": arn, "created_at": int(now * 1000), "operation": state["operation"]}
            self._ledger.put_manifest(manifest, {**record, "state": "SUBMITTING"}, keeps_stop=not state.get("resume"))
            work |= {"lines": jobs, "names": names, "stale": None, "at": now}

    def _job(self, line: Line, known: dict[str, Any], is_retry: bool) -> tuple[Line, str] | None:
        digest, attempt = line_digest(line, self.template), 1
        if not is_retry:
            return None if digest in known else (line, digest)
        while known.get(digest, {}).get("state") == "FAILED":
            attempt += 1
            digest = line_digest(line, self.template, attempt)
        return (line, digest) if attempt > 1 and digest not in known else None

    def _reason(self, line: Line) -> str:
        return self.reasons.get(line["id"], "the only candidate")

    def _submit(self, execution: dict[str, Any], work: dict[str, Any], now: float) -> None:
        """Submit lines, five a second and Region. A function reads after six seconds that the manifest was stopped."""
        manifest = work["names"]["manifest"]
        record = self._ledger.manifest(manifest) or {}
        if record.get("stopped"):
            work["stale"] = work["stale"] or now + STALE_SECONDS
        is_stopped = work["stale"] is not None and now >= work["stale"]
        number = int((now - work["at"]) * PER_SECOND)
        work["at"] += number / PER_SECOND
        budget = dict.fromkeys(self._batch, number if self.is_open else 0)
        left = []
        for line, digest in work["lines"]:
            if is_stopped or budget[line["region"]] <= 0:
                left.append((line, digest))
                continue
            budget[line["region"]] -= 1
            self._submit_line(manifest, work["names"]["version"], line, digest, now)
        work["lines"] = [] if is_stopped else left
        for region in self._batch:
            key = {"pk": manifest, "sk": f"lease#{region}"}
            if any(line["region"] == region for line, _ in work["lines"]):
                self._ledger.table.put({**key, "owner": "function", "until": int(now * 1000) + 60_000})
            else:
                self._ledger.table.delete((manifest, f"lease#{region}"))
        if not work["lines"] and execution["status"] == "RUNNING":
            self._ledger.set_manifest(manifest, state="STOPPED" if is_stopped else "SUBMITTED")
            output = {"status": "SUBMITTED", "failed": [], **work["names"]}
            execution |= {"status": "SUCCEEDED", "output": json.dumps(output)}

    def _submit_line(self, manifest: str, version: str, line: Line, digest: str, now: float) -> None:
        name = job_name("campaigns", manifest, line["id"], digest)
        kind = line.get("kind", "service")
        item = {"id": line["id"], "region": line["region"], "queue": "training", "kind": kind, "gpus": 8}
        item |= {"state": "SUBMITTED", "claimed_at": int(now * 1000), "attempted_at": int(now * 1000), "tries": 1}
        item |= {"placement": self._reason(line), "version": version, "job_name": name}
        pk, sk = key_of(manifest, digest)
        if self._ledger.table.put({**item, "pk": pk, "sk": sk}, "attribute_not_exists(#pk)").is_done:
            job = self._batch[line["region"]].submit(name, kind)
            self._ledger.table.update((pk, sk), "SET #job_id = :job", "", {"job": job})

    def _record_events(self, now: float) -> None:
        for manifest in [record["pk"] for record in self._ledger.manifests()]:
            for item in [*self._ledger.lines(manifest)]:
                job = self._batch[item["region"]].jobs.get(item.get("job_id", ""))
                if job and item["state"] != job["status"]:
                    changes = {"state": job["status"]} | (
                        {"started_at": int(now * 1000)} if job["status"] == "RUNNING" else {}
                    )
                    changes |= {"stopped_at": int(now * 1000)} if job["status"] in ENDED else {}
                    names = ", ".join(f"#{name} = :{name}" for name in changes)
                    self._ledger.table.update((manifest, item["sk"]), f"SET {names}", "", changes)
