"""`make demo`: an environment deployed by the CDK CLI to an AWS of its own, what stands there, and its metrics."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from fairlane.environment import find_environment, load_environment
from fairlane_local.console.sample_jobs import show_metrics
from fairlane_local.console.show import show
from fairlane_local.server.access import LocalAwsError, tools_environment
from fairlane_local.server.local_aws import LocalAws


def demo(environment_name: str, *, directory: Path) -> None:
    """Deploys an environment of the CDK app in `directory` to an AWS on localhost, shows it, and throws it away.

    Where jobs can be submitted and their metrics are exported, some are.

    Args:
        environment_name: the name of a file in its folder `environments`, without `.yaml`.
        directory: where `cdk.json` is.

    Raises:
        ConfigurationError: for an environment that does not exist or has mistakes in it.
        LocalAwsError: if there is no CDK CLI, or if the deployment fails.
    """
    load_environment(find_environment(directory / "environments", environment_name))
    cdk = _cdk_cli(directory)
    with LocalAws() as aws, tempfile.TemporaryDirectory() as out:
        print(f"An AWS on localhost: {aws.endpoint_url}. Deploying to it, as to a real one:", flush=True)
        context = ("-c", f"environment={environment_name}", "--output", out)
        command = [cdk, "deploy", "--all", *context, "--require-approval", "never", "--ci", "--progress", "bar"]
        deployed = subprocess.run(command, cwd=directory, env=tools_environment(aws.endpoint_url), check=False)
        if deployed.returncode != 0:
            raise LocalAwsError(f"the deployment failed: the CDK CLI ended with exit code {deployed.returncode}")
        show(aws.port)
        show_metrics(aws)


def _cdk_cli(directory: Path) -> str:
    own = directory / "node_modules" / ".bin" / "cdk"
    found = str(own) if own.exists() else shutil.which("cdk")
    if found is None:
        raise LocalAwsError(f"no CDK CLI: neither {own} nor cdk on the PATH; npm ci installs it")
    return found
