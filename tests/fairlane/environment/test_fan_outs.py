"""Key `fan_outs` of environment files: files beside the environment file, and references to other keys."""

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from ruamel.yaml import YAML

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from fairlane_stacks import build_stacks
from tests.support import REPOSITORY, template_of

FOLDER = REPOSITORY / "environments" / "fan-outs"
PROD = """\
region: us-east-1
execution_roles: {search: {}}
compute_environments: {g5: {instance_types: [g5.12xlarge], max_gpus: 8}}
network: {}
queues:
  training: {capacity: 4, scheduling: {policy: fifo}}
  gpu: {compute_environments: [g5], scheduling: {policy: fifo}}
sweeps: {search: {}}
regions:
  eu-west-1: {queues: {training: {capacity: 4, scheduling: {policy: fifo}}}}
fan_outs:
  campaigns:
    queues: {us-east-1: training, eu-west-1: training}
    execution_roles: [search]
    template: campaigns.json
    query: campaigns.sql
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("campaigns.json", "campaigns.sql"):
        (tmp_path / name).write_text((FOLDER / name).read_text())
    return tmp_path


def problems(folder: Path, others: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    """Return the problems of a file with changed keys of the fan-out, and other changed keys."""
    yaml = YAML(typ="safe", pure=True)
    data = yaml.load(PROD) | (others or {})
    data["fan_outs"]["campaigns"] |= changes
    data["fan_outs"]["campaigns"] = {
        key: value for key, value in data["fan_outs"]["campaigns"].items() if value is not None
    }
    path = folder / "prod.yaml"
    yaml.dump(data, path)
    try:
        load_environment(path)
    except ConfigurationError as error:
        return [str(problem).partition(", ")[2].removeprefix("fan_outs.campaigns.") for problem in error.problems]
    return []


def test_files_are_found_beside_the_environment_file(folder: Path) -> None:
    assert problems(folder) == []
    fan_out = load_environment(folder / "prod.yaml").fan_outs["campaigns"]
    assert fan_out.settings["template"] == (FOLDER / "campaigns.json").read_text()
    assert fan_out.settings["query"] == (FOLDER / "campaigns.sql").read_text()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"queues": {"us-east-1": "other"}}, "queues.us-east-1: got 'other', allowed: a queue in us-east-1: gpu, training"),
        ({"queues": {"us-east-1": ["training", "other"]}}, "queues.us-east-1[1]: got 'other', allowed: a queue in us-east-1: gpu, training"),
        ({"queues": {"us-west-2": "training"}}, "queues.us-west-2: got 'us-west-2', allowed: a Region of the file: us-east-1, eu-west-1"),
        ({"queues": {"us-east-1": "gpu"}}, "store: queue gpu is for containers, whose array jobs need a sweep store: add store"),
        ({"queues": None}, "queues: missing; use the name of a queue, or names, for at least one Region"),
        ({"queues": {"us-east-1": 7}}, "queues.us-east-1: got 7, allowed: a text, in quotes if it looks like a number or a boolean"),
        ({"execution_roles": ["search", "other"]}, "execution_roles[1]: got 'other', allowed: a key of execution_roles: search"),
        ({"job_definitions": ["train"]}, "job_definitions[0]: 'train' does not exist: add it to job_definitions"),
        ({"store": "other"}, "store: got 'other', allowed: a key of sweeps: search"),
        ({"template": None}, "template: missing; use the path of a JSON file with a CreateTrainingJob or SubmitJob request"),
        ({"query": None, "schedule": "rate(1 day)"}, "schedule: schedule requires query: add query or remove schedule"),
        ({"residency": {"s3://a-b/": ["eu-west-1", "eu-west-2"]}}, 'residency."s3://a-b/"[1]: got \'eu-west-2\', allowed: a Region of queues: eu-west-1, us-east-1'),
        ({"residency": {"s3://a-b/": ["eu-west-2"]}}, 'residency."s3://a-b/"[0]: got \'eu-west-2\', allowed: a Region of queues: eu-west-1, us-east-1'),
        ({"residency": {"s3://a-b/": ["europe"]}}, 'residency."s3://a-b/"[0]: got \'europe\', allowed: a Region such as us-east-1'),
    ],
)  # fmt: skip
def test_each_mistake_is_reported_alone(folder: Path, changes: dict[str, Any], expected: str) -> None:
    assert problems(folder, **changes) == [expected]


WEST_GPU: dict[str, Any] = {
    "compute_environments": {"g5": {"instance_types": ["g5.12xlarge"], "max_gpus": 8}},
    "queues": {"gpu": {"compute_environments": ["g5"], "scheduling": {"policy": "fifo"}}},
}


@pytest.mark.parametrize(
    ("network", "store", "expected"),
    [
        ({"nat_gateways": 1}, {"bucket_name": "search-of-me"}, []),
        ({"vpc_id": "vpc-0123456789abcdef0", "subnet_ids": ["subnet-0123456789abcdef0"]}, {"bucket_name": "search-of-me"}, []),
        ({"nat_gateways": 1}, {}, ["sweeps.search.bucket_name: containers in eu-west-1 use the bucket by its name: add bucket_name, or another store with bucket_name if this one has sweeps, because its bucket would be replaced by an empty one"]),
        ({}, {"bucket_name": "search-of-me"}, ["regions.eu-west-1.network.nat_gateways: the VPC endpoint for S3 does not reach sweep store search in us-east-1: use 1 or more nat_gateways"]),
        ({"nat_gateways": 1}, {"bucket_name": "S"}, ["sweeps.search.bucket_name: got 'S', allowed: 3 to 63 characters of a-z, 0-9 and -, without the prefixes and suffixes that Amazon S3 reserves"]),
    ],
)  # fmt: skip
def test_containers_in_another_region_reach_the_sweep_store_at_home(
    folder: Path, network: dict[str, Any], store: dict[str, Any], expected: list[str]
) -> None:
    change: dict[str, Any] = {"queues": {"us-east-1": "gpu", "eu-west-1": "gpu"}, "store": "search"}
    other = {"sweeps": {"search": store}, "regions": {"eu-west-1": {**WEST_GPU, "network": network}}}
    assert problems(folder, other, **change) == expected


def test_only_regions_with_queues_of_containers_need_the_store_by_its_name(folder: Path) -> None:
    job = {"image": "train", "instance_type": "g5.12xlarge", "gpus": 1, "memory_mib": 1000}
    queues = WEST_GPU["queues"] | {"training": {"capacity": 4, "scheduling": {"policy": "fifo"}}}
    west = {**WEST_GPU, "queues": queues, "network": {}, "job_definitions": {"train": job}}
    other = {"regions": {"eu-west-1": west}}
    change = {"queues": {"us-east-1": "gpu", "eu-west-1": "training"}, "job_definitions": ["train"], "store": "search"}
    assert problems(folder, {"job_definitions": {"train": job}, **other}, **change) == []
    stacks = build_stacks(App(), "prod", load_environment(folder / "prod.yaml"))
    (stack,) = (stack for stack in stacks if stack.region == "eu-west-1" and "training" in stack.stack_name)
    assert "results/*" not in str(template_of(stack))


def test_a_sweep_store_cannot_have_the_workgroup_of_a_fan_out(folder: Path) -> None:
    text = PROD.replace("sweeps: {search: {}}", "sweeps: {fan-out-campaigns: {}}")
    (folder / "prod.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        load_environment(folder / "prod.yaml")
    (problem,) = map(str, raised.value.problems)
    sentence = "sweep store fan-out-campaigns has the Athena workgroup of this fan-out: rename one of them"
    assert problem.endswith(f", fan_outs.campaigns: {sentence}")


def test_mistakes_in_the_files_are_reported_at_their_keys(folder: Path) -> None:
    (folder / "campaigns.json").write_text('{"RoleArn": "${roll}"}')
    (folder / "campaigns.sql").write_text("DELETE FROM drives")
    template, query = sorted(problems(folder), key=lambda text: text.startswith("query"))
    assert template.startswith("template.RoleArn: got '${roll}', allowed: ${account}, ${data}")
    assert query == "query: got 'DELETE', allowed: the text of one SELECT of Athena, which begins with SELECT or WITH"


def test_a_byte_order_mark_is_no_part_of_a_file(folder: Path) -> None:
    for name in ("campaigns.json", "campaigns.sql"):
        (folder / name).write_text("\ufeff" + (FOLDER / name).read_text(), encoding="utf-8")
    assert problems(folder) == []
    settings = load_environment(folder / "prod.yaml").fan_outs["campaigns"].settings
    assert settings["query"] == (FOLDER / "campaigns.sql").read_text()


def test_files_that_cannot_be_read_are_mistakes(folder: Path) -> None:
    (folder / "latin.sql").write_bytes("SELECT 'Zürich'".encode("latin-1"))
    (folder / "long.json").write_text(" " * 262_145)
    assert sorted(problems(folder, template="missing.json", query="latin.sql"), reverse=True) == [
        f"template: missing.json is no file in {folder}: write a path relative to this file's folder",
        "query: latin.sql cannot be read as UTF-8, 'utf-8' codec can't decode byte 0xfc in position 9: invalid start "
        "byte: use another file",
    ]
    assert problems(folder, template="long.json") == [
        "template: long.json has more than 262,144 bytes: use a shorter file"
    ]
    assert problems(folder, template=".") == [
        f"template: . is no file in {folder}: write a path relative to this file's folder"
    ]
