"""Command `fairlane hyperpod check`: mistakes in manifests of HyperPod jobs."""

import argparse
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fairlane._internal.checks import listing
from fairlane.cli.hyperpod_clusters import ClusterSettings, add_environment_options, environment_clusters
from fairlane.errors import ConfigurationError, Problem


def add_to(actions: Any) -> None:
    """Add the command to the actions of `fairlane hyperpod`."""
    text = "show the mistakes in manifests of HyperPodPyTorchJobs: unknown fields, and what breaks elastic training"
    parser = actions.add_parser("check", help=text, description=text)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="YAML file with one or more objects")
    text = "size of the checkpoint, which the graceful shutdown must allow (default: not checked)"
    parser.add_argument("--checkpoint-gib", type=_amount, metavar="GIB", help=text)
    text = "bandwidth of all writers of the checkpoint together in GiB per second (default: 1)"
    parser.add_argument("--write-gib-per-second", type=_amount, default=1.0, metavar="GIB", help=text)
    text = "name of the cluster of the environment with which the jobs are compared (default: its only cluster)"
    add_environment_options(parser, text, required=False)
    parser.add_argument("--region", help="Region of the cluster (default: all Regions)")
    parser.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    from fairlane.hyperpod import Checkpoint, manifest_advice, manifest_placement_problems, manifest_problems

    checkpoint: Checkpoint | None = None
    if arguments.checkpoint_gib is not None:
        checkpoint = Checkpoint(size_gib=arguments.checkpoint_gib, write_gib_per_second=arguments.write_gib_per_second)
    cluster = _cluster(arguments)
    count = 0
    for path in arguments.files:
        for name, manifest in _objects(path):
            problems = manifest_problems(manifest, checkpoint)
            if cluster:
                limits = (cluster.governance, cluster.teams, cluster.instance_groups, cluster.node_pools)
                problems += manifest_placement_problems(manifest, *limits)
            count += len(problems)
            for problem in problems:
                print(f"{name}: {problem}")
            for advice in manifest_advice(manifest):
                print(f"{name}: {advice.message}", file=sys.stderr)
    return 1 if count else 0


def _cluster(arguments: argparse.Namespace) -> ClusterSettings | None:
    if arguments.environment is None:
        if arguments.cluster or arguments.region:
            sentence = "--cluster and --region choose a cluster of an environment: add -c environment=NAME"
            raise ConfigurationError("fairlane hyperpod check", [Problem.relation((), sentence)])
        return None
    path, clusters = environment_clusters(arguments.environment)
    found = [
        cluster
        for cluster in clusters
        if arguments.cluster in (None, cluster.name) and arguments.region in (None, cluster.region)
    ]
    if len(found) == 1:
        return found[0].settings
    titles = listing(cluster.title for cluster in clusters)
    sentence = (
        f"choose one of the clusters with --cluster or --region: {titles}"
        if titles
        else "the environment has no cluster"
    )
    raise ConfigurationError(str(path), [Problem.relation(("hyperpod",), sentence)])


def _objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects of a file, each with the file and the object as text."""
    from fairlane.environment.yaml_nodes import YamlError, load_documents, read_text

    try:
        objects = load_documents(read_text(path))
    except YamlError as error:
        raise ConfigurationError(str(path), [Problem.relation((), error.sentence, error.line)]) from error
    if not objects:
        raise ConfigurationError(str(path), [Problem.relation((), "the file has no object: add a HyperPodPyTorchJob")])
    for index, manifest in enumerate(objects):
        if not isinstance(manifest, Mapping):
            raise ConfigurationError(str(path), [Problem((index,), manifest, "an object of Kubernetes")])
        yield str(path) if len(objects) == 1 else f"{path}, object {index + 1}", manifest


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0 < amount < math.inf:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: a number of GiB above 0")
    return amount
