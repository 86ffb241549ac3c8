"""Names of Regions and instance types in the JSON schema of environment files, which editors offer.

A name is one of a catalog, or any other text of the same form: AWS adds Regions and instance types.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from fairlane._internal.checks import REGION
from fairlane.catalog.gpu_catalog import INSTANCE_TYPE as EC2_INSTANCE_TYPE
from fairlane.catalog.gpu_catalog import gpu_instance_types
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.catalog.region_catalog import batch_regions
from fairlane.catalog.training_catalog import training_instance_types
from fairlane.environment.acknowledge import WARNING_ID, WARNING_IDS
from fairlane.scheduling.capacity import INSTANCE_TYPE as TRAINING_INSTANCE_TYPE

FILE: Final = ""
"""Name of the whole file among the definitions of the schema."""
_KEYS: Final = {
    (FILE, "regions"): "region-name",
    (FILE, "acknowledge"): "warning-id",
    ("fan-out", "queues"): "region-name",
    ("training-queue", "capacity"): "training-instance-type",
    ("service-environment", "capacity"): "training-instance-type",
    ("quota-share", "capacity"): "training-instance-type",
    ("cap", "instances"): "hyperpod-instance-type",
    ("team", "quota"): "hyperpod-instance-type",
}
"""Names that are the keys of a mapping, by definition and key."""
_VALUES: Final = {
    (FILE, "region"): "region-name",
    ("image-repository", "regions"): "region-name",
    ("fan-out", "residency"): "region-name",
    ("training-queue", "instance_type"): "training-instance-type",
    ("compute-environment", "instance_types"): "gpu-instance-type",
    ("gpu-job-definition", "instance_type"): "gpu-instance-type",
    ("multi-node-job-definition", "instance_type"): "gpu-instance-type",
    ("elastic-training-job", "instance_type"): "hyperpod-instance-type",
    ("instance-group", "instance_type"): "hyperpod-instance-type",
    ("instance-group", "instance_types"): "hyperpod-instance-type",
}
"""Names that are texts in a value, by definition and key."""


def add_names(schema: dict[str, Any]) -> None:
    """Add definitions of names to a schema, and refer to them where the file has such names."""
    for (definition, key), name in _KEYS.items():
        _properties(schema, definition)[key] = _with_keys(_properties(schema, definition)[key], _reference(name))
    for (definition, key), name in _VALUES.items():
        _properties(schema, definition)[key] = _with_values(_properties(schema, definition)[key], _reference(name))
    instance_types = [entry.instance_type for entry in gpu_instance_types()]
    schema["$defs"] |= {
        "warning-id": _names("warning id", WARNING_IDS, WARNING_ID, "fairlane:GpuQueue.idleGpus"),
        "region-name": _names("Region name", batch_regions(), REGION, "us-east-1"),
        "training-instance-type": _names(
            "training instance type", training_instance_types(), TRAINING_INSTANCE_TYPE, "ml.p5.48xlarge"
        ),
        "gpu-instance-type": _names("GPU instance type", instance_types, EC2_INSTANCE_TYPE, "g5.12xlarge"),
        "hyperpod-instance-type": _names(
            "HyperPod instance type", hyperpod_instance_types(), TRAINING_INSTANCE_TYPE, "ml.p5.48xlarge"
        ),
    }


def _properties(schema: dict[str, Any], definition: str) -> dict[str, Any]:
    properties: dict[str, Any] = (schema["$defs"][definition] if definition else schema)["properties"]
    return properties


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _names(title: str, names: Iterable[str], form: re.Pattern[str], example: str) -> dict[str, Any]:
    """Return a definition whose values have a form, and of which editors offer `names`."""
    pattern = re.sub(r"\(\?P<\w+>", "(", form.pattern)  # JavaScript has no (?P<name>
    return {
        "title": title,
        "type": "string",
        "pattern": f"^{pattern}$",
        "patternErrorMessage": f"allowed: a {title} such as {example}",
        "anyOf": [{"enum": sorted(names)}, {"type": "string"}],
    }


def _with_keys(node: Any, names: dict[str, Any]) -> Any:
    """Return a schema whose mappings have keys of `names`."""
    if isinstance(node, list):
        return [_with_keys(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "object":
        return node | {"propertyNames": names}
    return {key: _with_keys(value, names) for key, value in node.items()}


def _with_values(node: Any, names: dict[str, Any]) -> Any:
    """Return a schema whose texts are of `names`."""
    if isinstance(node, list):
        return [_with_values(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "string":
        return {key: value for key, value in node.items() if key != "type"} | names
    return {key: _with_values(value, names) for key, value in node.items()}
