"""Policies of VPC endpoints, with an evaluator of IAM policies, from Python and from an environment file."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import App, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from fairlane import ConfigurationError, EndpointPolicies, TrainingVpc
from fairlane.environment import load_environment
from fairlane_stacks import build_stacks
from tests import cfn_lint
from tests.iam_evaluator import is_allowed
from tests.support import problems_of, recommended_flags, template_of

OWN, FRIEND, STRANGER = "111122223333", "444455556666", "999999999999"
ORGANIZATION, OTHER_ORGANIZATION = "o-a1b2c3d4e5", "o-zzzzzzzzzz"
MEMBER = "777788889999"
ORGANIZATIONS = {OWN: ORGANIZATION, MEMBER: ORGANIZATION, STRANGER: OTHER_ORGANIZATION}
ENVIRONMENT = cdk.Environment(account=OWN, region="us-east-1")
SERVICES = ["ecr.api", "ecr.dkr", "ecs", "logs", "monitoring", "s3", "secretsmanager", "sts"]
WITHOUT_POLICIES = ["ecs-agent", "ecs-telemetry"]


def resolved(value: Any) -> Any:
    match value:
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(resolved, parts))
        case dict():
            return {key: resolved(item) for key, item in value.items()}
        case list():
            return [resolved(item) for item in value]
        case _:
            return value


def policies_of(stack: Stack) -> dict[str, Any]:
    """Return the policy of each endpoint by its service, None for an endpoint without a policy."""
    endpoints = [
        resource["Properties"]
        for resource in template_of(stack)["Resources"].values()
        if resource["Type"] == "AWS::EC2::VPCEndpoint"
    ]
    return {
        endpoint["ServiceName"].partition("us-east-1.")[2]: resolved(endpoint.get("PolicyDocument"))
        for endpoint in endpoints
    }


def build(endpoint_policies: EndpointPolicies | None) -> dict[str, Any]:
    stack = Stack(App(), "Stack", env=ENVIRONMENT)
    TrainingVpc(stack, "Network", endpoint_policies=endpoint_policies)
    return policies_of(stack)


def build_from_file(folder: Path, endpoint_policies: str) -> dict[str, Any]:
    path = folder / "prod.yaml"
    path.write_text(f"""
region: us-east-1
account: "{OWN}"
network:
  endpoint_policies: {endpoint_policies}
compute_environments:
  g5: {{instance_types: [g5.12xlarge], max_gpus: 16}}
