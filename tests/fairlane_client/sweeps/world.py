"""Time, calls and clients of a simulated account. Nothing here waits."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from fairlane_client.sweeps import Clock, Sweep
from tests.fairlane_client.faults import Calls, client_error
from tests.fairlane_client.sweeps.fake_batch import FakeBatch
from tests.fairlane_client.sweeps.fake_s3 import FakeS3

BUCKET, STORE = "search-store", "search"
START = 1_800_000_000.0


class World(Calls):
    """Account with a sweep store, and its clients."""

    region_name = "us-east-1"

    def __init__(self, *, lag: float = 55.0, latency: float = 0.02) -> None:
        super().__init__()
        self.now = START
        self.turns: Turns | None = None
        self.bucket = BUCKET
        self._latency = latency
        self._lock = threading.RLock()
        self.s3 = FakeS3(self)
        self.batch = FakeBatch(self, lag)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        if self.turns is None or not self.turns.pause(self.now + seconds):
            self.now += seconds

    def call(self, name: str, function: Callable[[], Any]) -> Any:
        """Answer a request."""
        wait = self._latency if self.turns is None else self.turns.latency()
        self.sleep(wait / 2)
        with self._lock:
            answer = self.answer(name, function)
        self.sleep(wait / 2)
        return answer

    def client(self, service_name: str, **options: Any) -> Any:
        """Return a client, as a session of boto3 does."""
        return {"s3": self.s3, "batch": self.batch, "ssm": self}[service_name]

    def get_parameter(self, **request: str) -> dict[str, Any]:
        if request["Name"] != f"/fairlane/sweep-store/{STORE}":
            raise client_error("ParameterNotFound", "", 400, "get_parameter")
        return {"Parameter": {"Value": json.dumps({"bucket": self.bucket, "region": "us-east-1"})}}

    class meta:  # noqa: N801
        region_name = "us-east-1"

    def sweep(self, sweep_id: str = "resnet-lr", **options: Any) -> Sweep:
        defaults: dict[str, Any] = {"store": STORE, "space": {"x": [0.5, 2.0]}, "metric": "accuracy", "session": self}
        return Sweep(sweep_id, clock=self.clock, **(defaults | options))

    def open(self, sweep_id: str = "resnet-lr") -> Sweep:
        return Sweep.open(STORE, sweep_id, session=self, clock=self.clock)

    def indices(self, job: dict[str, Any]) -> list[int]:
        """Return the points of a job."""
        if job["kind"] == "service":
            hyperparameters = json.loads(job["request"]["serviceRequestPayload"])["HyperParameters"]
            return [json.loads(hyperparameters["fairlane-sweep"])["index"]]
        (variable,) = job["request"]["containerOverrides"]["environment"]
        manifest = json.loads(variable["value"])["manifest"]
        body, etag, _ = self.s3.objects[manifest["key"]]
        assert manifest["etag"] == etag
        assert len(body) == manifest["width"] * manifest["lines"]
        assert job["request"].get("arrayProperties", {}).get("size", 1) == manifest["lines"]
        return [json.loads(line)["index"] for line in body.splitlines()]

    def submitted(self) -> Counter[int]:
        """Return the number of jobs of each point."""
        return Counter(index for job in self.batch.jobs for index in self.indices(job))

    def put_result(self, index: int, value: float, sweep_id: str = "resnet-lr", **members: Any) -> None:
        record = {"index": index, "state": "SUCCEEDED", "value": value, "seconds": 3.0, "point": "{}"} | members
        self.s3.write(f"results/sweep={sweep_id}/{index}.json", json.dumps(record).encode())

    def end_jobs(self, value: Callable[[int], float | None] = float) -> None:
        """End all jobs, with a result for each point that has a value."""
        for job in self.batch.jobs:
            if job["status"] not in ("SUCCEEDED", "FAILED"):
                values = {index: value(index) for index in self.indices(job)}
                for index, number in values.items():
                    if number is not None:
                        self.put_result(index, number)
                states = ["FAILED" if number is None else "SUCCEEDED" for number in values.values()]
                self.batch.end(job, states)


class Turns:
    """Order of the calls of several clients, one at a time, chosen by a seed."""

    def __init__(self, world: World, seed: int, latency: float) -> None:
        self._world, self._random, self._latency = world, Random(seed), latency
        self._wakes: dict[int, float] = {}
        self._turn: int | None = None
        self._changed = threading.Condition()
        self._client = threading.local()

    def latency(self) -> float:
        return self._random.random() * self._latency if hasattr(self._client, "number") else 0.0

    def pause(self, wake: float) -> bool:
        """Let other clients go on until a time. Return False in a thread that is no client."""
        if not hasattr(self._client, "number"):
            return False
        with self._changed:
            self._wakes[self._client.number] = wake
            self._choose()
            self._changed.wait_for(lambda: self._turn == self._client.number)
        return True

    def run(self, *clients: Callable[[], object]) -> list[BaseException | None]:
        """Run clients until all have ended, and return their errors."""
        errors: list[BaseException | None] = [None] * len(clients)

        def body(number: int) -> None:
            self._client.number = number
            with self._changed:
                self._changed.wait_for(lambda: self._turn == number)
            try:
                clients[number]()
            except BaseException as error:
                errors[number] = error
            with self._changed:
                self._choose()

        self._world.turns = self
        self._wakes = dict.fromkeys(range(len(clients)), self._world.now)
        threads = [threading.Thread(target=body, args=(number,), daemon=True) for number in range(len(clients))]
        for thread in threads:
            thread.start()
        with self._changed:
            self._choose()
        for thread in threads:
            thread.join()
        self._world.turns = None
        return errors

    def _choose(self) -> None:
        self._turn = None
        if self._wakes:
            self._world.now = max(self._world.now, min(self._wakes.values()))
            ready = sorted(number for number, wake in self._wakes.items() if wake <= self._world.now)
            self._turn = self._random.choice(ready)
            del self._wakes[self._turn]
        self._changed.notify_all()
