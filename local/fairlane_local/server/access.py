"""How AWS's tools get at an AWS on localhost, and at nothing else."""

import os
from typing import Any, Final

import boto3
from botocore.config import Config

ACCOUNT_ID: Final = "123456789012"
"""Whose keys any keys are, until a role of another account is assumed."""
_ANY_KEY: Final = "local"


class LocalAwsError(RuntimeError):
    """An AWS on localhost cannot do what it shall; the message tells people why."""


def client(service: str, port: int, account_id: str, region: str) -> Any:
    """Makes boto3's client of a service of an AWS on localhost."""
    keys = {name.lower(): value for name, value in _keys(port, account_id, region).items()}
    return boto3.client(service, **_where(port, region), **keys)


def tools_environment(endpoint_url: str) -> dict[str, str]:
    """The environment variables for AWS's tools: nothing of the user's AWS, so that nothing can go there.

    Args:
        endpoint_url: that of an AWS on localhost.
    """
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": _ANY_KEY,
        "AWS_SECRET_ACCESS_KEY": _ANY_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
    }


def function_environment(port: int, account_id: str, region: str) -> dict[str, str]:
    """The environment variables for code that runs in an account and Region, as Lambda would give them."""
    tools = tools_environment(f"http://localhost:{port}")
    return tools | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region} | _keys(port, account_id, region)


def _keys(port: int, account_id: str, region: str) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": _ANY_KEY, "AWS_SECRET_ACCESS_KEY": _ANY_KEY}
    if account_id == ACCOUNT_ID:
        return keys
    sts = boto3.client("sts", **_where(port, region), **{name.lower(): key for name, key in keys.items()})
    role = f"arn:aws:iam::{account_id}:role/anybody"
    assumed = sts.assume_role(RoleArn=role, RoleSessionName="fairlane")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": assumed["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": assumed["SecretAccessKey"],
        "AWS_SESSION_TOKEN": assumed["SessionToken"],
    }


def _where(port: int, region: str) -> dict[str, Any]:
    return {"endpoint_url": f"http://localhost:{port}", "region_name": region, "config": Config(proxies={})}
