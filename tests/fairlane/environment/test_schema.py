import json
from typing import Any

from fairlane.environment import environment_json_schema
from tests.support import REPOSITORY


def test_the_published_schema_is_that_of_the_models() -> None:
    published = json.loads((REPOSITORY / "environments" / "schema.json").read_text())
    assert published == environment_json_schema(), "run: make schema"


def test_the_example_names_the_schema_for_editors() -> None:
    first, *_ = (REPOSITORY / "environments" / "example.yaml").read_text().splitlines()
    assert first == "# yaml-language-server: $schema=schema.json"


def test_the_schema_requires_what_the_loader_requires_and_explains_every_key() -> None:
    schema = environment_json_schema()
    models: dict[str, Any] = {"Environment": schema, **schema["$defs"]}
    required = {name: sorted(model["required"]) for name, model in models.items() if "required" in model}
    assert required == {
        "EfsVolume": ["container_path", "file_system_id"],
        "Environment": ["region"],
        "FairShareModel": ["policy"],
        "FifoModel": ["policy"],
        "GivenNetworkModel": ["subnet_ids", "vpc_id"],
        "ComputeEnvironmentSettings": ["instance_types"],
        "GpuJobSettings": ["image"],
        "GpuQueueModel": ["compute_environments", "scheduling"],
        "HostVolume": ["container_path", "source_path"],
        "LustreMount": ["file_system_id", "mount_name"],
        "MultiNodeJobSettings": ["image", "nodes", "script"],
        "QuotaManagementModel": ["policy", "shares"],
        "QuotaShareModel": ["capacity", "sharing"],
        "ServiceEnvironmentModel": ["capacity"],
        "JobStateTimeLimitAction": ["max_time_seconds", "reason"],
        "TrainingQueueModel": ["scheduling"],
    }
    for name, model in models.items():
        if "properties" in model:
            assert model["additionalProperties"] is False, name
            assert model["description"], name
