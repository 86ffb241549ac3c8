"""Demo of an environment: deployment with the CDK CLI, and chapters with training, a sweep and simulated jobs."""

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Final

from fairlane.environment import Environment, find_environment, load_environment
from fairlane.scheduler import hours
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.console.cdk_deployment import deploy_again, deploy_app, find_cdk_cli
from fairlane_local.console.elastic_images import IMAGE as ELASTIC_IMAGE
from fairlane_local.console.elastic_images import torch_image, toy_image
from fairlane_local.console.print_alarms import print_alarms
from fairlane_local.console.print_elastic import print_elastic
from fairlane_local.console.print_fan_out import print_fan_out
from fairlane_local.console.print_hyperpod import print_hyperpod
from fairlane_local.console.print_jobs import print_jobs
from fairlane_local.console.print_sweeps import print_sweeps
from fairlane_local.console.print_tables import print_tables
from fairlane_local.console.print_training import INSTANCES, print_training
from fairlane_local.console.toy_image import IMAGE, TOY, build_image, obstacle
from fairlane_local.errors import LocalAwsError
from fairlane_local.processes.instance import check_namespaces
from fairlane_local.processes.options import ProcessOptions
from fairlane_local.server.background import start, stop
from fairlane_local.server.local_aws import LocalAws

_DAY: Final = hours(24)
_MORNING: Final = hours(9)
_OF_PROCESSES: Final = {"training": print_training, "sweeps": print_sweeps}
"""Chapters on the first local AWS. Their functions have the port as argument."""
_SIMULATION: Final = "jobs"
_HYPERPOD: Final = "hyperpod"
OF_ENVIRONMENTS: Final[Mapping[str, Callable[[LocalAws, Environment], None]]] = {
    "fan-out": lambda aws, _: print_fan_out(aws),
    _HYPERPOD: print_hyperpod,
}
"""Chapters that deploy the environment of their name. Their functions have a local AWS and the environment."""
_DEFAULT: Final = (*_OF_PROCESSES, _SIMULATION)
CHAPTERS: Final = (*_DEFAULT, *OF_ENVIRONMENTS)
"""Names of the chapters, in their order."""


def demo(environment_name: str, *, directory: Path, chapter: str | None = None, keep_port: int | None = None) -> None:
    """Deploy an environment to a local AWS, print the deployed resources, and run chapters.

    The first local AWS has the real clock, and jobs run as processes of this computer if the computer allows it:

    - `training`: jobs train, and one of them is preempted and resumes from its checkpoint.
    - `sweeps`: a sweep runs in the deployed sweep store, and its leaderboard is printed.

    The chapter `jobs` deploys to a second local AWS with a manual clock. It prints the statuses of simulated jobs and,
    if the environment has `job_metrics` and `alarms`, some metrics and the changes of alarms.

    Two chapters run only if they are chosen. Each deploys the environment of its name to a local AWS with a manual
    clock:

    - `fan-out`: prints where the lines of its query ran.
    - `hyperpod`: prints the teams of a HyperPod cluster, their quotas, and pods that their caps admit and refuse. Then
      an elastic job runs as processes on a small cluster, if the computer allows it: see `demo_elastic`.

    Args:
        environment_name: Name of a file in the folder `environments`, without `.yaml`.
        directory: Folder of the CDK app, which contains `cdk.json` and `environments`.
        chapter: Chapter to run. Default: all but `fan-out` and `hyperpod`.
        keep_port: Port of the first local AWS, which then keeps running in the background. Default: a free port, and
            it stops.

    Raises:
        ConfigurationError: If the environment does not exist or has mistakes.
        LocalAwsError: If the chapter does not exist or cannot be kept, if the CDK CLI is missing, if the deployment
            fails, or if a local AWS runs on the port already.
    """
    if chapter is not None and chapter not in CHAPTERS:
        raise LocalAwsError(f"chapter: got {chapter!r}, allowed: {', '.join(CHAPTERS)}")
    chapters = _DEFAULT if chapter is None else (chapter,)
    name = chapter if chapter in OF_ENVIRONMENTS else environment_name
    environment = load_environment(find_environment(directory / "environments", name))
    find_cdk_cli(directory)
    if chapter is not None and chapter in OF_ENVIRONMENTS:
        if keep_port is not None:
            raise LocalAwsError(f"the local AWS of the chapter {chapter} cannot be kept: leave out --keep")
        _deploy_and_print(chapter, environment, directory)
        if chapter == _HYPERPOD:
            demo_elastic(directory)
        return
    reason = obstacle(directory)
    options = JobOptions(throttle=False, processes=None if reason else _processes(directory))
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
            for each in chapters:
                if each not in _OF_PROCESSES:
                    continue
                if reason:
                    print(f"\nThe chapter {each} with {TOY} is left out: {reason}", flush=True)
                else:
                    _OF_PROCESSES[each](port)
        if _SIMULATION in chapters:
            with LocalAws(clock=_morning(), options=JobOptions(throttle=False)) as second:
                print("\nSimulated jobs on a second local AWS, where it is 09:00:", flush=True)
                deploy_again(directory, out, endpoint_url=second.endpoint_url)
                print_jobs(second)
                print_alarms(second.port)
        on_failure.pop_all()


def demo_elastic(directory: Path, *, agent: Path | None = None) -> None:
    """Run an elastic job that grows into idle instances of a small cluster, and gives them back to another team.

    Args:
        directory: Folder of the CDK app, which contains `examples/elastic`.
        agent: Virtual environment with PyTorch and the package hyperpod-elastic-agent, whose `hyperpodrun` runs the
            example with PyTorch. Default: none, and a stand-in for the agent runs a loop without PyTorch.

    Raises:
        LocalAwsError: If jobs cannot run as processes here or the virtual environment lacks the agent, unless the
            default is used: the job is then left out.
    """
    try:
        image = toy_image(directory) if agent is None else torch_image(directory, agent)
        check_namespaces()
    except LocalAwsError as error:
        if agent is not None:
            raise
        print(f"\nThe elastic job is left out: {error}", flush=True)
        return
    processes = ProcessOptions(images={ELASTIC_IMAGE: image.directory}, processes=2 * image.instances)
    with LocalAws(options=JobOptions(throttle=False, processes=processes)) as aws:
        print_elastic(aws, image)


def _deploy_and_print(chapter: str, environment: Environment, directory: Path) -> None:
    with LocalAws(clock=_morning()) as aws:
        print(f"Deploying environment {chapter} to a local AWS at {aws.endpoint_url}, where it is 09:00:", flush=True)
        deploy_app(directory, {"environment": chapter}, endpoint_url=aws.endpoint_url)
        print_tables(aws.port)
        OF_ENVIRONMENTS[chapter](aws, environment)


def _processes(directory: Path) -> ProcessOptions:
    image = str(build_image(directory))
    return ProcessOptions(images={TOY.name: image, IMAGE: image}, processes=max(INSTANCES, os.cpu_count() or 1))


def _start(port: int, options: JobOptions) -> None:
    if not start(port, options=options):
        sentence = f"a local AWS already runs on port {port}"
        raise LocalAwsError(f"{sentence}: run fairlane local stop --port {port} first, or choose another --port")


def _morning() -> Clock:
    """Return a manual clock that starts today at 09:00 UTC, so that alarms always change at the same times."""
    clock = Clock(None)
    clock.start += _MORNING - clock.start % _DAY
    return clock
