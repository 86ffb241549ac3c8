"""Fan-out in simulated time: Regions, the state machine's loop, and functions that are killed or lose answers."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ReadTimeoutError

from fairlane_lambda.fan_out.lease import Run
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.names import job_name, line_digest, plan_folder
from fairlane_lambda.fan_out.submit.batch import SubmitError
from fairlane_lambda.fan_out.submit.handler import submit_part
from fairlane_lambda.fan_out.submit.parts import Part
from fairlane_lambda.fan_out.table import Table

from .fake_batch import FakeBatch, Rules, failure
from .fake_dynamodb import FakeDynamoDB
from .simulation import FunctionRun, Killed, Simulation

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
QUEUE = "training-p4"
FUNCTION_MS = 900_000
_TIMEOUT_MS = 12_000
_LATEST_MS = 5_500


class FakeS3:
    """Client of S3 that reads ranges of objects."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get_object(self, **request: str) -> dict[str, Any]:
        first, last = map(int, request["Range"].removeprefix("bytes=").split("-"))
        body = self.objects[request["Key"]]
        if first >= len(body):
            raise failure("InvalidRange", 416, "", "GetObject")
        return {"Body": io.BytesIO(body[first : last + 1])}


@dataclass
class Faults:
    """Faults of calls.

    Attributes:
        kill_before: Number of the call before which its function dies.
        kill_after: Number of the call after which its function dies.
        kills: Share of the calls before or after which their function dies.
        lost: Share of the calls to AWS Batch whose answer gets lost.
        repeated: Share of the calls to DynamoDB that the SDK repeats because it lost an answer.
        failed: Share of the calls to AWS Batch that fail with status 500, half of them after their effect.
        random: Source of the shares.
    """

    kill_before: int = 0
    kill_after: int = 0
    kills: float = 0
    lost: float = 0
    repeated: float = 0
    failed: float = 0
    random: Random = field(default_factory=lambda: Random(1))


class _Client:
    """Client of one run of a function."""

    def __init__(self, client: Any, world: "World", run: FunctionRun, milliseconds: int, is_batch: bool) -> None:
        self._client = client
        self._world = world
        self._run = run
        self._half = milliseconds / 2
        self._is_batch = is_batch

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            run, faults, chance = self._run, self._world.faults, self._world.faults.random.random
            run.check()
            self._world.calls[operation] += 1
            number = self._world.calls.total()
            if number == faults.kill_before or (faults.kills and chance() < faults.kills / 2):
                run.is_killed = True
                run.check()
            self._sleep()
            error: Exception | None = None
            if self._is_batch and faults.failed and chance() < faults.failed / 2:
                error = failure("ServerException", 500, "", operation)
            else:
                try:
                    response = getattr(self._client, operation)(**request)
                    if not self._is_batch and faults.repeated and chance() < faults.repeated:
                        response = getattr(self._client, operation)(**request)
                except Exception as caught:
                    error = caught
            if self._is_batch and faults.failed and chance() < faults.failed / 2:
                error = failure("ServerException", 500, "", operation)
            if self._is_batch and faults.lost and chance() < faults.lost:
                self._world.simulation.sleep_until(self._world.simulation.now + _TIMEOUT_MS)
                error = ReadTimeoutError(endpoint_url="https://batch")
            self._sleep()
            if number == faults.kill_after or (faults.kills and chance() < faults.kills / 2):
                run.is_killed = True
            run.check()
            if error:
                raise error
            return response

        return call

    def _sleep(self) -> None:
        if self._half:
            jitter = self._world.faults.random.uniform(0.8, 1.2) if self._world.jitter else 1
            self._world.simulation.sleep_until(self._world.simulation.now + round(self._half * jitter))


