"""Batch API calls for the tags of all resources and jobs."""

from typing import Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.jobs.job import Job
from fairlane_local.batch.jobs.job_lists import JobIndex
from fairlane_local.batch.store import Batch, Record, Request

_MAX_TAGS: Final = 50


class Tags:
    """Tags of the resources and jobs of one account and Region.

    Args:
        batch: Records of the account and Region.
        jobs: All jobs.
    """

    def __init__(self, batch: Batch, jobs: JobIndex[Job]) -> None:
        self._batch = batch
        self._jobs = jobs

    def tag_resource(self, request: Request) -> Record:
        tags = {**self._tags(request["resourceArn"]), **request["tags"]}
        if len(tags) > _MAX_TAGS:
            raise RequestError(f"The number of tags of a resource cannot exceed {_MAX_TAGS}.")
        self._set(request["resourceArn"], tags)
        return {}

    def untag_resource(self, request: Request) -> Record:
        arn = request["resourceArn"]
        self._set(arn, {key: value for key, value in self._tags(arn).items() if key not in request["tagKeys"]})
        return {}

    def list_tags_for_resource(self, request: Request) -> Record:
        return {"tags": self._tags(request["resourceArn"])}

    def _tags(self, arn: str) -> dict[str, str]:
        job = self._job(arn)
        tags: dict[str, str] = self._record(arn)["tags"] if job is None else job.tags
        return tags

    def _set(self, arn: str, tags: dict[str, str]) -> None:
        job = self._job(arn)
        if job is None:
            self._record(arn)["tags"] = tags
        else:
            job.tags = tags

    def _job(self, arn: str) -> Job | None:
        job = self._jobs.find(arn)
        return job if job is not None and job.arn == arn else None

    def _record(self, arn: str) -> Record:
        for records in self._batch.tagged:
            if arn in records:
                return records[arn]
        raise RequestError(f"{arn} does not exist")
