"""Fan-out: starts manifests, follows their jobs in all Regions, stops them and lets them go on."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.clock import Clock
from fairlane_client.fan_out.executions import Executions, PlanRefused
from fairlane_client.fan_out.place import Place, find_fan_out
from fairlane_client.fan_out.plan import Plan, file_manifest, manifest_name
from fairlane_client.fan_out.progress import Progress, read_progress
from fairlane_client.fan_out.termination import Termination
from fairlane_client.fan_out.watch import watch_regions
from fairlane_client.locations import Session
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.names import PLANS, UPLOADS, plan_folder
from fairlane_lambda.fan_out.table import Item, Table

if TYPE_CHECKING:
    from rich.console import Console

_POLL_SECONDS: Final = 2.0
_LONGEST_POLL: Final = 15.0
_SETTLE_SECONDS: Final = 60
_LEASE: Final = "lease#"


class FanOut:
    """Manifests of one fan-out. Its state is in AWS, so each method can be called again, from any computer.

    Args:
        place: Place of the fan-out.
        clock: Time of this client, in epoch seconds. Default: real time.
    """

    def __init__(self, place: Place, clock: Clock | None = None) -> None:
        self.place = place
        self._clock = clock or Clock(time.time)
        self._s3 = place.client("s3")
        self._ledger = Ledger(Table(place.client("dynamodb"), place.table))
        self._executions = Executions(place.client("stepfunctions"), place.state_machine, place.name)
        self._members = cache(self._read_members)  # the lines of an array job do not change

    @classmethod
    def open(cls, name: str | None = None, *, session: Session | None = None, clock: Clock | None = None) -> Self:
        """Return a fan-out of the account and Region of the session.

        Args:
            name: Name of the fan-out. Default: the only one.
            session: Session with `client(name, ...)`. Default: a session of boto3.
            clock: Time of this client, in epoch seconds. Default: real time.

        Raises:
            LookupError: If there is no such fan-out, or more than one without a name.
        """
        return cls(find_fan_out(name, session), clock)

    def check(self, file: str | Path | None = None) -> Plan:
        """Plan a manifest without starting it.

        Args:
            file: Manifest, `.jsonl` or `.csv`. Default: the result of the query of the fan-out.

        Raises:
            ConfigurationError: If lines have mistakes. It lists 100 of them.
            ExecutionFailed: If the plan failed.
        """
        return self._run(file, {"operation": "check"} | ({} if file else {"query": True}))

    def start(self, file: str | Path | None = None) -> Plan:
        """Start a manifest, and return its plan as soon as its jobs are being submitted. Lines with a job are skipped.

        Args:
            file: Manifest, `.jsonl` or `.csv`. Default: the result of the query of the fan-out.

        Raises:
            ConfigurationError: If lines have mistakes. It lists 100 of them. Nothing is submitted.
            ExecutionFailed: If the plan failed.
        """
        return self._run(file, {"operation": "start" if file else "query", "resume": True})

    def resume(self, manifest: str, *, retry_failed: bool = False) -> int:
        """Let a manifest go on from where it was stopped or failed, with the same version.

        Args:
            manifest: Name of the manifest.
            retry_failed: True to submit further jobs for lines whose jobs failed or were refused.

        Returns:
            Number of lines that get a further job.

        Raises:
            LookupError: If the fan-out has no such manifest.
            ConfigurationError: If lines have mistakes by now, for example after a change of a queue.
            ExecutionFailed: If the plan failed.
        """
        record = self._ledger.manifest(manifest)
        if record is None:
            raise self._no_manifest(manifest)
        source = {"manifest": manifest, "key": record["key"], "version": record["version"], "resume": True}
        self._follow({"operation": "start", **source}, manifest)
        return self._follow({"operation": "retry", **source}, manifest).new if retry_failed else 0

    def stop(self, manifest: str) -> Termination:
        """Stop a manifest: nothing more is submitted, and all its jobs are terminated.

        A function that submits just now ends within seconds. The jobs that it submitted meanwhile are terminated too.

        Args:
            manifest: Name of the manifest.

        Raises:
            LookupError: If the fan-out has no such manifest.
        """
        is_known = self._mark_stopped(manifest)
        if not self._executions.stop(manifest) and not is_known:
            raise self._no_manifest(manifest)
        clients: Callable[[str], Any] = cache(lambda region: self.place.client("batch", region))
        termination, end = Termination(), self._clock.now() + _SETTLE_SECONDS
        while True:
            is_submitting = self._is_submitting(manifest)  # before the lines are read
            self._mark_stopped(manifest)  # a plan that ended meanwhile may have put a new record
            termination.add(self._ledger.lines(manifest), clients)
            if not is_submitting or self._clock.now() >= end:
                break
            self._clock.sleep(_POLL_SECONDS)
        self._mark_stopped(manifest)
        return termination

    def status(self, manifest: str) -> Progress:
        """Return the progress of a manifest: its lines by Region and state, and where each job runs and why.

        Args:
            manifest: Name of the manifest.

        Raises:
            LookupError: If the fan-out has no such manifest.
        """
        progress = read_progress(
            self._ledger, manifest, lambda digest: self._members(manifest, digest), self._clock.now()
        )
        if progress is None:
            raise self._no_manifest(manifest)
        return progress

    def watch(self, manifest: str, *, interval: float = 10, console: "Console | None" = None) -> Progress:
        """Show the progress of a manifest until its jobs have ended, and return it.

        Args:
            manifest: Name of the manifest.
            interval: Number of seconds between refreshes. Default: 10.
            console: Console of rich. Default: standard output.

        Raises:
            LookupError: If the fan-out has no such manifest.
            ImportError: If rich is missing.
        """
        return watch_regions(lambda: self.status(manifest), self._clock, interval, console)

    def report(self, manifest: str) -> str:
        """Return an HTML page on a manifest, which needs no network.

        Args:
            manifest: Name of the manifest.

        Raises:
            LookupError: If the fan-out has no such manifest.
            ImportError: If the extra `report` is missing.
        """
        try:
            from fairlane_client.fan_out.report import render_report
        except ModuleNotFoundError as error:
            sentence = f"the report requires the extra: pip install 'fairlane[report]' ({error.name})"
            raise ImportError(sentence) from error
        return render_report(self.place.name, self.status(manifest), self._clock.now())

    def _run(self, file: str | Path | None, state: Mapping[str, Any]) -> Plan:
        """Upload a manifest, start an execution, and return its plan."""
        if file is None:
            return self._follow(state, self.place.name)
        path = Path(file)
        name = file_manifest(path)
        key = f"{UPLOADS}{name}{path.suffix}"
        with path.open("rb") as content:
            version = self._s3.put_object(Bucket=self.place.bucket, Key=key, Body=content)["VersionId"]
        return self._follow({**state, "manifest": name, "key": key, "version": version}, str(file))

    def _follow(self, state: Mapping[str, Any], subject: str) -> Plan:
        """Start an execution, and return its plan.

        Args:
            state: Input of the execution.
            subject: Name of the manifest in errors.
        """
        manifest = manifest_name(state, self.place.name)
        last = (self._ledger.manifest(manifest) or {}).get("template_digest")
        arn, pause = self._executions.start(state), _POLL_SECONDS
        try:
            while (key := self._answer_key(arn, manifest)) is None:
                self._clock.sleep(pause)
                pause = min(2 * pause, _LONGEST_POLL)
        except PlanRefused as refusal:
            problems = self._read(str(refusal))["problems"]
            raise ConfigurationError(subject, [Problem.relation((), text) for text in problems]) from None
        return Plan.from_answer(self._read(key), last)

    def _answer_key(self, arn: str, manifest: str) -> str | None:
        """Return the key of the answer of an execution. None until its manifest is planned."""
        record = self._ledger.manifest(manifest) or {}
        if record.get("execution") == arn:
            return f"{plan_folder(manifest, record['version'])}plan.json"
        return self._executions.answer_key(arn)

    def _mark_stopped(self, manifest: str) -> bool:
        return self._ledger.set_manifest(manifest, stopped=True, state="STOPPED")

    def _is_submitting(self, manifest: str) -> bool:
        """Return True if a function may submit lines of a manifest."""
        now = 1000 * self._clock.now()
        leases: list[Item] = [*self._ledger.table.query(manifest, _LEASE)]
        return any(lease["until"] > now for lease in leases)

    def _read(self, key: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._get(key))
        return answer

    def _read_members(self, manifest: str, digest: str) -> Sequence[str]:
        rows = self._get(f"{PLANS}{manifest}/arrays/{digest}.jsonl").splitlines()
        return [json.loads(row)[1] for row in rows[1:]]

    def _get(self, key: str) -> bytes:
        content: bytes = self._s3.get_object(Bucket=self.place.bucket, Key=key)["Body"].read()
        return content

    def _no_manifest(self, manifest: str) -> LookupError:
        return LookupError(f"the fan-out {self.place.name} has no manifest {manifest}")