class World:
    """Fan-out with its ledger, its bucket and AWS Batch in each Region.

    Args:
        rules: Behaviour of AWS Batch by Region. Default: lists lag 20 s, tokens are forgotten after 10 s.
        faults: Faults of calls. Default: none.
        call_ms: Milliseconds of a call to AWS Batch.
        write_ms: Milliseconds of other calls.
        threads: Threads of a function.
        function_ms: Milliseconds after which AWS Lambda ends a function.
        jitter: True if the times of calls vary by 20%.
    """

    def __init__(
        self,
        rules: dict[str, Rules] | None = None,
        faults: Faults | None = None,
        call_ms: int = 0,
        write_ms: int = 0,
        threads: int = 4,
        function_ms: int = FUNCTION_MS,
        jitter: bool = True,
    ) -> None:
        self.simulation = Simulation()
        self.started_at = self.simulation.now
        self.faults = faults or Faults()
        self.jitter = jitter
        self.calls: Counter[str] = Counter()
        self.runs = 0
        self.dynamodb = FakeDynamoDB()
        self.s3 = FakeS3()
        self.ledger = Ledger(Table(self.dynamodb, "table"))
        self.batches = {
            region: FakeBatch(region, self.simulation, (rules or {}).get(region, Rules())) for region in REGIONS
        }
        self._call_ms = call_ms
        self._write_ms = write_ms
        self._threads = threads
        self._function_ms = function_ms

    def plan(self, manifest: str, lines: Iterable[dict[str, Any]], version: str = "1") -> list[dict[str, Any]]:
        """Write the parts of a manifest, and return the input of the function for each Region."""
        folder = plan_folder(manifest, version)
        parts: dict[str, list[dict[str, Any]]] = {}
        for line in lines:
            parts.setdefault(line.pop("region"), []).append(line)
        for region, part in parts.items():
            self.s3.objects[f"{folder}{region}.jsonl"] = "".join(json.dumps(line) + "\n" for line in part).encode()
        fields = {"key": f"manifests/{manifest}.jsonl", "version": version, "created_at": self.simulation.now}
        self.ledger.put_manifest(manifest, {**fields, "state": "PLANNED"})
        return [
            {
                "manifest": manifest,
                "version": version,
                "region": region,
                "part": f"{folder}{region}.jsonl",
                "lines": len(part),
                "offset": 0,
            }
            for region, part in parts.items()
        ]

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of one run of the function."""
        self.runs += 1
        run = FunctionRun(self.simulation, self.simulation.now + self._function_ms)
        ledger = Ledger(Table(_Client(self.dynamodb, self, run, self._write_ms, False), "table"))
        part = Part(_Client(self.s3, self, run, self._write_ms, False), "bucket", event["part"], event["offset"])
        clients = {region: _Client(client, self, run, self._call_ms, True) for region, client in self.batches.items()}
        answer = submit_part(
            event, ledger, part, clients.__getitem__, Run(f"run-{self.runs}", run.deadline, run), self._threads
        )
        copy: dict[str, Any] = json.loads(json.dumps(answer))
        return copy

    def execution(self, event: dict[str, Any]) -> Callable[[], object]:
        """Return the loop of the state machine for a Region. The last answer is left in the event."""

        def loop() -> None:
            while True:
                try:
                    event.update(self.invoke(event))
                except Killed:
                    self.simulation.sleep_until(self.simulation.now + 2_000)
                    continue
                except SubmitError as error:
                    event.update(status="FAILED", error=str(error))
                    return
                if event["status"] != "MORE":
                    return
                assert event["seconds"] >= 1
                self.simulation.sleep_until(self.simulation.now + 1000 * event["seconds"])

        return loop

    def run(self, events: Sequence[dict[str, Any]], *others: Callable[[], object]) -> None:
        """Run executions of the state machine at once, until they end."""
        self.simulation.run([*map(self.execution, events), *others])

    def seconds(self) -> float:
        return (self.simulation.now - self.started_at) / 1000

    def states(self) -> dict[str, str]:
        """Return the states of the lines of the manifest `drives`, by id."""
        return {item["id"]: item["state"] for item in self.ledger.lines("drives")}

    def problems(self, manifest: str, events: Sequence[dict[str, Any]]) -> list[str]:
        """Return what is wrong with the jobs and the ledger if each line was to be submitted exactly once."""
        problems = []
        items = {item["digest"]: item for item in self.ledger.lines(manifest)}
        for event in events:
            for text in self.s3.objects[event["part"]].splitlines():
                line = json.loads(text)
                jobs = [job for batch in self.batches.values() for job in batch.named(line["name"])]
                item = items.get(line["digest"], {})
                if len(jobs) != 1:
                    problems.append(f"{line['id']}: {len(jobs)} jobs, {item}")
                elif (item.get("state"), item.get("job_id")) != ("SUBMITTED", jobs[0]["jobId"]):
                    problems.append(f"{line['id']}: {jobs[0]}, {item}")
                elif not 0 <= jobs[0]["createdAt"] - item["attempted_at"] <= _LATEST_MS:
                    problems.append(f"{line['id']}: {jobs[0]} is not of the last attempt, {item}")
        return problems


def manifest_lines(
    number: int, regions: Sequence[str] = REGIONS, name: str = "drives", kind: str = "service", **parameters: str
) -> list[dict[str, Any]]:
    """Return planned lines, spread over Regions."""
    return [
        planned_line(f"{name}-{index}", regions[index % len(regions)], name, kind, **parameters)
        for index in range(number)
    ]


def planned_line(line_id: str, region: str, manifest: str, kind: str = "service", **parameters: str) -> dict[str, Any]:
    """Return a planned line as the function `plan` writes it, and its Region."""
    payload = {"HyperParameters": {"learning_rate": "0.1", "drive": line_id, **parameters}}
    request: dict[str, Any] = {"jobQueue": QUEUE}
    if kind == "service":
        request |= {"serviceJobType": "SAGEMAKER_TRAINING", "serviceRequestPayload": json.dumps(payload)}
    else:
        request |= {"jobDefinition": "train:1", "arrayProperties": {"size": 2}, "parameters": {"drive": line_id}}
    digest = line_digest({"id": line_id, **parameters}, manifest)
    line = {
        "digest": digest,
        "id": line_id,
        "name": job_name("campaigns", manifest, line_id, digest),
        "kind": kind,
        "queue": QUEUE,
        "gpus": 120,
        "reason": "data",
        "request": request,
        "region": region,
    }
    return line | ({"children": [line_id, f"{line_id}-b"]} if kind == "array" else {})
