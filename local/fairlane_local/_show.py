"""What stands in an AWS on localhost, printed for people."""

from typing import Any, Final

import boto3
from botocore.config import Config
from rich.console import Console

from fairlane_local._background import places
from fairlane_local._queues import standing_queues
from fairlane_local._server import ACCOUNT_ID
from fairlane_local._table import queue_table

ANY_KEY: Final = "local"


def show(port: int) -> None:
    """Prints the queues of every account and Region as tables, read back through boto3.

    Args:
        port: where the AWS on localhost listens.
    """
    console = Console()
    for account_id, region in places(port) or []:
        table = queue_table(
            standing_queues(client("batch", port, account_id, region)), title=f"What stands in {region}"
        )
        console.print(table)


def client(service: str, port: int, account_id: str, region: str) -> Any:
    """Makes boto3's client of a service of an AWS on localhost."""
    where = {"endpoint_url": f"http://localhost:{port}", "region_name": region, "config": Config(proxies={})}
    keys = {"aws_access_key_id": ANY_KEY, "aws_secret_access_key": ANY_KEY}
    if account_id != ACCOUNT_ID:
        role = f"arn:aws:iam::{account_id}:role/anybody"
        sts = boto3.client("sts", **where, **keys)
        assumed = sts.assume_role(RoleArn=role, RoleSessionName="fairlane")["Credentials"]
        keys = {
            "aws_access_key_id": assumed["AccessKeyId"],
            "aws_secret_access_key": assumed["SecretAccessKey"],
            "aws_session_token": assumed["SessionToken"],
        }
    return boto3.client(service, **where, **keys)
