"""Command `fairlane hyperpod check`: mistakes in manifests of HyperPod jobs."""

import argparse
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    pass


def add_to(actions: Any) -> None:
    """Add the command to the actions of `fairlane hyperpod`."""
    text = "show the mistakes in manifests of HyperPodPyTorchJobs: unknown fields, and what breaks elastic training"
    parser = actions.add_parser("check", help=text, description=text)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="YAML file with one or more objects")
    text = "size of the checkpoint, which the graceful shutdown must allow (default: not checked)"
    parser.add_argument("--checkpoint-gib", type=_amount, metavar="GIB", help=text)
    text = "bandwidth of all writers of the checkpoint together in GiB per second (default: 1)"
    parser.add_argument("--write-gib-per-second", type=_amount, default=1.0, metavar="GIB", help=text)
    parser.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    from fairlane.hyperpod import Checkpoint, manifest_advice, manifest_problems

    checkpoint: Checkpoint | None = None
    if arguments.checkpoint_gib is not None:
        checkpoint = Checkpoint(size_gib=arguments.checkpoint_gib, write_gib_per_second=arguments.write_gib_per_second)
    count = 0
    for path in arguments.files:
        for name, manifest in _objects(path):
            for problem in manifest_problems(manifest, checkpoint):
                count += 1
                print(f"{name}: {problem}")
            for advice in manifest_advice(manifest):
                print(f"{name}: {advice.message}", file=sys.stderr)
    return 1 if count else 0


def _objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects of a file, each with the file and the object as text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    from fairlane.environment.yaml_nodes import YamlError, read_text

    try:
        documents = list(YAML(typ="safe", pure=True).load_all(read_text(path)))
    except YamlError as error:
        raise ConfigurationError(str(path), [Problem.relation((), error.sentence, error.line)]) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(str(path), [Problem.relation((), f"invalid YAML: {error.problem}", line)]) from error
    objects = [document for document in documents if document is not None]
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