""")
    (stack,) = build_stacks(App(), "prod", load_environment(path))
    return policies_of(stack)


def allows(policy: dict[str, Any], action: str, resource: str, principal: str | None, owner: str) -> bool:
    """Return True if the policy allows a request by a principal of an account, or without credentials."""
    statements = []
    for statement in policy["Statement"]:
        assert statement["Principal"] == "*"
        statements.append({key: value for key, value in statement.items() if key != "Principal"})
    context = {"aws:ResourceAccount": owner}
    if owner in ORGANIZATIONS:
        context["aws:ResourceOrgID"] = ORGANIZATIONS[owner]
    if principal:
        context |= {"aws:PrincipalAccount": principal, "aws:PrincipalIsAWSService": "false"}
        if principal in ORGANIZATIONS:
            context["aws:PrincipalOrgID"] = ORGANIZATIONS[principal]
    return is_allowed(statements, action, [resource], dict(context))


def test_without_limits_the_endpoints_have_no_policies() -> None:
    assert build(None) == dict.fromkeys([*SERVICES, *WITHOUT_POLICIES])


@pytest.mark.parametrize(
    ("limits", "in_file", "trusted"),
    [
        ({}, "{}", {OWN}),
        ({"accounts": [FRIEND]}, f'{{accounts: ["{FRIEND}"]}}', {OWN, FRIEND}),
        ({"organization": ORGANIZATION}, f"{{organization: {ORGANIZATION}}}", {OWN, MEMBER}),
        (
            {"organization": ORGANIZATION, "accounts": [FRIEND]},
            f'{{organization: {ORGANIZATION}, accounts: ["{FRIEND}"]}}',
            {OWN, MEMBER, FRIEND},
        ),
    ],
)
def test_only_principals_of_trusted_accounts_reach_resources_of_trusted_accounts(
    tmp_path: Path, limits: dict[str, Any], in_file: str, trusted: set[str]
) -> None:
    policies = build(EndpointPolicies(**limits))
    assert build_from_file(tmp_path, in_file) == policies
    assert {service for service, policy in policies.items() if policy is None} == set(WITHOUT_POLICIES)
    requests = {
        "ecr.api": ("ecr:BatchGetImage", "arn:aws:ecr:us-east-1:{}:repository/train"),
        "ecs": ("ecs:RegisterContainerInstance", "arn:aws:ecs:us-east-1:{}:cluster/batch"),
        "logs": ("logs:PutLogEvents", "arn:aws:logs:us-east-1:{}:log-group:x:log-stream:y"),
        "monitoring": ("cloudwatch:PutMetricData", "*"),
        "s3": ("s3:PutObject", "arn:aws:s3:::data/x"),
        "secretsmanager": ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:{}:secret:x"),
        "sts": ("sts:AssumeRole", "arn:aws:iam::{}:role/x"),
    }
    for service, (action, resource) in requests.items():
        for principal in (OWN, FRIEND, MEMBER, STRANGER, None):
            for owner in (OWN, FRIEND, MEMBER, STRANGER):
                answer = allows(policies[service], action, resource.format(owner), principal, owner)
                assert answer is ({principal, owner} <= trusted), (service, principal, owner)


def test_the_endpoint_of_s3_allows_only_the_given_buckets(tmp_path: Path) -> None:
    policies = build(EndpointPolicies(buckets=["datasets", "public.data"]))
    assert build_from_file(tmp_path, "{buckets: [datasets, public.data]}") == policies
    s3 = policies["s3"]
    for owner in (OWN, STRANGER):
        assert allows(s3, "s3:GetObject", "arn:aws:s3:::datasets/x", OWN, owner)
        assert allows(s3, "s3:ListBucket", "arn:aws:s3:::public.data", OWN, owner)
        assert not allows(s3, "s3:GetObject", "arn:aws:s3:::datasets-2/x", OWN, owner)
        assert not allows(s3, "s3:PutObject", "arn:aws:s3:::publicxdata/x", OWN, owner)
        assert not allows(s3, "s3:PutObject", "arn:aws:s3:::datasets/x", STRANGER, owner)
    assert policies["logs"] == build(EndpointPolicies())["logs"]
    assert not allows(build(EndpointPolicies(buckets=[]))["s3"], "s3:GetObject", "arn:aws:s3:::datasets/x", OWN, OWN)


@pytest.mark.parametrize(
    "limits", [EndpointPolicies(), EndpointPolicies(organization=ORGANIZATION), EndpointPolicies(buckets=["datasets"])]
)
def test_images_packages_and_aws_services_are_always_reachable(limits: EndpointPolicies) -> None:
    policies = build(limits)
    layers = "arn:aws:s3:::prod-us-east-1-starport-layer-bucket"
    packages = "arn:aws:s3:::al2023-repos-us-east-1-de612dc2"
    for bucket in (layers, packages):
        assert allows(policies["s3"], "s3:GetObject", f"{bucket}/x", STRANGER, STRANGER)
        assert allows(policies["s3"], "s3:GetObject", f"{bucket}/x", None, STRANGER)
        assert not allows(policies["s3"], "s3:PutObject", f"{bucket}/x", STRANGER, STRANGER)
    service: dict[str, Any] = {"aws:PrincipalIsAWSService": "true"}
    statements = [{key: value for key, value in s.items() if key != "Principal"} for s in policies["s3"]["Statement"]]
    assert is_allowed(statements, "s3:PutObject", ["arn:aws:s3:::any/x"], service)


def test_all_mistakes_are_reported_at_once() -> None:
    stack = Stack(App(), "Stack", env=ENVIRONMENT)
    policies = EndpointPolicies(
        organization="o-1",
        accounts=[FRIEND, "1234", FRIEND, "\u0661" * 12],
        buckets=["s3://datasets", "data*", "ok-bucket", "*${Token[TOKEN.1]}"],
    )
    problems = problems_of(lambda: TrainingVpc(stack, "Network", nat_gateways=-1, endpoint_policies=policies))
    assert [problem.partition(":")[0] for problem in problems] == [
        "nat_gateways",
        "endpoint_policies.organization",
        *[f"endpoint_policies.accounts[{index}]" for index in (1, 2, 3)],
        *[f"endpoint_policies.buckets[{index}]" for index in (0, 1, 3)],
    ]
    assert problems[3] == f"endpoint_policies.accounts[2]: {FRIEND} is listed twice: list each account once"
    assert stack.node.children == []
    mapping: Any = {"accounts": []}
    (problem,) = problems_of(lambda: TrainingVpc(stack, "Network", endpoint_policies=mapping))
    assert problem == "endpoint_policies: got {'accounts': []}, allowed: an EndpointPolicies"
    text: Any = "datasets"
    fields = [problem.field for problem in EndpointPolicies(accounts=text, buckets=text).problems()]
    assert fields == [("accounts",), ("buckets",)]


def test_a_policy_with_too_many_characters_is_refused() -> None:
    (problem,) = EndpointPolicies(buckets=[f"{'x' * 50}{number}" for number in range(200)]).problems()
    assert str(problem).startswith("buckets: the policy of the endpoint of S3 has ")
    assert list(EndpointPolicies(buckets=[f"bucket-{number}" for number in range(200)]).problems()) == []
    (problem,) = EndpointPolicies(accounts=[f"{number:012}" for number in range(1_500)]).problems()
    assert str(problem).startswith("accounts: the policy of the endpoint of S3 has ")


def test_the_policies_of_all_endpoints_are_measured() -> None:
    accounts = [f"{number:012}" for number in range(400)]
    limits = EndpointPolicies(organization="o-a1b2c3d4e5", accounts=accounts, buckets=["datasets"])
    (problem,) = limits.problems()

    assert problem.field == ("accounts",)
    assert "the policy of the other endpoints has" in str(problem)


def test_mistakes_in_a_file_have_their_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        build_from_file(tmp_path, "{organization: x, accounts: [12], buckets: [s3://x], bucket: y}")
    fields = [str(problem).split(": ")[0].split(", ")[1] for problem in raised.value.problems]
    keys = ("accounts[0]", "bucket", "buckets[0]", "organization")
    assert sorted(fields) == [f"network.endpoint_policies.{key}" for key in keys]


def test_a_job_with_a_bucket_that_its_network_does_not_allow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prod.yaml"
    text = """
