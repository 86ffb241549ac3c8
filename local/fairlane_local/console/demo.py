"""Demo of an environment: deployment with the CDK CLI to a local AWS, tables of resources, and metrics."""

import shutil
import tempfile
from pathlib import Path

from fairlane.environment import find_environment, load_environment
from fairlane_local.console.print_tables import print_tables
from fairlane_local.console.process_group import run_in_group
from fairlane_local.console.sample_jobs import print_metrics
from fairlane_local.errors import LocalAwsError
from fairlane_local.server.access import tools_environment
from fairlane_local.server.local_aws import LocalAws


def demo(environment_name: str, *, directory: Path) -> None:
    """Deploy an environment to a temporary local AWS, and print the deployed resources.

    If the environment has `job_metrics`, also submit sample jobs, where possible, and print some metrics.

    Args:
        environment_name: Name of a file in the folder `environments`, without `.yaml`.
        directory: Folder of the CDK app, which contains `cdk.json` and `environments`.

    Raises:
        ConfigurationError: If the environment does not exist or has mistakes.
        LocalAwsError: If the CDK CLI is missing, or if the deployment fails.
    """
    load_environment(find_environment(directory / "environments", environment_name))
    cdk = _cdk_cli(directory)
    with LocalAws() as aws, tempfile.TemporaryDirectory() as out:
        print(f"Deploying environment {environment_name} to a local AWS at {aws.endpoint_url}:", flush=True)
        context = ("-c", f"environment={environment_name}", "--output", out)
        command = [cdk, "deploy", "--all", *context, "--require-approval", "never", "--ci", "--progress", "bar"]
        exit_code = run_in_group(command, directory=directory, environment=tools_environment(aws.endpoint_url))
        if exit_code != 0:
            raise LocalAwsError(f"the deployment failed: the CDK CLI exited with code {exit_code}")
        print_tables(aws.port)
        print_metrics(aws)


def _cdk_cli(directory: Path) -> str:
    local_cli = directory / "node_modules" / ".bin" / "cdk"
    cli = str(local_cli) if local_cli.exists() else shutil.which("cdk")
    if cli is None:
        raise LocalAwsError(f"the CDK CLI is missing: neither {local_cli} nor cdk on the PATH exists; run npm ci")
    return cli
