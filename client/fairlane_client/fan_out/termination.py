"""Termination of the jobs of a manifest, fifty at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.fan_out.ledger import ENDED, SUBMITTING
from fairlane_lambda.fan_out.table import Item

_BULK: Final = 50
_REASON: Final = "The manifest was stopped"


@dataclass(slots=True)
class Termination:
    """Termination of the jobs of a manifest.

    Attributes:
        jobs: Jobs that AWS Batch was asked to terminate, by their Region and ID.
        errors: Jobs that AWS Batch did not terminate, with the code of its error.
        unanswered: Number of lines that were claimed and whose jobs are not known yet.
    """

    jobs: set[tuple[str, str]] = field(default_factory=set)
    errors: dict[tuple[str, str], str] = field(default_factory=dict)
    unanswered: int = 0

    def add(self, items: Iterable[Item], clients: Callable[[str], Any]) -> None:
        """Terminate the jobs of items of the ledger that have not ended. A job is terminated once.

        Args:
            items: Items of the ledger. A child of an array job ends with its job.
            clients: Function that returns the client of AWS Batch in a Region.
        """
        groups = defaultdict[tuple[str, str], list[str]](list)
        self.unanswered = 0
        for item in items:
            if item["child"] is not None or item["state"] in ENDED:
                continue
            if "job_id" in item:
                if (item["region"], item["job_id"]) not in self.jobs:
                    groups[item["region"], item["kind"]].append(item["job_id"])
            elif item["state"] == SUBMITTING:
                self.unanswered += 1
        for (region, kind), jobs in sorted(groups.items()):
            for start in range(0, len(jobs), _BULK):
                self._terminate(clients(region), region, kind, jobs[start : start + _BULK])

    def _terminate(self, client: Any, region: str, kind: str, jobs: list[str]) -> None:
        """Terminate jobs of a Region. A Region that does not answer leaves the others alone."""
        from botocore.exceptions import BotoCoreError, ClientError

        call = client.terminate_service_jobs if kind == "service" else client.terminate_jobs
        try:
            refused = {entry["job"]: entry["code"] for entry in call(jobs=jobs, reason=_REASON).get("errors", [])}
        except (BotoCoreError, ClientError) as error:
            refused = dict.fromkeys(jobs, error_name(error))
        for job in jobs:
            if job in refused:
                self.errors[region, job] = refused[job]
            else:
                self.jobs.add((region, job))
                self.errors.pop((region, job), None)
