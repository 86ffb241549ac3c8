"""Batch API calls for the tags of all resources."""

from typing import Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.store import Batch, Record, Request

_MAX_TAGS: Final = 50


class Tags:
    """Tags of the resources of one account and Region."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def tag_resource(self, request: Request) -> Record:
        record = self._record(request["resourceArn"])
        tags = {**record["tags"], **request["tags"]}
        if len(tags) > _MAX_TAGS:
            raise RequestError(f"The number of tags of a resource cannot exceed {_MAX_TAGS}.")
        record["tags"] = tags
        return {}

    def untag_resource(self, request: Request) -> Record:
        record = self._record(request["resourceArn"])
        record["tags"] = {key: value for key, value in record["tags"].items() if key not in request["tagKeys"]}
        return {}

    def list_tags_for_resource(self, request: Request) -> Record:
        return {"tags": self._record(request["resourceArn"])["tags"]}

    def _record(self, arn: str) -> Record:
        for records in self._batch.tagged:
            if arn in records:
                return records[arn]
        raise RequestError(f"{arn} does not exist")
