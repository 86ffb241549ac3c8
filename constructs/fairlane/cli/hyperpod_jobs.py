"""Commands `fairlane hyperpod job`, `sizes` and `recipe`: manifest, sizes and recipe of an elastic job."""

import argparse
import sys
from collections.abc import Sequence
from io import StringIO
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
_NUMBERS: Final = (0, 1, 3, 4, 6, 7)


def add_to(actions: Any) -> None:
    """Add the commands to the actions of `fairlane hyperpod`."""
    for name, render, text in (
        ("job", _job, "print the manifest of an elastic job, for kubectl apply -f"),
        ("sizes", _sizes, "show the sizes that an elastic job reaches, and its batch at each"),
        ("recipe", _recipe, "print elastic_policy and scale_config of a HyperPod recipe for an elastic job"),
    ):
        parser = actions.add_parser(name, help=text, description=text)
        parser.add_argument("job", metavar="JOB", help="name of the job in the environment file")
        add_environment_options(parser, "name of the cluster (default: the cluster that has the job)")
        parser.add_argument("--region", help="Region of the cluster (default: the Region that has the job)")
        parser.set_defaults(run=_print, render=render)


def _print(arguments: argparse.Namespace) -> int:
    from fairlane.hyperpod import job_advice

    path, clusters = environment_clusters(arguments.environment)
    cluster, job = _found(path, clusters, arguments)
    print(arguments.render(cluster, job), end="")
    for advice in job_advice(job, _job_sizes(cluster, job)):
        print(f"{job.job_name}: {advice.message}", file=sys.stderr)
    return 0


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
    elif with_jobs := [cluster.title for cluster in clusters if cluster.settings.jobs]:
        sentence = f"the clusters with jobs are {listing(with_jobs)}: change --cluster or --region"
        problem = Problem.relation(("hyperpod",), sentence)
    else:
        problem = Problem.relation(("hyperpod",), "no cluster has a job: add one to the key jobs of a cluster")
    raise ConfigurationError(str(path), [problem])


def _job(cluster: Cluster, job: "ElasticTrainingJob") -> str:
    from fairlane.hyperpod import job_manifest

    return _yaml(job_manifest(job))


def _sizes(cluster: Cluster, job: "ElasticTrainingJob") -> str:
    title = f"{job.job_name} of team {job.team} on {cluster.title}:"
    cells = map(_cells, _job_sizes(cluster, job))
    return "\n".join([title, *table_lines([_COLUMNS, *cells], _NUMBERS), ""])


def _job_sizes(cluster: Cluster, job: "ElasticTrainingJob") -> "list[JobSize]":
    from fairlane.hyperpod import job_sizes, load_recipe

    settings = cluster.settings
    batches = load_recipe(Path(job.recipe)).batches if job.recipe and job.batch is None else None
    return job_sizes(job, settings.governance, settings.teams, settings.instance_groups, settings.node_pools, batches)


def _recipe(cluster: Cluster, job: "ElasticTrainingJob") -> str:
    from fairlane.hyperpod import write_recipe
    from fairlane.hyperpod.replica_requests import replica_processes

    if job.batch is None:
        field = ("hyperpod", cluster.name, "jobs", job.job_name, "batch")
        raise ConfigurationError(cluster.title, [Problem(field, None, "global_batch, micro_batch and learning_rate")])
    start = sum(part.replicas for part in job.all_parts)
    return _yaml(write_recipe(job.policy, job.batch, replica_processes(job), start))


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


def _yaml(content: dict[str, Any]) -> str:
    from fairlane.environment.yaml_writer import write_yaml

    stream = StringIO()
    write_yaml(content, stream)
    return stream.getvalue()
