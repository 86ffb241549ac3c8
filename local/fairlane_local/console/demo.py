"""Demo of an environment: deployment with the CDK CLI, training, simulated jobs, and tables of all of them."""

import tempfile
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Final

from fairlane.environment import find_environment, load_environment
from fairlane.scheduler import hours
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.console.cdk_deployment import deploy_again, deploy_app, find_cdk_cli
from fairlane_local.console.print_alarms import print_alarms
from fairlane_local.console.print_jobs import print_jobs
from fairlane_local.console.print_tables import print_tables
from fairlane_local.console.print_training import INSTANCES, TOY, print_training
from fairlane_local.errors import LocalAwsError
from fairlane_local.processes.instance import check_namespaces
from fairlane_local.processes.options import ProcessOptions
from fairlane_local.server.background import start, stop
from fairlane_local.server.local_aws import LocalAws

_DAY: Final = hours(24)
_MORNING: Final = hours(9)


def demo(environment_name: str, *, directory: Path, keep_port: int | None = None) -> None:
    """Deploy an environment to two local AWS, one after the other, and print the deployed resources and jobs.

    The first local AWS has the real clock, and jobs train as processes of this computer if the computer allows it. The
    second has a manual clock, and sample jobs are simulated: it prints their statuses and, if the environment has
    `job_metrics` and `alarms`, some metrics and the changes of alarms.

    Args:
        environment_name: Name of a file in the folder `environments`, without `.yaml`.
        directory: Folder of the CDK app, which contains `cdk.json` and `environments`.
        keep_port: Port of the first local AWS, which then keeps running in the background. Default: a free port, and
            it stops.

    Raises:
        ConfigurationError: If the environment does not exist or has mistakes.
        LocalAwsError: If the CDK CLI is missing, if the deployment fails, or if a local AWS runs on the port already.
    """
    load_environment(find_environment(directory / "environments", environment_name))
    find_cdk_cli(directory)
    reason = _obstacle_to_training(directory)
    images = {TOY.name: str((directory / TOY).resolve())}
    processes = None if reason else ProcessOptions(images=images, processes=INSTANCES)
    options = JobOptions(throttle=False, processes=processes)
    with tempfile.TemporaryDirectory(prefix="fairlane-demo-") as name, ExitStack() as on_failure:
        if keep_port is not None:
            _start(keep_port, options)
            on_failure.callback(stop, keep_port)
        out = Path(name)
        with LocalAws(options=options) if keep_port is None else nullcontext() as first:
            port = first.port if first else keep_port or 0
            url = f"http://localhost:{port}"
            print(f"Deploying environment {environment_name} to a local AWS at {url}:", flush=True)
            deploy_app(directory, {"environment": environment_name}, endpoint_url=url, out=out)
            print_tables(port)
            if reason:
                print(f"\nThe training of {TOY} is left out: {reason}", flush=True)
            else:
                print_training(port)
        with LocalAws(clock=_morning(), options=JobOptions(throttle=False)) as second:
            print("\nSimulated jobs on a second local AWS, where it is 09:00:", flush=True)
            deploy_again(directory, out, endpoint_url=second.endpoint_url)
            print_jobs(second)
            print_alarms(second.port)
        on_failure.pop_all()


def _obstacle_to_training(directory: Path) -> str:
    """Return the reason why jobs cannot train in the demo. Empty if they can."""
    if not (directory / TOY).is_dir():
        return "this folder does not contain it"
    try:
        check_namespaces()
    except LocalAwsError as error:
        return str(error)
    return ""


def _start(port: int, options: JobOptions) -> None:
    if not start(port, options=options):
        sentence = f"a local AWS already runs on port {port}"
        raise LocalAwsError(f"{sentence}: run fairlane local stop --port {port} first, or choose another --port")


def _morning() -> Clock:
    """Return a manual clock that starts today at 09:00 UTC, so that alarms always change at the same times."""
    clock = Clock(None)
    clock.start += _MORNING - clock.start % _DAY
    return clock
