"""JSON schema of environment files."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fairlane._internal.checks import check_region
from fairlane.catalog.gpu_catalog import check_gpu_instance_type
from fairlane.environment import environment_json_schema
from fairlane.environment.scheduling import POLICIES
from fairlane.errors import Path, Problem
from fairlane.scheduling.capacity import check_instance_type
from tests.fairlane.environment.python_words import CLASS_NAMES, python_words
from tests.support import REPOSITORY


def texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each title and description with its path."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key in {"title", "description"} and isinstance(value, str):
            yield f"{path}/{key}", value
        else:
            yield from texts(value, f"{path}/{key}")


def definitions() -> dict[str, Any]:
    """Return the definitions of mappings, and the whole file under the name `file`."""
    schema = environment_json_schema()
    return {"file": schema} | {name: part for name, part in schema["$defs"].items() if "properties" in part}


@pytest.mark.parametrize(("name", "partial"), [("schema.json", False), ("partial-schema.json", True)])
def test_the_published_schemas_are_generated_from_the_models(name: str, partial: bool) -> None:
    published = json.loads((REPOSITORY / "environments" / name).read_text())
    assert published == environment_json_schema(partial=partial), "run: make schema"


def test_the_example_names_the_schema_for_editors() -> None:
    first, *_ = (REPOSITORY / "environments" / "example.yaml").read_text().splitlines()
    assert first == "# yaml-language-server: $schema=schema.json"


def test_the_schema_requires_the_keys_that_the_loader_requires() -> None:
    required = {name: sorted(part["required"]) for name, part in definitions().items() if "required" in part}
    assert required == {
        "batch-plan": ["global_batch", "learning_rate", "micro_batch"],
        "checkpoint": ["size_gib", "write_gib_per_second"],
        "compute-environment": ["instance_types"],
        "efs-volume": ["container_path", "file_system_id"],
        "elastic-policy": ["max_replicas", "min_replicas"],
        "elastic-training-job": ["image", "instance_type", "policy", "script", "team"],
        "existing-network": ["subnet_ids", "vpc_id"],
        "fair-share-policy": ["policy"],
        "fan-out": ["queues", "template"],
        "fifo-policy": ["policy"],
        "file": ["region"],
        "gpu-job-definition": ["image"],
        "gpu-queue": ["compute_environments", "scheduling"],
        "host-volume": ["container_path", "source_path"],
        "hyperpod-cluster": ["instance_groups", "kubernetes"],
        "instance-group": ["instance_count"],
        "kubernetes-of-hyperpod": ["chart"],
        "log-rule": ["pattern"],
        "lustre-mount": ["file_system_id", "mount_name"],
        "multi-node-job-definition": ["image", "nodes", "script"],
        "node-pool": ["instance_groups"],
        "quota-management-policy": ["policy", "shares"],
        "quota-share": ["capacity", "sharing"],
        "schedule": ["queue", "schedule"],
        "replica-part": ["replicas"],
        "service-environment": ["capacity"],
        "taint": ["key"],
        "team": ["quota"],
        "time-limit-action": ["max_time_seconds", "reason"],
        "training-queue": ["scheduling"],
    }


@pytest.mark.parametrize("name", definitions())
def test_the_schema_describes_every_mapping_and_key_and_allows_no_other_key(name: str) -> None:
    part = definitions()[name]
    assert part["additionalProperties"] is False
    assert part["description"]
    assert [key for key, value in part["properties"].items() if not value.get("description")] == []


def test_no_description_has_a_word_of_python() -> None:
    offending = {path: text for path, text in texts(environment_json_schema()) if python_words(text)}
    assert offending == {}, "these descriptions are for people who write YAML"


def test_no_name_of_a_class_is_in_the_schema() -> None:
    schema = re.sub(r"fairlane:[\w.]+", "", json.dumps(environment_json_schema()))  # ids of warnings
    words = set(re.findall(r"\w+", schema))
    assert words & CLASS_NAMES == set()


def test_titles_and_names_of_definitions_are_words_of_the_file() -> None:
    schema = environment_json_schema()
    for name, part in schema["$defs"].items():
        assert re.fullmatch(r"[a-z]+(?:-[a-z]+)*", name)
        assert part["title"].lower().replace(" ", "-") == name
    titles = [path for path, _ in texts(schema) if path.endswith("/title")]
    assert sorted(titles) == sorted(["/title", *(f"/$defs/{name}/title" for name in schema["$defs"])])


@pytest.mark.parametrize(
    ("name", "check", "example", "new"),
    [
        ("region-name", check_region, "eu-west-1", "xx-new-12"),
        ("training-instance-type", check_instance_type, "ml.p5.48xlarge", "ml.p9-x.96xlarge"),
        ("gpu-instance-type", check_gpu_instance_type, "g5.12xlarge", "g9.12xlarge"),
        ("hyperpod-instance-type", check_instance_type, "ml.m5.2xlarge", "ml.p9-x.96xlarge"),
    ],
)
def test_names_that_editors_offer_and_new_names_are_those_of_the_loader(
    name: str, check: Callable[[Path, str], Iterator[Problem]], example: str, new: str
) -> None:
    definition = environment_json_schema()["$defs"][name]
    offered = definition["anyOf"][0]["enum"]
    assert example in offered
    assert new not in offered
    for text in [*offered, new]:
        assert re.search(definition["pattern"], text), text
        assert list(check((), text)) == []
    for text in (f"{new}!", f"!{new}", ""):
        assert not re.search(definition["pattern"], text)
        assert list(check((), text))


def test_every_key_with_instance_types_or_regions_refers_to_the_names() -> None:
    words = re.compile(r"instance_types?|regions?|residency|quota|capacity|instances")
    plain = [
        f"{name}.{key}"
        for name, part in definitions().items()
        for key, value in part["properties"].items()
        if words.fullmatch(key) and not re.search(r"defs/[a-z-]+-(name|type)\"", json.dumps(value))
    ]
    assert plain == []


def test_the_partial_schema_requires_nothing_and_allows_null_for_each_key() -> None:
    schema = environment_json_schema(partial=True)
    assert '"required"' not in json.dumps(schema)
    for part in (schema, *schema["$defs"].values()):
        for value in part.get("properties", {}).values():
            assert {"type": "null"} in value["anyOf"]


def test_a_mapping_of_several_forms_has_the_keys_of_all_forms_in_the_partial_schema() -> None:
    schema = environment_json_schema(partial=True)
    queue = schema["properties"]["queues"]["anyOf"][0]["additionalProperties"]["anyOf"][0]
    assert {"compute_environments", "capacity", "scheduling"} <= set(queue["properties"])
    policy = queue["properties"]["scheduling"]["anyOf"][0]["properties"]
    assert {"proportions", "shares"} <= set(policy)
    assert policy["policy"]["anyOf"][0]["enum"] == POLICIES
