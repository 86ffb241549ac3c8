"""Bad input of a plan: it is refused in one answer with line numbers, and nothing is submitted."""

import json
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ParamValidationError

from fairlane_lambda.fan_out.plan import planning
from tests.fairlane_lambda.fan_out.plan_account import (
    BUCKET,
    DIGEST,
    HOME,
    ROLE,
    TEMPLATE,
    Account,
    Ecr,
    error,
    line,
    manifest,
)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": None}, "id: missing"),
        ({"id": "-a"}, "id: got '-a', allowed: text that matches [A-Za-z0-9][A-Za-z0-9._/:-]{0,127}"),
        ({"region": None}, "region: missing; use region or candidates"),
        ({"region": "us-east-9"}, "region: got 'us-east-9', allowed: us-east-1, us-west-2, eu-west-1, eu-central-1"),
        ({"queue": "nights"}, "queue: got 'nights', allowed: training"),
        ({"share": "team-a"}, "share: the policy of training has no shares: leave it out"),
        ({"priority": 10_000}, "priority: got 10000, allowed: a whole number, 0 to 9,999"),
        ({"instance_count": "15x"}, "instance_count: got '15x', allowed: a whole number, 1 to 10,000"),
        ({"instance_count": True}, "instance_count: got True, allowed: a whole number, 1 to 10,000"),
        ({"instance_count": None}, "instance_count: missing; the template has ${instance_count}"),
        ({"instance_type": "ml.p5.48xlarge"}, "instance_type: not used: the template has no ${instance_type}"),
        ({"data": None}, "data: missing; the template has ${data}"),
        ({"hours": "NaN"}, "hours: got 'NaN', allowed: a number, 0 or more"),
        ({"data_gb": -1}, "data_gb: got -1, allowed: a number, 0 or more"),
        ({"template": "large"}, "template: got 'large', allowed: the name of an object templates/<name>.json"),
        ({"parameters": [1]}, "parameters: got [1], allowed: an object, in CSV as JSON"),
        ({"candidates": [{"region": HOME}]}, "candidates: mutually exclusive with region"),
        ({"region": None, "candidates": []}, "candidates: got '0 candidates', allowed: 1 to 40"),
        ({"region": None, "candidates": [{"data": "x"}]}, "candidates.0.region: missing"),
        ({"region": None, "candidates": [{"region": HOME}] * 2}, "candidates: a Region stands there twice"),
        (
            {"region": None, "candidates": [{"region": HOME, "cost": 1}]},
            "candidates.0: got {'region': 'us-east-1', 'cost': 1}, allowed: an object with region, data and copy_to",
        ),
        (
            {"parameters": {str(number): "x" for number in range(101)}},
            "HyperParameters: got '103 entries', allowed: 0 to 100 entries",
        ),
        (
            {"data": "s3://residents/a"},
            "no candidate left: us-east-1: residency forbids the data there",
        ),
    ],
)
def test_line_is_refused_with_its_number(account: Account, fields: dict[str, Any], problem: str) -> None:
    account.config["residency"] = {"s3://residents/": ["eu-west-1"]}

    assert account.problems(manifest(line("first"), line(**fields))) == [f"line 2: {problem}"]


def test_unknown_field_is_refused(account: Account) -> None:
    [problem] = account.problems(manifest(line(querry="x")))

    assert problem.startswith("line 1: querry: unknown; use id, region, candidates, data, queue")


@pytest.mark.parametrize(
    ("policy", "share", "problem"),
    [
        ("fair", None, "share: missing; training has a, gang-*"),
        ("fair", "b", "share: got 'b', allowed: a, gang-*"),
        ("quota", "b", "share: got 'b', allowed: a, gang-*"),
    ],
)
def test_unknown_share_is_refused(account: Account, policy: str, share: str | None, problem: str) -> None:
    account.batch[HOME].queues["training"] = (policy, ("a", "gang-*"))

    assert account.problems(manifest(line(share=share))) == [f"line 1: {problem}"]


def test_queue_that_the_region_does_not_have_is_refused(account: Account) -> None:
    del account.batch[HOME].queues["training"]

    assert account.problems(manifest(line())) == ["line 1: queue: us-east-1 has no queue training"]


def test_queue_for_containers_is_refused_for_a_training_job(account: Account) -> None:
    account.batch[HOME].containers = {"training"}

    [problem] = account.problems(manifest(line()))

    assert problem == "line 1: queue: training is a queue on EC2: use a template with jobDefinition"


