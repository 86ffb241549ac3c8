"""Sweep: points, their jobs and their results. Amazon S3 holds all state, so each method can be called again."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.clock import Clock
from fairlane_client.locations import Session
from fairlane_client.sweeps.array_jobs import ArrayJobs
from fairlane_client.sweeps.bucket import Bucket, to_json
from fairlane_client.sweeps.layout import CHUNK, Layout
from fairlane_client.sweeps.leaderboard import Leaderboard, Results
from fairlane_client.sweeps.manifest import MAX_LINE, Manifest, line_problems
from fairlane_client.sweeps.plan import Plan
from fairlane_client.sweeps.rounds import Counts, Rounds
from fairlane_client.sweeps.samplers import sampler_problems
from fairlane_client.sweeps.service_jobs import ServiceJobs
from fairlane_client.sweeps.space import MAX_POINTS
from fairlane_client.sweeps.stop_rules import StopRule, check_whole, to_members
from fairlane_client.sweeps.stores import find_store
from fairlane_client.sweeps.target import array_request, service_request, target_problems
from fairlane_client.sweeps.target_checks import account_problems
from fairlane_client.sweeps.watch import watch_progress
from fairlane_run.objects import Objects
from fairlane_run.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console


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
        seed: Seed of a sampler, 0 to 1,000,000,000. Default: 0.
        stop: Stop rule: `SuccessiveHalving(...)`, `Median(...)`, or its members as in a sweep file, for example
            `{"rule": "median"}`. Default: none.
        session: Session with `client(name, ...)`. Default: a session of boto3.
        clock: Time of this client. Default: real time.

    Raises:
        ConfigurationError: If an argument is wrong. It lists all mistakes.
        LookupError: If the account and Region of the session have no such store.
        ImportError: If boto3 is missing.
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
        stop: StopRule | Mapping[str, Any] | None = None,
        session: Session | None = None,
        clock: Clock | None = None,
    ) -> None:
        members = to_members(stop)
        self.plan = Plan(sweep_id, space, metric, direction, repeat, sampler, points, parallel, seed, members)
        self._check(self.plan.problems())
        self._store_name, self._clock = store, clock or Clock()
        self._store = find_store(store, session)
        self._bucket = Bucket(self._store.client("s3"), self._store.bucket)
        self._layout = Layout(sweep_id)
        self._submitted: Rounds | None = None
        self._results = Results(self._bucket, self._layout)

    @classmethod
    def open(cls, store: str, sweep_id: str, *, session: Session | None = None, clock: Clock | None = None) -> Self:
        """Return a sweep that was submitted, from any computer.

        Args:
            store: Name of the sweep store.
            sweep_id: Id of the sweep.
            session: Session with `client(name, ...)`. Default: a session of boto3.
            clock: Time of this client. Default: real time.

        Raises:
            ConfigurationError: If the name is no name of a store.
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
    ) -> int:
        """Submit all points of a grid, or the first points of a sampler, and return their number.

        A second call submits what is missing.

        Args:
            queue: Name or ARN of the queue.
            job_definition: Job definition of a queue on EC2. Mutually exclusive with `payload`.
            payload: CreateTrainingJob request of a queue for training jobs.
            share_identifier: Share of a queue with fair share.
            quota_share: Quota share of a queue with quota management.
            priority: Scheduling priority in the share, 0 to 9999.
            attempts: Number of attempts of each point, 1 to 10. With `job_definition`, it replaces the retry rules of
                the job definition. Default: the attempts of the job definition, or one.
            depends_on: ID of a job that must succeed first. Only with `job_definition`.
            environment: Environment variables of the containers. Only with `job_definition`. No secrets: everyone who
                may describe jobs can read them.

        Raises:
            ConfigurationError: If a value is wrong, or if the id belongs to another sweep. Nothing is submitted.
            Refused: If AWS Batch refuses a request.
            Unanswered: If several answers of AWS Batch are lost. A second call looks the jobs up.
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
            "environment": {} if environment is None else environment,
        }
        self._check(target_problems(target))
        largest = self.plan.largest_point()
        points = [largest] * min(self.plan.total, CHUNK)
        sample = Manifest(0, self._layout.manifest(0), f'"{"0" * 32}"', MAX_LINE, points)
        self._check([*sampler_problems(self.plan), *line_problems(largest), *self._jobs(target).problems(sample)])
        self._check(account_problems(self._store.client("batch"), target))
        content = to_json({"plan": self.plan.to_json(), "target": target})
        if self._bucket.put_once(self._layout.description, content) is None:
            self._check_description(content)
        return self._rounds().advance(rerun=False)

    def resume(self) -> int:
        """Run again what has no result and runs no more, also after `stop`, and return the number of submitted points.

        Raises:
            LookupError: If the sweep is not submitted.
            Refused: If AWS Batch refuses a request.
            Unanswered: If several answers of AWS Batch are lost. A second call looks the jobs up.
        """
        return self._rounds().advance(rerun=True)

    def advance(self) -> int:
        """Submit what is not submitted, and with a sampler as many further points as may run. Return their number.

        One step of `watch`, for example for cron. It submits nothing after `stop`.

        Raises:
            LookupError: If the sweep is not submitted.
            Refused: If AWS Batch refuses a request.
            Unanswered: If several answers of AWS Batch are lost. A second call looks the jobs up.
        """
        return self._rounds().advance(rerun=False)

    def stop(self) -> None:
        """Terminate all jobs of the sweep. Nothing more is submitted until `resume`.

        Raises:
            LookupError: If the sweep is not submitted.
            Refused: If AWS Batch does not terminate all jobs.
        """
        self._rounds().stop()

    def counts(self) -> Counts:
        """Return the number of points by state.

        Raises:
            LookupError: If the sweep is not submitted.
        """
        return self._rounds().counts()

    def running(self) -> set[int]:
        """Return the indices of the points whose jobs run."""
        return self._rounds().running()

    def progress(self, step: int) -> dict[int, float]:
        """Return the values of the runs that have reported a step, by index."""
        objects = Objects(self._store.bucket, self._store.client("s3"))
        return Progress(objects, self.plan.sweep_id, 0).values(step)

    def watch(self, *, interval: float = 10, console: "Console | None" = None) -> Counts:
        """Show a progress bar until no job runs and nothing is left to submit. Calls `advance` at each refresh.

        Args:
            interval: Number of seconds between refreshes. Default: 10.
            console: Console of the bar. Default: standard output.

        Returns:
            The number of points by state.

        Raises:
            ImportError: If rich is missing.
            LookupError: If the sweep is not submitted.
            Refused: If AWS Batch refuses a request.
            Unanswered: If several answers of AWS Batch are lost.
        """
        return watch_progress(self.plan.sweep_id, self.advance, self.counts, self._clock, interval, console)

    def leaderboard(self, number: int | None = None) -> Leaderboard:
        """Return the best results, the best one first. Objects that are no results are skipped, counted and named.

        Args:
            number: Largest number of results, 1 to 1,000,000. Default: all.

        Raises:
            ConfigurationError: If the number is wrong.
        """
        if number is not None:
            self._check(check_whole("number", number, 1, MAX_POINTS))
        return Leaderboard(self.plan.metric, self.plan.direction, self._results.read(), self._results.skipped, number)

    def _rounds(self) -> Rounds:
        """Return the rounds of the sweep, with the target that was submitted.

        Raises:
            LookupError: If the sweep is not submitted.
        """
        if self._submitted is None:
            found = self._bucket.read(self._layout.description)
            if found is None:
                raise LookupError(f"sweep {self.plan.sweep_id} is not submitted")
            jobs = self._jobs(json.loads(found.body)["target"])
            self._submitted = Rounds(self.plan, self._bucket, self._layout, jobs, self._results, self._clock)
        return self._submitted

    def _jobs(self, target: Mapping[str, Any]) -> ArrayJobs | ServiceJobs:
        """Return the jobs of a target."""
        settings = {
            "bucket": self._store.bucket,
            "sweep": self.plan.sweep_id,
            "metric": self.plan.metric,
            "direction": self.plan.direction,
            **({"stop": self.plan.stop} if self.plan.stop else {}),
        }
        batch, submitter, sweep = self._store.client("batch"), self._store.submitter(), self.plan.sweep_id
        if target["payload"] is not None:
            request = service_request(target)
            return ServiceJobs(batch, submitter, sweep, settings, request, target["payload"], self._clock)
        return ArrayJobs(batch, submitter, sweep, settings, array_request(target), target["environment"], self._clock)

    def _check_description(self, content: bytes) -> None:
        """Check that the description in the store is the one of this sweep."""
        found = self._bucket.read(self._layout.description)
        assert found
        stored, ours = json.loads(found.body), json.loads(content)
        different = [
            name
            for part in ("plan", "target")
            for name, value in ours[part].items()
            if json.dumps(stored[part].get(name)) != json.dumps(value)  # 1 and 1.0 are other values, as in a manifest
        ]
        if different:
            sentence = f"the store {self._store_name} has a sweep of this id with another {', '.join(different)}"
            self._check([Problem.relation(("sweep_id",), f"{sentence}: use another id, or Sweep.open and resume")])

    def _check(self, problems: Iterable[Problem]) -> None:
        """Raise an error with all problems, if there are any."""
        if found := [*problems]:
            raise ConfigurationError(f"sweep {self.plan.sweep_id}", found)
