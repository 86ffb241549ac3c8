"""Rounds of a sweep: each is one manifest and its jobs. Points that failed and further points make the next round."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from fairlane_client.clock import Clock
from fairlane_client.sweeps.bucket import Bucket
from fairlane_client.sweeps.layout import CHUNK, Layout
from fairlane_client.sweeps.leaderboard import Results
from fairlane_client.sweeps.manifest import Manifest, Point, from_lines, to_lines
from fairlane_client.sweeps.plan import Plan
from fairlane_client.sweeps.samplers import ask
from fairlane_client.sweeps.submission import Submissions, Target


class Counts(NamedTuple):
    """Number of points of a sweep by state.

    Attributes:
        done: Points with a result of a full run.
        stopped: Points with a result of a run that the stop rule ended.
        running: Points whose jobs run.
        waiting: Points whose jobs wait, and points that will be submitted.
        failed: Points whose jobs ended without a result. `resume` runs them again.
    """

    done: int
    stopped: int
    running: int
    waiting: int
    failed: int

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in self._asdict().items())


class Jobs(Target, Protocol):
    """Jobs of a sweep in one queue."""

    def active(self, submitted: list[tuple[Manifest, Mapping[str, Any]]]) -> dict[int, bool]:
        """Return the points whose jobs have not ended, with True for those that run."""

    def stop(self, jobs: list[str]) -> None:
        """Terminate jobs."""


class Rounds:
    """Rounds of one sweep.

    Args:
        plan: Plan of the sweep.
        bucket: Bucket of the store.
        layout: Keys of the sweep.
        jobs: Jobs of the sweep.
        results: Results of the sweep.
        clock: Time of this client.
    """

    def __init__(self, plan: Plan, bucket: Bucket, layout: Layout, jobs: Jobs, results: Results, clock: Clock) -> None:
        self._plan, self._bucket, self._layout, self._jobs, self._results = plan, bucket, layout, jobs, results
        self._submissions = Submissions(bucket, layout, jobs, clock, self._is_stopped)
        self._manifests: dict[int, Manifest] = {}
        self._ended: set[int] = set()

    def advance(self, *, rerun: bool) -> int:
        """Submit pending manifests, then further points, and return the number of submitted points.

        Args:
            rerun: True to run points again whose jobs ended without a result, also of a sweep that was stopped.
        """
        if rerun and self._is_stopped():
            self._bucket.put(self._layout.stopped, b"false")
        count = 0
        while True:
            manifests = self._read_manifests()
            for manifest in manifests:
                if self._submissions.record(manifest.number) is None:
                    if self._is_stopped():
                        return count
                    if self._submissions.submit(manifest) is None:
                        return count
                    count += len(manifest.points)
            points = [] if self._is_stopped() else self._next_points(manifests, rerun=rerun)
            if not points:
                return count
            for start in range(0, len(points), CHUNK):
                number = len(manifests) + start // CHUNK
                content = to_lines(points[start : start + CHUNK])
                if self._bucket.put_once(self._layout.manifest(number), content) is None:
                    break  # another client has written this manifest: what it holds is not to be submitted twice
            else:
                rerun = False  # points that fail again during long submissions wait for the next call

    def stop(self) -> None:
        """Terminate all jobs. Nothing is submitted until `advance` with `rerun`."""
        self._bucket.put(self._layout.stopped, b"true")
        for manifest in self._read_manifests():
            self._jobs.stop(self._submissions.close(manifest))

    def counts(self) -> Counts:
        """Return the number of points by state."""
        manifests = self._read_manifests()
        asked = {point.index for manifest in manifests for point in manifest.points}
        active = self._active(manifests)
        results = self._results.read()
        done = self._results.indices() & asked
        stopped = sum(result["state"] == "STOPPED" and result["index"] in done for result in results)
        running = sum(active[index] for index in active.keys() - done)
        waiting = len(active.keys() - done) - running
        left = 0 if self._is_stopped() else self._plan.total - len(asked)
        failed = len(asked - active.keys() - done)
        return Counts(len(done) - stopped, stopped, running, waiting + left, failed)

    def running(self) -> set[int]:
        """Return the points whose jobs run and that have no result."""
        active = self._active(self._read_manifests())
        return {index for index, runs in active.items() if runs} - self._results.indices()

    def _next_points(self, manifests: list[Manifest], *, rerun: bool) -> list[Point]:
        """Return the points of the next manifests."""
        plan = self._plan
        asked = {point.index: point for manifest in manifests for point in manifest.points}
        left = plan.total - len(asked)
        failed: list[Point] = []
        free = left
        if rerun or (plan.sampler is not None and left):
            active = self._active(manifests)
            done = self._results.indices()  # after `active`: a job that ends in between has a result
            if rerun:
                failed = [point for index, point in asked.items() if index not in active.keys() | done]
            if plan.parallel is not None:
                free = min(left, plan.parallel - len(active.keys() - done) - len(failed))
        if plan.sampler is None:
            new = [point for point in plan.grid() if point.index not in asked] if left else []
        else:
            new = self._sample(free, asked)
        return [*failed, *new]

    def _sample(self, number: int, asked: Mapping[int, Point]) -> list[Point]:
        """Return further points of the sampler, told of all results and of the points that run."""
        if number <= 0:
            return []
        results = [result for result in self._results.read() if result["index"] in asked]
        done = {result["index"] for result in results}
        found = ask(
            self._plan,
            number,
            [(asked[result["index"]].parameters, result["value"]) for result in results],
            [point.parameters for index, point in asked.items() if index not in done],
        )
        return [Point(index, parameters) for index, parameters in enumerate(found, len(asked))]

    def _active(self, manifests: list[Manifest]) -> dict[int, bool]:
        """Return the points whose jobs have not ended, with True for those that run. A job may be listed late."""
        active: dict[int, bool] = {}
        listed: list[tuple[Manifest, Mapping[str, Any]]] = []
        for manifest in manifests:
            if manifest.number in self._ended:
                continue
            record = self._submissions.record(manifest.number)
            if record is None or not self._submissions.is_listed(manifest.number):
                active |= {point.index: False for point in manifest.points}
            else:
                listed.append((manifest, record))
        found = self._jobs.active(listed)
        self._ended |= {m.number for m, _ in listed if not any(point.index in found for point in m.points)}
        return active | found

    def _is_stopped(self) -> bool:
        found = self._bucket.read(self._layout.stopped)
        return found is not None and json.loads(found.body) is True

    def _read_manifests(self) -> list[Manifest]:
        """Return all manifests. They never change, so each is read once."""
        for entry in self._bucket.list(self._layout.manifests):
            number = int(entry.key.removeprefix(self._layout.manifests).removesuffix(".jsonl"))
            if number not in self._manifests:
                found = self._bucket.read(entry.key)
                assert found
                self._manifests[number] = from_lines(number, entry.key, found.etag, found.body)
        return [self._manifests[number] for number in sorted(self._manifests)]