def test_role_that_the_fan_out_does_not_have_is_refused(account: Account) -> None:
    account.config["template"] = json.dumps(TEMPLATE | {"RoleArn": f"{ROLE}-admin"})

    assert account.problems(manifest(line())) == [f"line 1: RoleArn: got '{ROLE}-admin', allowed: {ROLE}, {ROLE}-other"]


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{", "template: no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "template: no JSON object"),
        (
            json.dumps(TEMPLATE | {"RoleArn": "${roel}"}),
            "template: got '${roel}', allowed: ${data}, ${region}, ${image}, ${instance_type}, ${instance_count}, "
            "${id}, ${account}, ${role}, ${role.search}, ${role.other}",
        ),
    ],
)
def test_mistake_of_the_template_is_reported_once(account: Account, template: str, problem: str) -> None:
    account.config["template"] = template

    assert account.problems(manifest(line("a"), line("b"))) == [problem]


@pytest.mark.parametrize("levels", [51, 900, 100_000])
def test_deep_templates_are_refused(account: Account, levels: int) -> None:
    text = '{"a":' * levels + '"${data}"' + "}" * levels
    account.s3.put_object(Bucket=BUCKET, Key="templates/deep.json", Body=text.encode())
    assert account.problems(manifest(line(template="deep"), line("b"))) == [
        "templates/deep.json: nested more than 50 levels deep"
    ]
    account.config["template"] = text
    assert account.problems(manifest(line())) == ["template: nested more than 50 levels deep"]


@pytest.mark.parametrize("size", [10_240, 10_241])
def test_payload_of_more_than_10_kib_is_refused(account: Account, size: int) -> None:
    def payload(parameters: dict[str, str]) -> int:
        [job] = account.part(account.plan(manifest(line(parameters=parameters))), HOME)
        return len(job["request"]["serviceRequestPayload"])

    parameters = {str(number): "x" * 2000 for number in range(4)}
    parameters["last"] = "x" * (size - payload(parameters | {"last": ""}))

    if size > 10_240:
        assert account.problems(manifest(line(parameters=parameters))) == [
            "line 1: payload: got '10,241 bytes', allowed: at most 10,240 bytes"
        ]
    else:
        assert payload(parameters) == size


def test_value_above_the_limit_of_the_model_is_refused(account: Account) -> None:
    problems = account.problems(manifest(line(parameters={"note": "x" * 2501})))

    assert problems == ["line 1: HyperParameters.note: got '2,501 characters', allowed: 0 to 2,500 characters"]


def test_request_of_more_than_30_kib_is_refused(account: Account) -> None:
    tags = [{"Key": f"{number}", "Value": "\u20ac" * 256} for number in range(50)]
    account.config["template"] = json.dumps(TEMPLATE | {"Tags": tags})

    [problem] = account.problems(manifest(line()))

    assert problem.startswith("line 1: request: got '")
    assert problem.endswith("allowed: at most 30,720 bytes")


def test_duplicate_id_is_refused_with_both_lines(account: Account) -> None:
    problems = account.problems(manifest(line("a"), line("b"), line("a", instance_count=1)))

    assert problems == ["line 3: id: a is the id of line 1 too"]


def test_latin_1_is_refused_with_its_line(account: Account) -> None:
    content = manifest(line("a")).encode() + json.dumps(line("b", data="caf\u00e9"), ensure_ascii=False).encode(
        "latin-1"
    )

    [problem] = account.problems(content)

    assert problem.startswith("line 2: byte 0xe9 in column ")
    assert problem.endswith(" is no UTF-8: save the file as UTF-8")


def test_csv_in_latin_1_is_refused_with_its_lines(account: Account) -> None:
    content = "id,region,data,instance_count\na,us-east-1,caf\u00e9,1\nb,us-east-1,x,1y\n".encode("latin-1")

    assert account.problems(content, "drives.csv") == [
        "line 2: byte 0xe9 in column 16 is no UTF-8: save the file as UTF-8",
        "line 3: instance_count: got '1y', allowed: a whole number, 1 to 10,000",
    ]


@pytest.mark.parametrize("name", ["drives.jsonl", "drives.csv"])
@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_empty_manifest_is_refused(account: Account, name: str, content: str) -> None:
    assert account.problems(content, name) == ["the manifest has no lines"]


