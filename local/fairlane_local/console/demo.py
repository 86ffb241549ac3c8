"""Demo of an environment: deployment with the CDK CLI to a local AWS, sample jobs, and tables of both."""

from pathlib import Path

from fairlane.environment import find_environment, load_environment
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.console.cdk_deployment import deploy_app, find_cdk_cli
from fairlane_local.console.print_jobs import print_jobs
from fairlane_local.console.print_tables import print_tables
from fairlane_local.server.local_aws import LocalAws


def demo(environment_name: str, *, directory: Path) -> None:
    """Deploy an environment to a temporary local AWS, and print the deployed resources.

    Then run sample jobs, and print their statuses and, if the environment has `job_metrics`, some metrics.

    Args:
        environment_name: Name of a file in the folder `environments`, without `.yaml`.
        directory: Folder of the CDK app, which contains `cdk.json` and `environments`.

    Raises:
        ConfigurationError: If the environment does not exist or has mistakes.
        LocalAwsError: If the CDK CLI is missing, or if the deployment fails.
    """
    load_environment(find_environment(directory / "environments", environment_name))
    find_cdk_cli(directory)
    with LocalAws(clock=Clock(None), options=JobOptions(throttle=False)) as aws:
        print(f"Deploying environment {environment_name} to a local AWS at {aws.endpoint_url}:", flush=True)
        deploy_app(directory, {"environment": environment_name}, endpoint_url=aws.endpoint_url)
        print_tables(aws.port)
        print_jobs(aws)
