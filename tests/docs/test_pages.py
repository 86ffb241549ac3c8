"""Facts on pages, checked against resource schemas, the example environment and the metrics catalog."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from ruamel.yaml import YAML

from fairlane import ConfigurationError, Purchase
from fairlane.cli import main
from fairlane.environment import load_environment
from fairlane.environment.scheduling import FifoModel
from tests.support import REPOSITORY


def page(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text()


def test_identifiers_for_cdk_import_are_in_the_resource_schemas() -> None:
    table = dict(re.findall(r"\| `(AWS::Batch::\w+)` \| `(\w+)` \|", page("adopting-a-queue.md")))
    assert len(table) == 4
    for resource_type, identifier in table.items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
        assert schema["primaryIdentifier"] == [f"/properties/{identifier}"]


def test_the_documented_quotas_cover_the_training_queues_of_the_example() -> None:
    used: Counter[str] = Counter()
    for queue in load_environment(REPOSITORY / "environments" / "example.yaml").training_queues.values():
        limits = queue.capacity if isinstance(queue.capacity, dict) else {str(queue.instance_type): queue.capacity or 0}
        used.update(limits)
    text = re.sub(r"\s+", " ", page("account-quotas.md"))
    for instance_type, instances in used.items():
        assert f"{instances} of `{instance_type} for training job usage`" in text
    assert f"{sum(used.values())} across all training jobs" in text


def test_the_documented_vcpus_cover_the_compute_environments_of_the_example() -> None:
    used: Counter[str] = Counter()
    for environment in load_environment(REPOSITORY / "environments" / "example.yaml").compute_environments.values():
        family = "P" if environment.instance_types[0].startswith("p") else "G and VT"
        spot = environment.purchase == Purchase.SPOT
        name = f"All {family} Spot Instance Requests" if spot else f"Running On-Demand {family} instances"
        used[name] += environment.vcpus
    text = re.sub(r"\s+", " ", page("account-quotas.md"))
    assert len(used) == 3
    for quota, vcpus in used.items():
        assert re.search(rf"{vcpus} (vCPUs )?of `{quota}`", text), quota


def test_the_table_of_metrics_is_the_catalog() -> None:
    catalog = json.loads((REPOSITORY / "lambda" / "fairlane_lambda" / "metrics.json").read_text())
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| (\w+) \| (.+) \|$", page("job-metrics.md"), re.MULTILINE)
    assert rows == [
        (name, ", ".join(metric["per"]), metric["unit"], metric["meaning"])
        for name, metric in catalog["metrics"].items()
    ]


def test_the_app_on_the_page_is_the_app_that_init_creates() -> None:
    template = REPOSITORY / "constructs" / "fairlane" / "cli" / "app_template" / "app_py.txt"
    (code,) = re.findall(r"```py\n(.*?)```", page("your-own-app.md"), re.DOTALL)
    assert template.read_text().endswith(code)


def test_the_tutorial_shows_the_environment_of_a_new_app_and_the_actual_error(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path)]) == 0
    text = (tmp_path / "environments" / "dev.yaml").read_text()
    shown = re.findall(r"```yaml\n(.*?)```", page("tutorial.md"), re.DOTALL)
    assert YAML(typ="safe").load(shown[0]) == YAML(typ="safe").load(text)
    path = tmp_path / "dev.yaml"
    path.write_text(text.replace("capacity: 4", "capacity: 0").replace("production: 75", "production: -75"))
    with pytest.raises(ConfigurationError) as raised:
        load_environment(path)
    (error,) = re.findall(r"```text\n(.*?)```", page("tutorial.md"), re.DOTALL)
    assert str(raised.value).replace(str(path), "environments/dev.yaml") + "\n" == error


def test_the_page_on_updates_shows_the_actual_error_of_a_renamed_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "environments").mkdir()
    path = tmp_path / "environments" / "prod.yaml"
    path.write_text("region: us-east-1\nqueues:\n  vision: {capacity: 4, scheduling: {policy: fifo}}\n")
    monkeypatch.chdir(tmp_path)
    assert main(["environment", "lock", "prod"]) == 0
    path.write_text(path.read_text().replace("vision", "robotics"))
    with pytest.raises(ConfigurationError) as raised:
        load_environment(path)
    (error,) = re.findall(r"```text\n(.*?)```", page("updating-without-killing-jobs.md"), re.DOTALL)
    assert str(raised.value).replace(f"{tmp_path}/", "") + "\n" == error


def test_the_base_file_on_the_page_merges_to_the_shown_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = page("environment-file.md").partition("## Several accounts alike")[2].partition("\n## ")[0]
    base, prod = re.findall(r"```yml\n(.*?)```", section, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", section, re.DOTALL)
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "base.yaml").write_text(base)
    (folder / "prod.yaml").write_text(prod)
    monkeypatch.chdir(tmp_path)
    assert main(["environment", "show", "prod"]) == 0
    assert capsys.readouterr().out == shown
    (folder / "prod.yaml").write_text(
        "extends: base.yaml\nqueues: {training: {scheduling: {policy: fifo, proportions: null}}}\n"
    )
    assert load_environment(folder / "prod.yaml").training_queues["training"].scheduling == FifoModel(policy="fifo")