region: us-east-1
network:
  endpoint_policies: {buckets: [datasets]}
compute_environments:
  g5: {instance_types: [g5.12xlarge], max_gpus: 16}
job_definitions:
  train:
    image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1
    instance_type: g5.12xlarge
    read: [s3://datasets/x/, s3://other/]
    write: [s3://models/x/]
"""
    path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        load_environment(path)
    sentence = "the endpoint policies of the network do not allow bucket {}: add it to their buckets"
    assert [str(problem) for problem in raised.value.problems] == [
        f"line 11, job_definitions.train.read[1]: {sentence.format('other')}",
        f"line 12, job_definitions.train.write[0]: {sentence.format('models')}",
    ]
    path.write_text(text.replace("{buckets: [datasets]}", "{}"))
    load_environment(path)


@pytest.mark.parametrize("account", [OWN, None])
def test_cdk_nag_and_cfn_lint_have_no_findings(account: str | None) -> None:
    app = App(context=recommended_flags())
    stack = Stack(app, "Stack", env=cdk.Environment(account=account, region="us-east-1"))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    policies = EndpointPolicies(
        organization=ORGANIZATION, accounts=[FRIEND, cdk.Fn.import_value("account")], buckets=["datasets"]
    )
    TrainingVpc(stack, "Network", endpoint_policies=policies)
    app.synth()
    assert cfn_lint.findings(template_of(stack)) == []
