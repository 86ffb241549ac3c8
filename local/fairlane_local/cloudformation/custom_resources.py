"""Custom resources of CloudFormation. Their functions run, and their responses are checked, as in CloudFormation."""

import json
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from typing import Any, Final, Self
from uuid import uuid4

from flask import request as server_request
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel
from moto.s3.exceptions import MissingKey
from moto.s3.models import S3Backend, s3_backends

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.errors import LocalAwsError
from fairlane_local.functions import deployed_function, run_function
from fairlane_local.server.access import client

_OWNER: Final = "000000000000"
"""Account of the bucket for responses. The bucket is invisible to all other accounts, as in AWS."""

_MAX_RESPONSE_BYTES: Final = 4096
_IDENTITY: Final = {"StackId": "StackId", "LogicalResourceId": "LogicalId", "ResourceType": "ResourceType"}


class CustomResource(LocalResource):
    """`Custom::...` and AWS::CloudFormation::CustomResource.

    Runs functions with a Python runtime in the Region of the stack. Functions with another runtime, for example those
    of the CDK's provider framework, do not run: their resources are created immediately.
    """

    resource_type = "AWS::CloudFormation::CustomResource"

    def __init__(self, account_id: str, region: str, physical_id: str, properties: Mapping[str, Any]) -> None:
        super().__init__(account_id, region, physical_id, properties)
        self._data: dict[str, Any] = {}

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True, because a function can return any attribute."""
        return True

    def create(self) -> None:
        """Send a create request to the function, and a delete request if it fails."""
        self.properties = _as_strings(self.properties)
        try:
            self._request("Create")
        except LocalAwsError:
            with suppress(LocalAwsError):
                self.remove()
            raise

    def update(self, old: Self) -> None:
        """Send an update request to the function, and the reverse update if it fails."""
        self.properties = _as_strings(self.properties)
        try:
            self._request("Update", OldResourceProperties=old.properties)
        except LocalAwsError:
            with suppress(LocalAwsError):
                copy(old)._request("Update", OldResourceProperties=self.properties)
            raise

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """Return an attribute of the function's response."""
        if attribute_name not in self._data:
            message = f"CustomResource attribute error: Vendor response doesn't contain {attribute_name} attribute"
            raise ValidationError(message=message)
        return self._data[attribute_name]

    def remove(self) -> None:
        """Send a delete request to the function."""
        self._request("Delete")

    def _request(self, request_type: str, **extra_fields: Any) -> None:
        account_id, region = self._location
        function_arn = self.properties["ServiceToken"]
        if not str(deployed_function(account_id, region, function_arn).run_time).startswith("python"):
            return
        port = int(server_request.environ["SERVER_PORT"])
        bucket, key = f"cloudformation-custom-resource-response-{region}", str(uuid4())
        s3: S3Backend = s3_backends[_OWNER]["aws"]
        if bucket not in s3.buckets:
            s3.create_bucket(bucket, region)
        destination = {"Bucket": bucket, "Key": key}
        event = {
            "RequestType": request_type,
            "RequestId": key,
            "ResponseURL": client("s3", port, _OWNER, region).generate_presigned_url("put_object", destination),
            "ServiceToken": function_arn,
            "ResourceProperties": self.properties,
            **{name: self.context[key] for name, key in _IDENTITY.items()},
            **({} if request_type == "Create" else {"PhysicalResourceId": self.physical_resource_id}),
            **extra_fields,
        }
        run_function(port, account_id, region, function_arn, event)
        try:
            response = s3.get_object(bucket, key)
        except MissingKey:
            response = None
        self._apply(event, response.value if response else b"")

    def _apply(self, event: Mapping[str, Any], body: bytes) -> None:
        """Apply a response, or raise LocalAwsError if it fails or CloudFormation would refuse it."""
        if not body:
            raise LocalAwsError("Custom Resource failed to stabilize: its function sent no response")
        if len(body) > _MAX_RESPONSE_BYTES:
            raise LocalAwsError("Response object is too long.")
        response = json.loads(body)
        for name in ("StackId", "RequestId", "LogicalResourceId"):
            if response.get(name) != event[name]:
                raise LocalAwsError(f"Invalid {name}: got {response.get(name)!r}, but the request has {event[name]!r}")
        self.physical_resource_id = response.get("PhysicalResourceId") or self.physical_resource_id
        if response.get("Status") != "SUCCESS":
            status, reason = response.get("Status"), response.get("Reason")
            message = f"Received response status [{status}] from custom resource. Message returned: {reason}"
            raise LocalAwsError(f"{message} (RequestId: {event['RequestId']})")
        self._data = response.get("Data") or {}


def install() -> None:
    """Register custom resources with moto's CloudFormation.

    Moto neither waits for its own custom resources nor updates or deletes them, and has no types for some of them.
    """
    register((CustomResource,))
    parsing.CustomModel = CustomResource  # type: ignore[assignment, attr-defined]
    parsing.resource_class_from_type = _class_of


_moto_class_of = parsing.resource_class_from_type


def _class_of(resource_type: str) -> type[CloudFormationModel]:
    return parsing.get_model_map().get(resource_type) or _moto_class_of(resource_type)


def _as_strings(properties: Any) -> Any:
    """Return properties with numbers and booleans as strings, as CloudFormation sends them to functions."""
    match properties:
        case dict():
            return {name: _as_strings(value) for name, value in properties.items()}
        case list():
            return [_as_strings(value) for value in properties]
        case bool():
            return str(properties).lower()
        case _:
            return str(properties)
