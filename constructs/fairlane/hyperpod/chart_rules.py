"""Rules of the HyperPod Helm chart, read from its directory. Imports no aws_cdk."""

import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fairlane._internal.checks import listing
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem

OCI: Final = re.compile(r"(?P<repository>oci://\S+/(?P<name>[a-z0-9._-]+)):(?P<version>[A-Za-z0-9._+-]+)")
"""Location of a chart in a registry, with its version."""
_ARCHIVE: Final = re.compile(r"https://\S+\.tgz")
_FORMS: Final = (
    "the directory of the HyperPod Helm chart, oci://REGISTRY/CHART:VERSION or https://HOST/CHART.tgz; clone "
    "aws/sagemaker-hyperpod-cli and give its folder helm_chart/HyperPodHelmChart"
)
_FIELD: Final = ("chart",)


def is_location(chart: str) -> bool:
    """Return True if a chart is a location, which helm reads at deployment, and not a directory."""
    return is_token(chart) or "://" in chart


def chart_problems(chart: object) -> Iterator[Problem]:
    """Yield the problems of a chart: the form of its location, or what its directory lacks.

    Helm refuses a chart whose dependencies are not in its folder `charts`: "found in Chart.yaml, but missing in charts/
    directory". `helm dependency build` fetches them.
    """
    if not isinstance(chart, str) or not chart:
        yield Problem(_FIELD, chart, _FORMS)
    elif is_location(chart):
        if not (is_token(chart) or OCI.fullmatch(chart) or _ARCHIVE.fullmatch(chart)):
            yield Problem(_FIELD, chart, _FORMS)
    elif not os.path.isfile(Path(chart) / "Chart.yaml"):  # noqa: PTH113 (False for names that are too long)
        yield Problem.relation(_FIELD, f"{chart} has no file Chart.yaml: use {_FORMS}")
    else:
        yield from _directory_problems(Path(chart))


def _directory_problems(directory: Path) -> Iterator[Problem]:
    try:
        names = [*_dependencies(directory / "Chart.yaml"), *_dependencies(directory / "Chart.lock")]
        present = set(_charts(directory / "charts"))
    except (YAMLError, tarfile.TarError, OSError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        yield Problem.relation(_FIELD, f"{directory} is not a Helm chart: {text}")
        return
    if missing := [name for name in dict.fromkeys(names) if name not in present]:
        sentence = (
            f"the folder charts lacks the dependencies {listing(missing)}: "
            f"run helm dependency build {directory} before synth"
        )
        yield Problem.relation(_FIELD, sentence)


def _dependencies(file: Path) -> Iterator[str]:
    if file.is_file():
        entries = _mapping(file.read_text("utf-8")).get("dependencies")
        yield from (str(entry["name"]) for entry in entries or () if isinstance(entry, dict) and "name" in entry)


def _charts(folder: Path) -> Iterator[str]:
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if entry.suffix == ".tgz":
            yield _archive_name(entry)
        elif (file := entry / "Chart.yaml").is_file():
            yield str(_mapping(file.read_text("utf-8")).get("name"))


def _archive_name(archive: Path) -> str:
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.name.count("/") == 1 and member.name.endswith("/Chart.yaml") and member.isfile():
                content = opened.extractfile(member)
                assert content is not None
                return str(_mapping(content.read().decode()).get("name"))
    return ""


def _mapping(text: str) -> dict[str, Any]:
    loaded = YAML(typ="safe", pure=True).load(text)
    return loaded if isinstance(loaded, dict) else {}