def test_csv_with_a_header_only_is_refused(account: Account) -> None:
    assert account.problems("id,region\n", "drives.csv") == ["the manifest has no lines"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("region,data\nus-east-1,x\n", "line 1: missing columns: id"),
        ("id\na\n", "line 1: missing columns: region or candidates"),
        ("id,region,lr,lr\n", "line 1: columns with the same name: lr"),
        ("id,region,\n", "line 1: a column without a name"),
        ("id,region\na,us-east-1,3\n", "line 2: 3 columns, but the header has 2"),
    ],
)
def test_columns_of_csv_are_checked(account: Account, content: str, problem: str) -> None:
    assert account.problems(content, "drives.csv") == [problem]


def test_the_first_100_problems_are_listed_and_the_others_counted(account: Account) -> None:
    problems = account.problems(manifest(*(line(str(number), instance_count="x") for number in range(123))))

    assert len(problems) == 101
    assert problems[99].startswith("line 100: ")
    assert problems[100] == "and 23 more problems"


def test_manifest_with_too_many_lines_is_refused(account: Account) -> None:
    with patch.object(planning, "MAX_LINES", 2):
        problems = account.problems(manifest(line("a"), line("b"), line("c"), line("d")))

    assert problems == ["over 2 lines: divide the manifest"]


def test_absent_version_is_refused(account: Account) -> None:
    state = account.run(key="manifests/drives.jsonl", version="11111111-2222-3333-4444-555555555555")

    assert state["status"] == "REFUSED"
    assert account.answer(state)["problems"] == ["manifests/drives.jsonl: the object or its version is absent"]


@pytest.mark.parametrize("name", ["my drives.jsonl", "drives.txt", "x/drives.csv", "1.csv", "drives"])
def test_name_that_is_not_allowed_is_refused(account: Account, name: str) -> None:
    state = account.plan(manifest(line()), name)

    assert state["status"] == "REFUSED"
    assert state["problems"] == 1
    assert account.answer(state)["problems"][0].startswith(
        f"key: got 'manifests/{name}', allowed: manifests/ or uploads/<name>.jsonl"
    )


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (
            "training/pytorch:2",
            "image: no image training/pytorch:2 in us-east-1, the home Region: push it there, or correct the name",
        ),
        (
            f"training/pytorch@{DIGEST}",
            f"image: training/pytorch@{DIGEST}: eu-west-1 has no copy of training/pytorch@{DIGEST[:19]}: replicate "
            "the repository",
        ),
        (
            "111122223333.dkr.ecr.us-west-2.amazonaws.com/training/pytorch:1",
            "image: got '111122223333.dkr.ecr.us-west-2.amazonaws.com/training/pytorch:1', allowed: an image in "
            "eu-west-1 or us-east-1",
        ),
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2",
            "image: got '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2', allowed: an image in "
            "eu-west-1",
        ),
        ("Bad Name", "image: got 'Bad Name', allowed: repository:tag, repository@digest or the URI of an image"),
    ],
)
def test_image_must_be_in_the_region(account: Account, image: str, problem: str) -> None:
    account.ecr["eu-west-1"].images.clear()
    template = json.loads(json.dumps(TEMPLATE))
    template["AlgorithmSpecification"]["TrainingImage"] = "${image}"
    account.config["template"] = json.dumps(template)

    assert account.problems(manifest(line(region="eu-west-1", image=image))) == [f"line 1: {problem}"]


def test_data_of_another_region_is_warned_of(account: Account) -> None:
    account.s3.create_bucket(Bucket="paris", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})

    state = account.plan(
        manifest(line(data="s3://paris/a"), line("b", data="s3://absent-bucket/a"), line("c", data="s3://!/a"))
    )

    assert account.answer(state)["warnings"] == ["line 1: data is in eu-west-3, the job runs in us-east-1"]
    assert account.s3.list_objects_v2(Bucket=BUCKET, Prefix="plans/")["KeyCount"] == 4


@pytest.mark.parametrize(
    "failure",
    [error("InvalidParameterException", "DescribeImages"), ParamValidationError(report="Invalid length: x")],
)
def test_image_that_amazon_ecr_takes_for_no_name_is_refused(account: Account, failure: Exception) -> None:
    with patch.object(Ecr, "describe_images", side_effect=failure):
        [problem] = account.problems(manifest(line()))
    assert problem.startswith("line 1: image: no image training/pytorch:1 in us-east-1, the home Region: ")
