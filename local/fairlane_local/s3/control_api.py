"""API of S3 Batch Operations, which moto lacks."""

import re
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.s3control import urls
from moto.s3control.exceptions import InvalidRequestException
from moto.s3control.responses import S3ControlResponse

from fairlane_local.s3.batch_jobs import BatchJob

_JOBS: Final = "fairlane_batch_jobs"
_SCOPE: Final = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/s3/")


def install() -> None:
    """Add the calls to moto."""
    response: Any = S3ControlResponse
    response.create_job = _create_job
    response.describe_job = _describe_job
    response.list_jobs = _list_jobs
    for path in ("{0}/v20180820/jobs$", "{0}/v20180820/jobs/(?P<id>[^/]+)$"):
        urls.url_paths[path] = S3ControlResponse.dispatch


def _create_job(self: S3ControlResponse) -> ActionResult:
    """Create a job, or return the job of the same token."""
    names = ("Operation", "Manifest", "Report", "RoleArn", "Priority", "Description", "ConfirmationRequired")
    request = {name: value for name in names if (value := self._get_param(name)) is not None}
    token, jobs = self._get_param("ClientRequestToken"), _jobs(self)
    for job in jobs.values():
        if job.request["ClientRequestToken"] == token:
            if {**job.request, "ClientRequestToken": token} != {**request, "ClientRequestToken": token}:
                raise InvalidRequestException("the same ClientRequestToken was used for another job")
            return ActionResult({"JobId": job.id})
    if "S3PutObjectCopy" not in request["Operation"]:
        raise InvalidRequestException("the local AWS runs jobs of the operation S3PutObjectCopy")
    job = BatchJob(_region(self), {**request, "ClientRequestToken": token})
    jobs[job.id] = job
    job.run()
    return ActionResult({"JobId": job.id})


def _describe_job(self: S3ControlResponse) -> ActionResult:
    identifier = self._get_param("JobId")
    job = _jobs(self).get(identifier)
    if job is None:
        raise InvalidRequestException(f"Job {identifier} does not exist")
    return ActionResult({"Job": job.description()})


def _list_jobs(self: S3ControlResponse) -> ActionResult:
    statuses = self._get_param("JobStatuses") or []
    found = [job.description() for job in _jobs(self).values() if not statuses or job.status in statuses]
    names = ("JobId", "Description", "Priority", "Status", "CreationTime", "ProgressSummary")
    jobs = [
        {name: job[name] for name in names if name in job} | {"Operation": next(iter(job["Operation"]))}
        for job in found
    ]
    return ActionResult({"Jobs": jobs})


def _jobs(response: S3ControlResponse) -> dict[str, BatchJob]:
    """Return the jobs of the account and Region. A reset of moto deletes them."""
    state: dict[str, dict[str, BatchJob]] = response.backend.__dict__.setdefault(_JOBS, {})
    return state.setdefault(_region(response), {})


def _region(response: S3ControlResponse) -> str:
    """Return the Region of the signature. The host has none if tools use the endpoint URL of the local AWS."""
    match = _SCOPE.search(response.headers.get("Authorization", ""))
    return match[1] if match else response.region
