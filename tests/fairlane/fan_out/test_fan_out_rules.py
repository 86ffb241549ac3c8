"""Problems of fan-outs: each mistake alone, and all mistakes in one error."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Aws, Fn, Stack

from fairlane import SweepStore, TrainingFanOut, TrainingFanOutRegion
from fairlane.fan_out import fan_out_rules, template_rules
from tests.fairlane.fan_out.fan_outs import KEY, TEMPLATE, fan_out
from tests.support import problems_of

NAMESPACE = "1 to 255 characters of A-Z, a-z, 0-9, . - _ / # and :, not starting with : or with AWS/ (reserved for AWS)"
CONTAINERS = {"jobDefinition": "train", "containerOverrides": {"command": ["train", "${data}"]}}


def template(**changes: Any) -> str:
    return json.dumps(TEMPLATE | changes)


CONNECTOR = "arn:aws:lambda:us-east-1:111122223333:function:connector"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"fan_out_name": "Campaigns"}, "fan_out_name: got 'Campaigns', allowed: 1 to 24 characters of a-z, 0-9 and -, a letter first"),
        ({"fan_out_name": "a" * 25}, f"fan_out_name: got '{'a' * 25}', allowed: 1 to 24 characters of a-z, 0-9 and -, a letter first"),
        ({"queues": {}}, "queues: missing; use the name of a queue, or names, for at least one Region"),
        ({"queues": {"us-east-1": []}}, "queues.us-east-1: missing; use the name of a queue, or a list of names"),
        ({"queues": {"us-east-1": "a b"}}, "queues.us-east-1: got 'a b', allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _"),
        ({"queues": {"us-east-1": ["a", "a"]}}, "queues.us-east-1[1]: a is listed twice: list each name once"),
        ({"queues": {"europe": "a"}}, "queues.europe: got 'europe', allowed: a Region such as us-east-1"),
        ({"queues": {f"eu-west-{number}": "a" for number in range(1, 42)}}, "queues: got '41 Regions', allowed: at most 40 Regions"),
        ({"template": ""}, "template: the text is not JSON, Expecting value: line 1 column 1 (char 0): use the JSON text of a CreateTrainingJob or SubmitJob request"),
        ({"template": "[]"}, "template: got '[]', allowed: the JSON text of a CreateTrainingJob or SubmitJob request, an object"),
        ({"template": template(OutputDataConfig={"S3OutputPath": "s3://${bucket}/"})}, "template.OutputDataConfig.S3OutputPath: got '${bucket}', allowed: ${account}, ${data}, ${id}, ${image}, ${instance_count}, ${instance_type}, ${region}, ${role.search} or ${role}"),
        ({"template": template(RoleArn="${role.other}")}, "template.RoleArn: got '${role.other}', allowed: ${account}, ${data}, ${id}, ${image}, ${instance_count}, ${instance_type}, ${region}, ${role.search} or ${role}"),
        ({"template": template(RoleArn="arn:aws:iam::111122223333:role/admin")}, "template.RoleArn: got 'arn:aws:iam::111122223333:role/admin', allowed: ${role} or ${role.KEY}: the jobs get only roles of execution_roles"),
        ({"template": template(HyperParameters={"epochs": 10})}, "template.HyperParameters.epochs: got 10, allowed: a text"),
        ({"template": template(HyperParameters={"a": "${instance_count}"})}, "template.HyperParameters.a: got 1, allowed: a text"),
        ({"template": json.dumps(CONTAINERS)}, "template.jobDefinition: got 'train', allowed: an entry of job_definitions: none"),
        ({"template": json.dumps(CONTAINERS | {"jobName": "a"}), "job_definitions": ["train"]}, "template.jobName: the fan-out sets this member: remove it"),
        ({"query": " -- nothing\n/* at all */ ;"}, "query: got ' -- nothing\\n/* at all */ ;', allowed: the text of one SELECT of Athena"),
        ({"query": "DROP TABLE drives"}, "query: got 'DROP', allowed: the text of one SELECT of Athena, which begins with SELECT or WITH"),
        ({"query": f"SELECT '{'x' * 262_144}'"}, "query: got '262,153 bytes', allowed: at most 262,144 bytes"),
        ({"query": "SELECT 1", "query_databases": ["a-b"]}, "query_databases[0]: got 'a-b', allowed: the name of a Glue database, 1 to 255 characters of a-z, 0-9 and _"),
        ({"query": "SELECT 1", "query_table_buckets": ["s3tablescatalog/drives"]}, "query_table_buckets[0]: got 's3tablescatalog/drives', allowed: the name of an S3 table bucket, 3 to 63 characters of a-z, 0-9 and -"),
        ({"query": "SELECT 1", "query_table_buckets": "drives"}, "query_table_buckets: got 'drives', allowed: a list of names of S3 table buckets"),
        ({"query": "SELECT 1", "query_catalogs": ["sales*"]}, "query_catalogs[0]: got 'sales*', allowed: the name of a catalog of AWS Glue in a-z, 0-9, - and _, with / before the name of a nested one"),
        ({"query": "SELECT 1", "query_catalogs": ["sales/"]}, "query_catalogs[0]: got 'sales/', allowed: the name of a catalog of AWS Glue in a-z, 0-9, - and _, with / before the name of a nested one"),
        ({"query": "SELECT 1", "query_connectors": ["sales"]}, "query_connectors: got ['sales'], allowed: a mapping of the names of data catalogs of Athena to the Lambda functions of their connectors"),
        ({"query": "SELECT 1", "query_connectors": {"my sales": "sales"}}, 'query_connectors."my sales": got \'my sales\', allowed: the name of a data catalog of Athena as key, 1 to 127 characters of A-Z, a-z, 0-9, _, @ and -'),
        ({"query": "SELECT 1", "query_connectors": {"sales": "*"}}, "query_connectors.sales: got '*', allowed: the name or the ARN of a Lambda function"),
        ({"query": "SELECT 1", "query_connectors": {"sales": "arn:aws:lambda:us-east-1:111122223333:function:*"}}, "query_connectors.sales: got 'arn:aws:lambda:us-east-1:111122223333:function:*', allowed: the name or the ARN of a Lambda function"),
        ({"query": "SELECT 1", "query_connectors": {"sales": f"{Aws.STACK_NAME}*"}}, "query_connectors.sales: got a value known only at deployment, allowed: the name or the ARN of a Lambda function"),
        ({"query": "SELECT 1", "query_connectors": {"sales": "a"}, "query_spill": ["s3://spill"]}, "query_spill[0]: got 's3://spill', allowed: the S3 URI of a prefix in ASCII, without *, ? and $, with / at the end, such as s3://datasets/imagenet/"),
        ({"query": "SELECT 1", "query_databases": ["a", "a"]}, "query_databases[1]: a is listed twice: list each name once"),
        ({"query": "SELECT 1", "query_table_buckets": ["drives", "drives"]}, "query_table_buckets[1]: drives is listed twice: list each name once"),
        ({"query": "SELECT 1", "query_data": ["s3://a-b/", "s3://a-b/"]}, "query_data[1]: s3://a-b/ is listed twice: list each prefix once"),
        ({"query": "SELECT 1", "query_connectors": {"sales": CONNECTOR.replace("us-east-1", "eu-west-1")}}, "query_connectors.sales: the function is in Region eu-west-1: use a function in Region us-east-1, where the query runs"),
        ({"query": "SELECT 1", "query_connectors": {"sales": CONNECTOR.replace("aws:", "aws-cn:").replace("us-east-1", "cn-north-1")}}, "query_connectors.sales: the function is in Region cn-north-1: use a function in Region us-east-1, where the query runs"),
        ({"query": "SELECT 1", "query_spill": ["s3://spill/"]}, "query_spill: query_spill requires query_connectors: add query_connectors or remove query_spill"),
        ({"query_catalogs": ["sales"]}, "query_catalogs: query_catalogs requires query: add query or remove query_catalogs"),
        ({"query": "SELECT 1", "schedule": "daily"}, "schedule: got 'daily', allowed: a schedule expression, for example rate(1 day), rate(6 hours) or cron(0 6 * * ? *)"),
        ({"schedule": "rate(1 day)"}, "schedule: schedule requires query: add query or remove schedule"),
        ({"placement": ["cheapest"]}, "placement[0]: got 'cheapest', allowed: reserved, idle, spot-score or price"),
        ({"placement": ["price", "price"]}, "placement[1]: price is listed twice: list each step once"),
        ({"residency": {"drives": ["us-east-1"]}}, "residency.drives: got 'drives', allowed: the S3 URI of a prefix in ASCII, without *, ? and $, with / at the end, such as s3://datasets/imagenet/"),
        ({"residency": {"s3://drives/": ["europe", "us-east-1"]}}, 'residency."s3://drives/"[0]: got \'europe\', allowed: a Region such as us-east-1'),
        ({"residency": {"s3://drives/": ["eu-north-1"]}}, 'residency."s3://drives/": no Region of the prefix has a queue, so that no line with its data could run: add a queue'),
        ({"copy_from": ["s3://drives/"]}, "copy_from: copies need copy_to, too: add copy_to or remove copy_from"),
        ({"encryption_key": KEY.replace("us-east-1", "eu-west-1")}, "encryption_key: the key is in Region eu-west-1: use a key in Region us-east-1, where the bucket and the ledger are"),
        ({"query": "SELECT 1", "query_databases": "drives"}, "query_databases: got 'drives', allowed: a list of names of Glue databases"),
        ({"query": "SELECT 1", "query_databases": None}, "query_databases: missing; use a list of names of Glue databases"),
        ({"query": "SELECT 1", "query_databases": 5}, "query_databases: got 5, allowed: a list of names of Glue databases"),
        ({"query": "SELECT 1", "query_databases": [5]}, "query_databases[0]: got 5, allowed: a list of names of Glue databases"),
        ({"execution_roles": ["search"]}, "execution_roles: got ['search'], allowed: a mapping of keys to IAM roles"),
        ({"execution_roles": "search"}, "execution_roles: got 'search', allowed: a mapping of keys to IAM roles"),
        ({"execution_roles": {"search": "arn:aws:iam::111122223333:role/a"}}, "execution_roles.search: got 'arn:aws:iam::111122223333:role/a', allowed: an IAM role, for example Role.from_role_arn(...)"),
        ({"execution_roles": {"search": None}}, "execution_roles.search: missing; use an IAM role, for example Role.from_role_arn(...)"),
        ({"store": "x"}, "store: got 'x', allowed: a SweepStore, or SweepStore.from_bucket_name(...)"),
        ({"residency": ["x"]}, "residency: got ['x'], allowed: a mapping of the S3 URIs of prefixes to lists of Regions"),
        ({"residency": {"s3://a-b/": 5}}, 'residency."s3://a-b/": got 5, allowed: a list of one or more Regions'),
        ({"residency": {"s3://a-b/": []}}, 'residency."s3://a-b/": missing; use a list of one or more Regions'),
        ({"residency": {"s3://a-b/": [["us-east-1"]]}}, 'residency."s3://a-b/"[0]: got [\'us-east-1\'], allowed: a list of one or more Regions'),
        ({"namespace": 5}, f"namespace: got 5, allowed: {NAMESPACE}"),
        ({"namespace": ""}, f"namespace: got '', allowed: {NAMESPACE}"),
        ({"namespace": "AWS/x"}, f"namespace: got 'AWS/x', allowed: {NAMESPACE}"),
        ({"template": '{"a":' * 100_000}, "template: the text is nested more than 50 levels deep: use the JSON text of a CreateTrainingJob or SubmitJob request"),
        ({"template": '{"a":' * 51 + "1" + "}" * 51}, "template: the text is nested more than 50 levels deep: use the JSON text of a CreateTrainingJob or SubmitJob request"),
        ({"template": '{"a":' * 900 + "1" + "}" * 900}, "template: the text is nested more than 50 levels deep: use the JSON text of a CreateTrainingJob or SubmitJob request"),
        ({"query": "SELECT 1; DROP TABLE drives"}, "query: a ; stands before the end: use the text of one SELECT of Athena"),
        ({"query": "SELECT '--'; DROP TABLE drives --'"}, "query: a ; stands before the end: use the text of one SELECT of Athena"),
        ({"query": "SELECT 1\nFROM a WHERE b = 'it''s"}, "query: the text that begins with ' in line 2 has no end: close it"),
        ({"query": 'SELECT "a FROM b'}, 'query: the name that begins with " in line 1 has no end: close it'),
        ({"query": "SELECT 1 /* all"}, "query: the comment that begins with /* in line 1 has no end: close it"),
        ({"query": "'SELECT' 1"}, "query: got \"''\", allowed: the text of one SELECT of Athena, which begins with SELECT or WITH"),
    ],
)  # fmt: skip
def test_each_mistake_is_a_problem(stack: Stack, changes: dict[str, Any], problem: str) -> None:
    assert problems_of(lambda: fan_out(stack, **changes)) == [problem]


UNKNOWN = "the text is known at deployment only: use a text that is known at synth"


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"queues": {Aws.REGION: "a", "us-east-1": ["a", Aws.REGION]}}, ['queues."<token>"', "queues.us-east-1[1]"]),
        ({"template": template(OutputDataConfig={"S3OutputPath": f"s3://{Aws.ACCOUNT_ID}/"})}, ["template"]),
        ({"query": f"SELECT * FROM {Aws.STACK_NAME}"}, ["query"]),
        ({"residency": {f"s3://{Aws.ACCOUNT_ID}/": ["us-east-1"]}}, ['residency."<token>"']),
        ({"residency": {"s3://a-b/": ["us-east-1", Aws.REGION]}}, ['residency."s3://a-b/"[1]']),
        ({"job_definitions": ["train", Aws.STACK_NAME]}, ["job_definitions[1]"]),
        ({"job_definitions": Fn.split(",", Aws.STACK_NAME)}, ["job_definitions"]),
        ({"copy_from": ["s3://a-b/"], "copy_to": [f"s3://{Aws.ACCOUNT_ID}/"]}, ["copy_to[0]"]),
        ({"copy_from": [f"s3://{Aws.ACCOUNT_ID}/"], "copy_to": ["s3://a-b/"]}, ["copy_from[0]"]),
    ],
)  # fmt: skip
def test_the_configuration_has_no_tokens(stack: Stack, changes: dict[str, Any], fields: list[str]) -> None:
    problems = [problem for problem in problems_of(lambda: fan_out(stack, **changes)) if UNKNOWN in problem]
    assert problems == [f"{field}: {UNKNOWN}" for field in fields]


def test_the_home_region_is_known_at_synth() -> None:
    problems = problems_of(lambda: fan_out(Stack(App(), "Stack")))
    assert problems == ["scope: the stack has no Region: set env=Environment(region=...)"]


def test_all_mistakes_are_in_one_error(stack: Stack) -> None:
    mistakes: dict[str, Any] = {
        "fan_out_name": "A",
        "queues": {"europe": "a b"},
        "template": "{",
        "query": "",
        "schedule": "daily",
        "placement": ["cheapest"],
        "tags": {"aws:any": "1"},
    }
    fields = [problem.split(":")[0] for problem in problems_of(lambda: fan_out(stack, **mistakes))]
    expected = [
        "fan_out_name",
        "queues.europe",
        "queues.europe",
        "query",
        "schedule",
        "placement[0]",
        'tags."aws',
        "template",
    ]
    assert fields == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"template": template(ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 15, "VolumeSizeInGB": 1})},
        {"template": template(RoleArn="${role.search}", Tags=[{"Key": "team", "Value": "${id}"}])},
        {"template": json.dumps(CONTAINERS), "job_definitions": ["train"], "execution_roles": {}},
        {"query": "-- all\nWITH a AS (SELECT 1) SELECT * FROM a;", "schedule": "cron(0 6 * * ? *)"},
        {"placement": []},
        {"query": "( (SELECT 'a;b', \"c;d\" -- it's; all\n FROM a /* ' ; */) UNION SELECT '/*', '--', '' FROM b) ; -- end"},
        {"queues": {"us-east-1": ("a", "b")}, "residency": {"s3://drives/": ["us-east-1", "eu-north-1"]}},
    ],
)  # fmt: skip
def test_correct_settings_are_taken(stack: Stack, changes: dict[str, Any]) -> None:
    fan_out(stack, **changes)


def test_members_of_the_request_are_checked_only_with_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    text = template(StoppingCondition={"MaxRuntimeInSeconds": 0})
    assert len(list(template_rules.template_problems(text, ["search"], []))) == 1
    monkeypatch.setattr(template_rules, "find_spec", lambda _: None)
    assert list(template_rules.template_problems(text, ["search"], [])) == []
    assert len(list(template_rules.template_problems(text.replace("${id}", "${ID}"), ["search"], []))) == 1


def test_deep_templates_have_no_job_definition() -> None:
    assert template_rules.container_definition('{"a":' * 100_000) is None


def test_names_of_a_region_are_unique(stack: Stack) -> None:
    fan_out(stack)
    assert problems_of(
        lambda: TrainingFanOut(stack, "Other", fan_out_name="campaigns", queues={"us-east-1": "a"}, template="{")
    )[-1].startswith("fan_out_name: Stack/FanOut already has the name")
    assert problems_of(
        lambda: TrainingFanOutRegion(stack, "Region", fan_out_name="campaigns", home_region="europe")
    ) == [
        "home_region: got 'europe', allowed: a Region such as us-east-1",
        "fan_out_name: Stack/FanOut/Region already has the name 'campaigns': use another name",
    ]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_sweep_store_cannot_have_the_workgroup_of_a_fan_out(stack: Stack, is_first: bool) -> None:
    builds: list[Callable[[], object]] = [
        lambda: SweepStore(stack, "Store", store_name="fan-out-campaigns"),
        lambda: fan_out(stack),
    ]
    first, second = builds if is_first else reversed(builds)
    first()
    owner, field = ("Store", "fan_out_name") if is_first else ("FanOut", "store_name")
    sentence = f"{field}: Stack/{owner} already has the name 'fairlane-fan-out-campaigns': use another name"
    assert problems_of(second) == [sentence]


CONNECTORS = {f"catalog-{number}": "connector" for number in range(10_000)}


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("query_databases", {"query_databases": [f"drives_{number}" for number in range(10_000)]}),
        ("query_data", {"query_data": [f"s3://drives-{number}/" for number in range(10_000)]}),
        ("query_table_buckets", {"query_table_buckets": [f"drives-{number}" for number in range(10_000)]}),
        ("query_catalogs", {"query_catalogs": [f"drives/{number}" for number in range(10_000)]}),
        ("query_connectors", {"query_connectors": CONNECTORS}),
        ("query_spill", {"query_connectors": {"sales": "a"}, "query_spill": [f"s3://a-b/{n}/" for n in range(10_000)]}),
        ("copy_from", {"copy_from": [f"s3://a-b/{n}/" for n in range(90)], "copy_to": ["s3://drives/"]}),
        ("copy_to", {"copy_to": [f"s3://a-b/{n}/" for n in range(90)], "copy_from": ["s3://drives/"]}),
        ("job_definitions", {"job_definitions": [f"train-{number}" for number in range(200)]}),
    ],
)
def test_the_longest_list_of_names_has_the_problem(stack: Stack, field: str, changes: dict[str, Any]) -> None:
    (problem,) = problems_of(lambda: fan_out(stack, query="SELECT 1", **changes))
    assert problem.startswith(f"{field}: the names take ")


def test_names_that_do_not_fit_into_a_policy_are_refused(stack: Stack) -> None:
    queues = {f"eu-west-{number}": [f"{'q' * 100}{index}" for index in range(3)] for number in range(1, 21)}
    (problem,) = problems_of(lambda: fan_out(stack, queues=queues))
    assert problem.startswith("queues: the names take 12,")
    assert "at most 9,840 fit" in problem


def test_the_configuration_has_names_only() -> None:
    spec = fan_out_rules.FanOutSpec(
        queues={"us-east-1": "a", "eu-west-1": ["b", "c"]},
        execution_roles=["search"],
        template="{}",
        residency={"s3://drives/": ("eu-west-1",)},
    )
    assert json.loads(json.dumps(spec.config("campaigns", "us-east-1"))) == {
        "name": "campaigns",
        "home": "us-east-1",
        "template": "{}",
        "query": None,
        "regions": {"us-east-1": {"queues": ["a"]}, "eu-west-1": {"queues": ["b", "c"]}},
        "placement": ["reserved", "idle", "spot-score", "price"],
        "residency": {"s3://drives/": ["eu-west-1"]},
        "job_definitions": [],
        "copy_from": [],
        "copy_to": [],
    }
