"""Commands `fairlane hyperpod job`, `sizes` and `recipe`: manifest, sizes and recipe of an elastic job."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlane._internal.checks import listing
from fairlane.cli.hyperpod_clusters import Cluster, add_environment_options, environment_clusters, table_lines
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane.hyperpod import ElasticTrainingJob, JobSize, SizeBatch

_COLUMNS: Final = (
    *("replicas", "accelerators", "state", "groups", "accumulation", "samples of a group", "global batch"),
    *("learning rate", "reason"),
)
_NUMBERS: Final = slice(3, 5)


def add_to(actions: Any) -> None:
    """Add the commands to the actions of `fairlane hyperpod`."""
    for name, run, text in (
        ("job", _job, "print the manifest of an elastic job, for kubectl apply -f"),
        ("sizes", _sizes, "show the sizes that an elastic job reaches, and its batch at each"),
        ("recipe", _recipe, "print elastic_policy and scale_config of a HyperPod recipe for an elastic job"),
    ):
        parser = actions.add_parser(name, help=text, description=text)
        parser.add_argument("job", metavar="JOB", help="name of the job in the environment file")
        add_environment_options(parser, "name of the cluster (default: the cluster that has the job)")
        parser.add_argument("--region", help="Region of the cluster (default: the Region that has the job)")
        parser.set_defaults(run=_with_job(run))


def _with_job(
    run: Callable[[Cluster, "ElasticTrainingJob"], str],
) -> Callable[[argparse.Namespace], int]:
    """Return a command that prints the text that `run` returns of the job."""

    def command(arguments: argparse.Namespace) -> int:
        path, clusters = environment_clusters(arguments.environment)
        cluster, job = _found(path, clusters, arguments)
        print(run(cluster, job), end="")
        for advice in _advice(job):
            print(f"{job.job_name}: {advice}", file=sys.stderr)
        return 0

    return command


def _found(
    path: Path, clusters: Sequence[Cluster], arguments: argparse.Namespace
) -> tuple[Cluster, "ElasticTrainingJob"]:
    places = [
        (cluster, job)
        for cluster in clusters
        if arguments.cluster in (None, cluster.name) and arguments.region in (None, cluster.region)
        for job in cluster.settings.jobs
    ]
    found = [place for place in places if place[1].job_name == arguments.job]
    if len(found) == 1:
        return found[0]
    if found:
        titles = " and ".join(cluster.title for cluster, _ in found)
        sentence = f"the clusters {titles} have a job {arguments.job}: choose one with --cluster or --region"
        problem = Problem.relation(("hyperpod",), sentence)
    elif places:
        names = listing(dict.fromkeys(job.job_name for _, job in places))
        problem = Problem(("hyperpod",), arguments.job, f"a job of the clusters: {names}")
    else:
        problem = Problem.relation(("hyperpod",), "no cluster has a job: add one to the key jobs of a cluster")
    raise ConfigurationError(str(path), [problem])


def _job(cluster: Cluster, job: "ElasticTrainingJob") -> str:
    from fairlane.hyperpod import job_manifest

    return _yaml(job_manifest(job))


def _sizes(cluster: Cluster, job: "ElasticTrainingJob") -> str:
    from fairlane.hyperpod import job_sizes, load_recipe

    settings = cluster.settings
    recipe = load_recipe(Path(job.recipe)).batches if job.recipe and job.batch is None else None
    sizes = job_sizes(
        job, settings.governance, settings.teams, settings.instance_groups, settings.node_pools, batches=recipe
    )
    title = f"{job.job_name} of team {job.team} on {cluster.title}:"
    return "\n".join([title, *table_lines([_COLUMNS, *map(_cells, sizes)], _NUMBERS), ""])


def _recipe(cluster: Cluster, job: "ElasticTrainingJob") -> str:
    from fairlane.hyperpod import write_recipe
    from fairlane.hyperpod.replica_requests import replica_processes

    if job.batch is None:
        field = ("hyperpod", cluster.name, "jobs", job.job_name, "batch")
        raise ConfigurationError(
            cluster.title, [Problem(field, None, "the batch of the job, of which a recipe consists")]
        )
    return _yaml(write_recipe(job.policy, job.batch, replica_processes(job), job.initial_replicas))


def _cells(size: "JobSize") -> tuple[str, ...]:
    batch = size.batch
    numbers = (
        ("-",) * 5
        if batch is None
        else (
            str(batch.data_parallel),
            str(batch.accumulation),
            _samples(batch),
            str(batch.samples),
            f"{batch.learning_rate:g}",
        )
    )
    return (str(size.replicas), str(size.accelerators), size.state.value, *numbers, size.reason)


def _samples(batch: "SizeBatch") -> str:
    if not batch.small_groups:
        return str(batch.large_batch)
    large = batch.data_parallel - batch.small_groups
    return f"{batch.small_batch} in {batch.small_groups}, {batch.large_batch} in {large}"


def _advice(job: "ElasticTrainingJob") -> Iterator[str]:
    from fairlane.hyperpod import job_advice

    for advice in job_advice(job):
        yield advice.message


def _yaml(content: Mapping[str, Any]) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 10_000
    stream = StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()
