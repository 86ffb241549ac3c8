"""Sweep: points, their jobs and their results. Amazon S3 holds all state, so each method can be called again."""

import json
import math
from collections.abc import Mapping
from typing import Any, Literal, Self

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.sweeps.array_jobs import ArrayJobs
from fairlane_client.sweeps.bucket import Bucket, to_json
from fairlane_client.sweeps.layout import CHUNK, Layout
from fairlane_client.sweeps.leaderboard import Leaderboard, Results
from fairlane_client.sweeps.manifest import Manifest, Point, from_lines, line_problems, to_lines
from fairlane_client.sweeps.plan import Plan
from fairlane_client.sweeps.samplers import ask
from fairlane_client.sweeps.service_jobs import ServiceJobs
from fairlane_client.sweeps.space import grid_points
from fairlane_client.sweeps.stores import Session, find_store
from fairlane_client.sweeps.submission import LAG_SECONDS, Clock, Submissions
from fairlane_client.sweeps.target import array_request, service_request, target_problems


class Sweep:
    """Runs of one training job with different parameters.

    Args:
        sweep_id: Id of the sweep in its store: 1 to 64 lower-case letters, digits and hyphens, a letter first.
        store: Name of the sweep store.
        space: Values by parameter: a list, or with a sampler a range such as `{"min": 1e-5, "max": 1e-1}`.
        metric: Metric that the sweep compares.
        direction: `maximize` or `minimize`.
        repeat: Number of runs of each point of a grid, 1 or more. Default: 1.
        sampler: `random`, `sobol`, `tpe` or `cma-es`, from the extra `sweeps`. Default: all points of the grid.
        points: Number of points of a sampler, 1 to 1,000,000.
        parallel: Number of points of a sampler that run at once. Default: all.
        seed: Seed of a sampler. Default: 0.
        stop: Stop rule, for example `{"rule": "median"}` or
            `{"rule": "successive-halving", "min_resource": 1, "reduction_factor": 4}`. Default: none.
        session: Session with `client(name, ...)`. Default: a session of boto3.
        clock: Time of this client. Default: real time.

    Raises:
        ConfigurationError: If an argument is wrong. It lists all mistakes.
    """

    def __init__(
        self,
        sweep_id: str,
        *,
        store: str,
        space: Mapping[str, Any],
        metric: str,
        direction: Literal["maximize", "minimize"] = "maximize",
        repeat: int = 1,
        sampler: str | None = None,
        points: int | None = None,
        parallel: int | None = None,
        seed: int = 0,
        stop: Mapping[str, Any] | None = None,
        session: Session | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.plan = Plan(sweep_id, space, metric, direction, repeat, sampler, points, parallel, seed, stop)
        if problems := [*self.plan.problems()]:
            raise ConfigurationError(f"sweep {sweep_id}", problems)
        self._store_name, self._clock = store, clock or Clock()
        self._store = find_store(store, session)
        self._bucket = Bucket(self._store.client("s3"), self._store.bucket)
        self._layout = Layout(sweep_id)
        self._manifests: dict[int, Manifest] = {}
        self._results = Results(self._bucket, self._layout)

    @classmethod
    def open(cls, store: str, sweep_id: str, *, session: Session | None = None, clock: Clock | None = None) -> Self:
        """Return a sweep that was submitted, from any computer.

        Raises:
            LookupError: If the store has no such sweep.
        """
        bucket = find_store(store, session)
        found = Bucket(bucket.client("s3"), bucket.bucket).read(Layout(sweep_id).description)
        if found is None:
            raise LookupError(f"the store {store} has no sweep {sweep_id}")
        plan = json.loads(found.body)["plan"]
        return cls(plan.pop("sweep_id"), store=store, session=session, clock=clock, **plan)

    def submit(
        self,
        *,
        queue: str,
        job_definition: str | None = None,
        payload: Mapping[str, Any] | None = None,
        share_identifier: str | None = None,
        quota_share: str | None = None,
        priority: int | None = None,
        attempts: int | None = None,
        depends_on: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Submit all points of a grid, or the first points of a sampler. A second call submits what is missing.

        Args:
            queue: Name or ARN of the queue.
            job_definition: Job definition of a queue on EC2. Mutually exclusive with `payload`.
            payload: CreateTrainingJob request of a queue for training jobs.
            share_identifier: Share of a queue with fair share.
            quota_share: Quota share of a queue with quota management.
            priority: Scheduling priority in the share, 0 to 9999.
            attempts: Number of attempts of each point, 1 to 10.
            depends_on: ID of a job that must succeed first. Only with `job_definition`.
            environment: Environment variables of the containers. Only with `job_definition`.

        Raises:
            ConfigurationError: If a value is wrong, or if the id belongs to another sweep. Nothing is submitted.
            Refused: If AWS Batch refuses a request.
        """
        target = {
            "queue": queue,
            "job_definition": job_definition,
            "payload": payload,
            "share_identifier": share_identifier,
            "quota_share": quota_share,
            "priority": priority,
            "attempts": attempts,
            "depends_on": depends_on,
            "environment": dict(environment or {}),
        }
        jobs = self._jobs(target)
        points = self._all_points()
        sample = Manifest(0, self._layout.manifest(0), f'"{"0" * 32}"', 1, points[:CHUNK])
        problems = [*line_problems(points), *jobs.problems(sample)]
        if problems:
            raise ConfigurationError(f"sweep {self.plan.sweep_id}", problems)
        content = to_json({"plan": self.plan.to_json(), "target": target})
        if self._bucket.put_once(self._layout.description, content) is None:
            self._check_description(content)
        self._advance(rerun=False)

    def resume(self) -> int:
        """Run again what has no result and runs no more, and return the number of its points."""
        return self._advance(rerun=True)

    def advance(self) -> int:
        """Submit what is not submitted, and with a sampler as many further points as may run. Return their number."""
        return self._advance(rerun=False)

    def stop(self) -> None:
        """Terminate all jobs of the sweep. A sampler asks for no more points until `resume`."""
        self._bucket.put_once(self._layout.stopped, b"")
        jobs = self._target()
        submissions = Submissions(self._bucket, self._layout, jobs, self._clock)
        for manifest in self._read_manifests():
            jobs.stop(submissions.submit(manifest))

    def leaderboard(self, number: int | None = None) -> Leaderboard:
        """Return the best results, the best one first.

        Args:
            number: Number of results. Default: all.
        """
        return Leaderboard(self.plan.metric, self.plan.direction, self._results.read(), self._results.skipped, number)

    def _advance(self, *, rerun: bool) -> int:
        """Submit pending manifests, then further points.

        Args:
            rerun: True to run points again whose jobs ended without a result.
        """
        jobs = self._target()
        submissions = Submissions(self._bucket, self._layout, jobs, self._clock)
        count = 0
        while True:
            manifests = self._read_manifests()
            for manifest in manifests:
                if submissions.record(manifest.number) is None:
                    submissions.submit(manifest)
                    count += len(manifest.points)
            points = self._further(jobs, submissions, manifests, rerun=rerun)
            if not points:
                return count
            for start in range(0, len(points), CHUNK):
                number = len(manifests) + start // CHUNK
                content = to_lines(points[start : start + CHUNK])
                if self._bucket.put_once(self._layout.manifest(number), content) is None:
                    break  # another client has written this manifest

    def _further(
        self, jobs: ArrayJobs | ServiceJobs, submissions: Submissions, manifests: list[Manifest], *, rerun: bool
    ) -> list[Point]:
        """Return the points of the next manifests."""
        asked = {point.index: point for manifest in manifests for point in manifest.points}
        plan = self.plan
        new: list[Point] = []
        if plan.sampler is None:
            new = [point for point in self._all_points() if point.index not in asked]
        failed: list[Point] = []
        if rerun or plan.sampler is not None:
            active = self._active(jobs, submissions, manifests)
            done = self._results.indices()
            failed = [point for index, point in asked.items() if index not in active | done]
            if plan.sampler is not None and plan.points is not None and not self._is_stopped(rerun=rerun):
                free = (plan.parallel or plan.points) - len(active - done)
                number = min(free, plan.points - len(asked))
                new = self._sample(number, asked)
        return [*(failed if rerun else ()), *new]

    def _sample(self, number: int, asked: Mapping[int, Point]) -> list[Point]:
        if number <= 0:
            return []
        results = self._results.read()
        done = {result["index"] for result in results}
        found = ask(
            self.plan,
            number,
            [(result["parameters"], result["value"]) for result in results],
            [point.parameters for index, point in asked.items() if index not in done],
        )
        return [Point(index, parameters) for index, parameters in enumerate(found, len(asked))]

    def _active(self, jobs: ArrayJobs | ServiceJobs, submissions: Submissions, manifests: list[Manifest]) -> set[int]:
        """Return the indices of the points whose jobs have not ended. A job may be listed late."""
        active: set[int] = set()
        for manifest in manifests:
            found = self._bucket.read(self._layout.submission(manifest.number))
            if found is None or found.age <= LAG_SECONDS:
                active |= {point.index for point in manifest.points}
            else:
                active |= jobs.running(json.loads(found.body), manifest)
        return active

    def _is_stopped(self, *, rerun: bool) -> bool:
        """Return True if the sweep is stopped. `resume` lets it go on."""
        if rerun:
            self._bucket.delete(self._layout.stopped)
            return False
        return self._bucket.read(self._layout.stopped) is not None

    def _read_manifests(self) -> list[Manifest]:
        """Return all manifests. They never change, so each is read once."""
        for entry in self._bucket.list(self._layout.manifests):
            number = int(entry.key.removeprefix(self._layout.manifests).removesuffix(".jsonl"))
            if number not in self._manifests:
                found = self._bucket.read(entry.key)
                assert found
                self._manifests[number] = from_lines(number, entry.key, found.etag, found.body)
        return [self._manifests[number] for number in sorted(self._manifests)]

    def _all_points(self) -> list[Point]:
        """Return all points of a grid. With a sampler, the largest values, to check the size of a line."""
        if self.plan.sampler is None:
            return [Point(index, point) for index, point in enumerate(grid_points(self.plan.space, self.plan.repeat))]
        largest = {
            name: max(values, key=lambda value: len(str(value))) if not isinstance(values, Mapping) else math.pi
            for name, values in self.plan.space.items()
        }
        return [Point(0, largest)]

    def _target(self) -> ArrayJobs | ServiceJobs:
        found = self._bucket.read(self._layout.description)
        if found is None:
            raise LookupError(f"sweep {self.plan.sweep_id} is not submitted")
        return self._jobs(json.loads(found.body)["target"])

    def _jobs(self, target: Mapping[str, Any]) -> ArrayJobs | ServiceJobs:
        """Return the jobs of a target."""
        problems = [*target_problems(target)]
        if problems:
            raise ConfigurationError(f"sweep {self.plan.sweep_id}", problems)
        settings = {
            "bucket": self._store.bucket,
            "sweep": self.plan.sweep_id,
            "metric": self.plan.metric,
            "direction": self.plan.direction,
            **({"stop": self.plan.stop} if self.plan.stop else {}),
        }
        batch, sweep = self._store.client("batch"), self.plan.sweep_id
        if target["payload"] is not None:
            return ServiceJobs(batch, sweep, settings, service_request(target), target["payload"], self._clock)
        return ArrayJobs(batch, sweep, settings, array_request(target), target["environment"], self._clock)

    def _check_description(self, content: bytes) -> None:
        """Check that the description in the store is the one of this sweep."""
        found = self._bucket.read(self._layout.description)
        assert found
        stored, ours = json.loads(found.body), json.loads(content)
        different = [
            *(name for name, value in ours["plan"].items() if stored["plan"].get(name) != value),
            *(name for name, value in ours["target"].items() if stored["target"].get(name) != value),
        ]
        if different:
            sentence = f"the store {self._store_name} has a sweep of this id with another {', '.join(different)}"
            raise ConfigurationError(
                f"sweep {self.plan.sweep_id}",
                [Problem.relation(("sweep_id",), f"{sentence}: use another id, or Sweep.open and resume")],
            )
