"""Deployment of a CDK app to a local AWS with the CDK CLI."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from fairlane_local.console.process_group import run_in_group
from fairlane_local.errors import LocalAwsError
from fairlane_local.server.access import tools_environment


def deploy_app(directory: Path, context: Mapping[str, str], *, endpoint_url: str, out: Path | None = None) -> None:
    """Deploy all stacks of a CDK app.

    Args:
        directory: Folder of the CDK app, which contains `cdk.json`.
        context: Context values of the app.
        endpoint_url: Endpoint URL of the local AWS.
        out: Folder that keeps the synthesized stacks. Default: a temporary folder.

    Raises:
        LocalAwsError: If the CDK CLI is missing, or if the deployment fails.
    """
    values = [argument for name, value in context.items() for argument in ("-c", f"{name}={value}")]
    with tempfile.TemporaryDirectory() as temporary:
        _deploy(directory, [*values, "--output", str(out or temporary)], endpoint_url)


def deploy_again(directory: Path, out: Path, *, endpoint_url: str) -> None:
    """Deploy stacks that are synthesized already to another local AWS, without output.

    Args:
        directory: Folder of the CDK app.
        out: Folder with the synthesized stacks.
        endpoint_url: Endpoint URL of the local AWS.

    Raises:
        LocalAwsError: If the deployment fails, with the output of the CDK CLI.
    """
    with tempfile.TemporaryFile("w+") as output:
        try:
            _deploy(directory, ["--app", str(out)], endpoint_url, output)
        except LocalAwsError as error:
            output.seek(0)
            raise LocalAwsError(f"{error}\n{output.read()}") from None


def _deploy(directory: Path, arguments: Sequence[str], endpoint_url: str, output: IO[str] | None = None) -> None:
    command = [find_cdk_cli(directory), "deploy", "--all", *arguments, "--require-approval", "never", "--ci"]
    environment = tools_environment(endpoint_url)
    exit_code = run_in_group(
        [*command, "--progress", "bar"], directory=directory, environment=environment, output=output
    )
    if exit_code != 0:
        raise LocalAwsError(f"the deployment failed: the CDK CLI exited with code {exit_code}")


def find_cdk_cli(directory: Path) -> str:
    """Return the CDK CLI of an app, or else the one on the PATH.

    Raises:
        LocalAwsError: If there is none.
    """
    local_cli = directory / "node_modules" / ".bin" / "cdk"
    cli = str(local_cli) if local_cli.exists() else shutil.which("cdk")
    if cli is None:
        raise LocalAwsError(f"the CDK CLI is missing: neither {local_cli} nor cdk on the PATH exists; run npm ci")
    return cli
