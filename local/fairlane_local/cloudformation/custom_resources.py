"""Custom resources of CloudFormation: their functions are run, and their answers are taken, as CloudFormation does."""

import json
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from typing import Any, Final, Self
from uuid import uuid4

from flask import request as server_request
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.s3.exceptions import MissingKey
from moto.s3.models import S3Backend, s3_backends

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.functions import deployed, run
from fairlane_local.server.access import LocalAwsError, client

_OWNER: Final = "000000000000"
"""The account of the bucket that answers go to: AWS's own, which nobody else sees."""

_LONGEST_ANSWER: Final = 4096
_IDENTITY: Final = {"StackId": "StackId", "LogicalResourceId": "LogicalId", "ResourceType": "ResourceType"}


class CustomResource(LocalResource):
    """`Custom::...` and AWS::CloudFormation::CustomResource: what a function of Python in its Region makes of it.

    A function of another runtime, such as those of the CDK's provider framework, is not run: its resource is there at
    once.
    """

    resource_type = "AWS::CloudFormation::CustomResource"

    def __init__(self, account_id: str, region: str, physical_id: str, properties: Mapping[str, Any]) -> None:
        super().__init__(account_id, region, physical_id, properties)
        self._data: dict[str, Any] = {}

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True: a function may answer with any attribute."""
        return True

    def create(self) -> None:
        """Have the function create the resource, and delete it again if that fails."""
        self.properties = _as_texts(self.properties)
        try:
            self._request("Create")
        except LocalAwsError:
            with suppress(LocalAwsError):
                self.remove()
            raise

    def update(self, old: Self) -> None:
        """Have the function update the resource, and take the update back if that fails."""
        self.properties = _as_texts(self.properties)
        try:
            self._request("Update", OldResourceProperties=old.properties)
        except LocalAwsError:
            with suppress(LocalAwsError):
                copy(old)._request("Update", OldResourceProperties=self.properties)
            raise

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """What the function answered by this name."""
        if attribute_name not in self._data:
            message = f"CustomResource attribute error: Vendor response doesn't contain {attribute_name} attribute"
            raise ValidationError(message=message)
        return self._data[attribute_name]

    def remove(self) -> None:
        """Have the function delete the resource."""
        self._request("Delete")

    def _request(self, kind: str, **more: Any) -> None:
        account_id, region = self._where
        function_arn = self.properties["ServiceToken"]
        if not str(deployed(account_id, region, function_arn).run_time).startswith("python"):
            return
        port = int(server_request.environ["SERVER_PORT"])
        bucket, key = f"cloudformation-custom-resource-response-{region}", str(uuid4())
        s3: S3Backend = s3_backends[_OWNER]["aws"]
        if bucket not in s3.buckets:
            s3.create_bucket(bucket, region)
        place = {"Bucket": bucket, "Key": key}
        event = {
            "RequestType": kind,
            "RequestId": key,
            "ResponseURL": client("s3", port, _OWNER, region).generate_presigned_url("put_object", place),
            "ServiceToken": function_arn,
            "ResourceProperties": self.properties,
            **{name: self.context[key] for name, key in _IDENTITY.items()},
            **({} if kind == "Create" else {"PhysicalResourceId": self.physical_resource_id}),
            **more,
        }
        run(port, account_id, region, function_arn, event)
        try:
            told = s3.get_object(bucket, key)
        except MissingKey:
            told = None
        self._take(event, told.value if told else b"")

    def _take(self, event: Mapping[str, Any], told: bytes) -> None:
        """Takes an answer, if it is one that CloudFormation would take."""
        if not told:
            raise LocalAwsError("Custom Resource failed to stabilize: its function did not answer")
        if len(told) > _LONGEST_ANSWER:
            raise LocalAwsError("Response object is too long.")
        answer = json.loads(told)
        for name in ("StackId", "RequestId", "LogicalResourceId"):
            if answer.get(name) != event[name]:
                raise LocalAwsError(f"Invalid {name}: got {answer.get(name)!r}, the request has {event[name]!r}")
        self.physical_resource_id = answer.get("PhysicalResourceId") or self.physical_resource_id
        if answer.get("Status") != "SUCCESS":
            status, reason = answer.get("Status"), answer.get("Reason")
            message = f"Received response status [{status}] from custom resource. Message returned: {reason}"
            raise LocalAwsError(f"{message} (RequestId: {event['RequestId']})")
        self._data = answer.get("Data") or {}


def install() -> None:
    """Has moto's CloudFormation make these: it neither waits for its own, nor updates or deletes them."""
    register((CustomResource,))
    parsing.CustomModel = CustomResource  # type: ignore[assignment, attr-defined]


def _as_texts(properties: Any) -> Any:
    """Properties as a function gets them: CloudFormation makes texts of numbers and truth values."""
    match properties:
        case dict():
            return {name: _as_texts(value) for name, value in properties.items()}
        case list():
            return [_as_texts(value) for value in properties]
        case bool():
            return str(properties).lower()
        case _:
            return str(properties)
