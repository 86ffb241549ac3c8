"""What pages say of things outside this repository's code, held against what can be asked here."""

import json
import re
from collections import Counter

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from ruamel.yaml import YAML

from fairlane import Purchase
from fairlane.environment import load_environment
from tests.support import REPOSITORY


def page(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text()


def test_identifiers_for_cdk_import_are_cloudformations() -> None:
    table = dict(re.findall(r"\| `(AWS::Batch::\w+)` \| `(\w+)` \|", page("adopting-a-queue.md")))
    assert len(table) == 4
    for resource_type, identifier in table.items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
        assert schema["primaryIdentifier"] == [f"/properties/{identifier}"]


def test_the_quotas_of_the_example_are_what_it_uses() -> None:
    used: Counter[str] = Counter()
    for queue in load_environment(REPOSITORY / "environments" / "example.yaml").training_queues.values():
        limits = queue.capacity if isinstance(queue.capacity, dict) else {str(queue.instance_type): queue.capacity or 0}
        used.update(limits)
    said = re.sub(r"\s+", " ", page("account-quotas.md"))
    for instance_type, instances in used.items():
        assert f"{instances} of `{instance_type} for training job usage`" in said
    assert f"{sum(used.values())} across all training jobs" in said


def test_the_vcpus_of_the_example_are_what_its_machines_may_have() -> None:
    used: Counter[str] = Counter()
    for environment in load_environment(REPOSITORY / "environments" / "example.yaml").compute_environments.values():
        family = "P" if environment.instance_types[0].startswith("p") else "G and VT"
        spot = environment.purchase == Purchase.SPOT
        name = f"All {family} Spot Instance Requests" if spot else f"Running On-Demand {family} instances"
        used[name] += environment.vcpus
    said = re.sub(r"\s+", " ", page("account-quotas.md"))
    assert len(used) == 3
    for quota, vcpus in used.items():
        assert re.search(rf"{vcpus} (vCPUs )?of `{quota}`", said), quota


def test_the_table_of_metrics_is_the_catalog() -> None:
    catalog = json.loads((REPOSITORY / "lambda" / "fairlane_lambda" / "metrics.json").read_text())
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| (\w+) \| (.+) \|$", page("job-metrics.md"), re.MULTILINE)
    assert rows == [
        (name, ", ".join(known["per"]), known["unit"], known["meaning"]) for name, known in catalog["metrics"].items()
    ]


def test_the_workflow_runs_commands_that_there_are() -> None:
    workflow = YAML(typ="safe").load((REPOSITORY / "examples" / "github-actions.yml").read_text())
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    commands = set(re.findall(r"make (\w+)", " ".join(steps)))
    targets = set(re.findall(r"^(\w+):.*##", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert {"lint", "test", "demo", "synth"} == commands <= targets
