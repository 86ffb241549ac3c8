"""Access of AWS tools to a local AWS, and to no other AWS."""

import os
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from fairlane_local.iam.caller import SESSION_NAME, role_arn
from fairlane_local.server.credentials import get_credentials

ACCOUNT_ID: Final = "123456789012"
"""Account of all access keys, except those of an assumed role of another account."""
_REGION: Final = "us-east-1"
_S3_CONTROL_URL: Final = "https://s3-control.local.amazonaws.com"
"""Endpoint URL of Amazon S3 Control. Tools put the account before the host, and few computers resolve names before
`localhost`, so these calls go through the proxy. `local` is no Region: the local AWS takes it from the signature."""
_ANY_SECRET: Final = "local"
"""Secret access key. The local AWS verifies no signatures: the access key ID is the secret."""


def client(service: str, port: int, account_id: str, region: str, config: Config | None = None) -> Any:
    """Return a boto3 client of a service of the local AWS, with a configuration, and without proxies."""
    keys = {name.lower(): value for name, value in _keys(port, account_id, region).items()}
    connection = _connection(port, region)
    if service == "s3control":
        proxy = Config(proxies={"https": connection["endpoint_url"]})
        connection |= {"endpoint_url": _S3_CONTROL_URL, "config": proxy, "verify": get_credentials(port).ca_file}
    merged = (config or Config()).merge(connection["config"])
    return boto3.client(service, **connection | {"config": merged}, **keys)


class LocalSession:
    """Session of boto3 for one account of a local AWS.

    Args:
        port: Port that the local AWS listens on.
        account_id: Account of the clients.
        region: Region of the clients that are given none.
    """

    def __init__(self, port: int, account_id: str, region: str) -> None:
        self._port, self._account_id, self._region = port, account_id, region

    def client(self, service_name: str, **options: Any) -> Any:
        """Return a client of a service. Options: `region_name` and `config`."""
        region = options.get("region_name") or self._region
        return client(service_name, self._port, self._account_id, region, options.get("config"))


def tools_environment(endpoint_url: str, account_id: str = ACCOUNT_ID) -> dict[str, str]:
    """Return environment variables for AWS tools, without the user's AWS settings.

    With these variables, no call reaches a real account. All HTTPS connections go to the local AWS, which refuses hosts
    that are not of AWS.

    Args:
        endpoint_url: Endpoint URL of the local AWS.
        account_id: Account of the tools. Default: 123456789012.

    Raises:
        LocalAwsError: If this user has started no local AWS with this URL.
    """
    other_variables = {name: value for name, value in os.environ.items() if not name.upper().startswith("AWS_")}
    return other_variables | _tool_variables(endpoint_url, account_id)


def function_environment(port: int, account_id: str, region: str) -> dict[str, str]:
    """Return the environment variables that Lambda sets for a function in an account and Region."""
    tools = tools_environment(f"http://localhost:{port}", account_id)
    return tools | _regions(region)


def job_environment(port: int, account_id: str, region: str) -> dict[str, str]:
    """Return the environment variables of AWS tools in a job, without any variable of this process."""
    return _tool_variables(f"http://localhost:{port}", account_id) | _regions(region)


def _tool_variables(endpoint_url: str, account_id: str) -> dict[str, str]:
    port = urlsplit(endpoint_url).port or 0
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ENDPOINT_URL_S3_CONTROL": _S3_CONTROL_URL,
        **_keys(port, account_id, _REGION),
        "AWS_CA_BUNDLE": get_credentials(port).ca_file,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "HTTPS_PROXY": endpoint_url,
        "https_proxy": endpoint_url,
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
    }


def _regions(region: str) -> dict[str, str]:
    return {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}


def _keys(port: int, account_id: str, region: str) -> dict[str, str]:
    keys = _start_keys(port)
    if account_id == ACCOUNT_ID:
        return keys
    sts = boto3.client("sts", **_connection(port, region), **{name.lower(): key for name, key in keys.items()})
    credentials = sts.assume_role(RoleArn=role_arn(account_id), RoleSessionName=SESSION_NAME)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
    }


def _start_keys(port: int) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": get_credentials(port).access_key, "AWS_SECRET_ACCESS_KEY": _ANY_SECRET}


def _connection(port: int, region: str) -> dict[str, Any]:
    return {"endpoint_url": f"http://localhost:{port}", "region_name": region, "config": Config(proxies={})}
