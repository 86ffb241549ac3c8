"""Sessions, and the SSM parameters that tell where a store or a fan-out is."""

import json
import os
from typing import Any, Protocol

from fairlane_run.objects import code


class Session(Protocol):
    """Session of boto3."""

    def client(self, service_name: str, **options: Any) -> Any:
        """Return a client of a service."""


def open_session(noun: str, region: str | None = None) -> Session:
    """Return a session of boto3, in the Region that `AWS_REGION` names, which boto3 itself does not read.

    Args:
        noun: What requires it, for the error without boto3.
        region: Region. Default: that of `AWS_REGION`, or else that of the profile.

    Raises:
        ImportError: If boto3 is missing.
        LookupError: If neither the environment nor the profile names a Region.
    """
    try:
        import boto3
    except ModuleNotFoundError as error:
        raise ImportError(f"{noun} require the extra: pip install 'fairlane[client]'", name="boto3") from error
    session = boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)
    if not session.region_name:
        raise LookupError("no Region: set AWS_REGION, for example AWS_REGION=us-east-1")
    opened: Session = session
    return opened


def read_location(session: Session, prefix: str, name: str, noun: str) -> dict[str, Any]:
    """Return the JSON object in an SSM parameter.

    Args:
        session: Session of the client.
        prefix: Prefix of the parameter.
        name: Name behind the prefix.
        noun: What has the name, for the error.

    Raises:
        LookupError: If the account and Region of the session have no such parameter.
    """
    ssm = session.client("ssm")
    try:
        value = ssm.get_parameter(Name=prefix + name)["Parameter"]["Value"]
    except Exception as error:
        if code(error) != "ParameterNotFound":
            raise
        region = ssm.meta.region_name
        raise LookupError(f"no {noun} {name} in {region}: the SSM parameter {prefix}{name} is absent") from None
    location: dict[str, Any] = json.loads(value)
    return location
