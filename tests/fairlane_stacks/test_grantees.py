"""Permissions of submitters, managers and observers of an environment file."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks

from fairlane import ConfigurationError
from fairlane.environment import Environment, load_environment
from fairlane_stacks import build_stacks, check_policy_sizes
from tests.iam.roles import Deployment
from tests.iam_evaluator import Request, Statement, allowed
from tests.support import recommended_flags, template_of

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/teams/vision"
BATCH = f"arn:aws:batch:us-east-1:{ACCOUNT}"
FILE = f"""
region: us-east-1
account: "{ACCOUNT}"
execution_roles: {{search: {{}}, other: {{}}, private: {{}}}}
network: {{}}
compute_environments: {{g5: {{instance_types: [g5.12xlarge], max_gpus: 16}}}}
job_definitions:
  train: &job
    image: {ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/training:1
    command: [train]
    instance_type: g5.12xlarge
    gpus: 1
    queues: [containers]
  test: *job
  other: {{<<: *job, queues: [other]}}
queues:
  fair:
    capacity: 4
    scheduling: {{policy: fair-share, proportions: {{vision: 2, language: 1}}}}
    submitters:
      vision: {{role: "{ROLE}", shares: [vision], max_priority: 50, execution_roles: [search, other]}}
    observers: {{all: {{managed_policy_name: readers}}}}
  quotas:
    capacity: {{ml.p5.48xlarge: 2}}
    scheduling:
      policy: quota-management
      shares:
        a: {{capacity: {{ml.p5.48xlarge: 1}}, sharing: LEND}}
        b: {{capacity: {{ml.p5.48xlarge: 1}}, sharing: LEND}}
    submitters:
      small: {{managed_policy_name: quotas, shares: [a], max_priority: 10}}
      large: {{managed_policy_name: quotas, shares: [b], max_priority: 90}}
    managers: {{admin: {{managed_policy_name: managers, max_priority: 100}}}}
  containers:
    compute_environments: [g5]
    scheduling: {{policy: fair-share, proportions: {{vision: 1, language: 1}}}}
    submitters:
      one: {{managed_policy_name: one, shares: [vision], job_definitions: [train]}}
      all: {{managed_policy_name: all}}
    managers: {{admin: {{managed_policy_name: managers}}}}
    observers: {{all: {{managed_policy_name: readers}}}}
  other: {{compute_environments: [g5], scheduling: {{policy: fifo}}}}
regions:
  eu-west-1:
    queues:
      fifo: {{capacity: 1, scheduling: {{policy: fifo}}, submitters: {{vision: {{role: "{ROLE}"}}}}}}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    path = tmp_path_factory.mktemp("environments") / "people.yaml"
    path.write_text(FILE)
    return load_environment(path)


@pytest.fixture(scope="module")
def app(environment: Environment) -> cdk.App:
    app = cdk.App(context=recommended_flags())
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    build_stacks(app, "people", environment)
    return app


@pytest.fixture(scope="module")
def statements(app: cdk.App) -> dict[str, tuple[Statement, ...]]:
    """Return the statements of each grantee of the home Region, by the path of its construct."""
    home = next(each for each in Deployment.all_of(app) if each.region == "us-east-1")
    return {role.path.split("/")[2]: role.statements for role in home.grantees()}


def outcomes(statements: tuple[Statement, ...], *requests: tuple[Any, ...]) -> str:
    """Return for each request whether it is allowed, + or -."""
    results = allowed(statements, [Request(*request) for request in requests])
    return "".join("+" if result else "-" for result in results)


def submission(queue: str, priority: str, share: str = "") -> list[tuple[str, str, dict[str, str]]]:
    """Return the requests of a submission with a share identifier, or without one."""
    context = {"batch:SchedulingPriority": priority} | ({"batch:ShareIdentifier": share} if share else {})
    arns = (f"{BATCH}:job-queue/{queue}", f"{BATCH}:service-job/0")
    return [("batch:SubmitServiceJob", arn, context) for arn in arns]


def test_a_role_submits_to_its_share_with_its_priority_only(statements: dict[str, tuple[Statement, ...]]) -> None:
    own = statements["teams--vision"]
    assert outcomes(own, *submission("fair", "50", "vision")) == "++"
    for queue, priority, share in (("fair", "51", "vision"), ("fair", "1", "language"), ("fair", "1", "")):
        assert "-" in outcomes(own, *submission(queue, priority, share)), (queue, priority, share)
    assert outcomes(own, *submission("quotas", "1", "vision")) == "-+"
    roles = (f"arn:aws:iam::{ACCOUNT}:role/ExecutionRoles{name}" for name in ("search", "other", "private"))
    arns = [arn for prefix in roles for arn in _matching(own, prefix) or [prefix]]
    to_sagemaker, to_ec2 = ({"iam:PassedToService": f"{service}.amazonaws.com"} for service in ("sagemaker", "ec2"))
    assert outcomes(own, *(("iam:PassRole", arn, to_sagemaker) for arn in arns)) == "++-"
    assert outcomes(own, *(("iam:PassRole", arn, to_ec2) for arn in arns)) == "---"
    others = ("batch:TerminateServiceJob", f"{BATCH}:service-job/0"), ("batch:ListServiceJobs", "*")
    assert outcomes(own, *others, ("batch:UpdateJobQueue", f"{BATCH}:job-queue/fair")) == "---"


def _matching(statements: tuple[Statement, ...], prefix: str) -> list[str]:
    """Return the resources of statements that start with a prefix."""
    resources = [statement["Resource"] for statement in statements]
    listed = [arn for resource in resources for arn in (resource if isinstance(resource, list) else [resource])]
    return [arn for arn in listed if arn.startswith(prefix)]


def test_entries_of_one_policy_keep_the_priority_of_each_quota_share(
    statements: dict[str, tuple[Statement, ...]],
) -> None:
    for share, ceiling in (("a", 10), ("b", 90)):
        for priority, expected in ((ceiling, "+"), (ceiling + 1, "-")):
            context = {"batch:SchedulingPriority": str(priority)}
            request = ("batch:SubmitServiceJob", f"{BATCH}:job-queue/quotas/quota-share/{share}", context)
            assert outcomes(statements["quotas"], request) == expected, (share, priority)
    assert outcomes(statements["quotas"], *submission("quotas", "90")) == "++"
    assert "-" in outcomes(statements["quotas"], *submission("quotas", "91"))


def test_submitters_of_containers_have_their_shares_and_job_definitions(
    statements: dict[str, tuple[Statement, ...]],
) -> None:
    def requests(share: str, *definitions: str) -> list[tuple[str, str, dict[str, str]]]:
        arns = ["job-queue/containers", "job/0", *(f"job-definition/{name}:1" for name in definitions)]
        return [("batch:SubmitJob", f"{BATCH}:{arn}", {"batch:ShareIdentifier": share}) for arn in arns]

    assert outcomes(statements["one"], *requests("vision", "train", "test", "other")) == "+++--"
    assert "-" in outcomes(statements["one"], *requests("language", "train"))
    assert outcomes(statements["all"], *requests("language", "train", "test", "other")) == "++++-"
    assert outcomes(statements["all"], ("batch:SubmitJob", f"{BATCH}:job-queue/other")) == "-"


def test_an_observer_reads_only(statements: dict[str, tuple[Statement, ...]]) -> None:
    reads = [
        (f"batch:{action}", "*") for action in ("ListServiceJobs", "DescribeServiceJob", "ListJobs", "DescribeJobs")
    ]
    snapshots = [("batch:GetJobQueueSnapshot", f"{BATCH}:job-queue/{name}") for name in ("fair", "containers", "other")]
    assert outcomes(statements["readers"], *reads, *snapshots) == "++++++-"
    writes = [
        *submission("fair", "1", "vision"),
        ("batch:SubmitJob", f"{BATCH}:job-queue/containers"),
        ("batch:TerminateJob", f"{BATCH}:job/0"),
        ("batch:TerminateServiceJob", f"{BATCH}:service-job/0"),
    ]
    assert outcomes(statements["readers"], *writes) == "-----"


def test_a_manager_stops_jobs_and_sets_priorities_up_to_a_limit(statements: dict[str, tuple[Statement, ...]]) -> None:
    update = ("batch:UpdateServiceJob", f"{BATCH}:service-job/0")
    priorities = [(*update, {"batch:SchedulingPriority": priority}) for priority in ("100", "101")]
    stops = [("batch:TerminateServiceJob", f"{BATCH}:service-job/0"), ("batch:CancelJob", f"{BATCH}:job/0")]
    assert outcomes(statements["managers"], *priorities, *stops, *submission("fair", "1", "vision")) == "+-++--"


def test_a_role_has_one_policy_with_the_name_of_each_stack(app: cdk.App) -> None:
    policies = [
        (resource["Properties"]["PolicyName"], resource["Properties"]["Roles"])
        for stack in app.node.children
        if isinstance(stack, cdk.Stack)
        for resource in template_of(stack)["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy" and "vision" in resource["Properties"]["Roles"]
    ]
    assert policies == [(f"fairlane-people-{part}training", ["vision"]) for part in ("", "eu-west-1-")]


def test_cdk_nag_and_the_grants_accept_the_stacks(app: cdk.App) -> None:
    app.synth()
    for stack in app.node.children:
        if isinstance(stack, cdk.Stack):
            assert Annotations.from_stack(stack).find_error("*", Match.any_value()) == []
            assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def _grown(entry: dict[str, Any], queues: int) -> cdk.App:
    """Return an app with more queues, each with the same submitter."""
    queue = {"capacity": 1, "scheduling": {"policy": "fifo"}, "submitters": {"a": entry}}
    settings = {"region": "us-east-1", "account": ACCOUNT}
    half = {f"{'queue' * 20}-{number}": queue for number in range(queues // 2)}
    app = cdk.App(context=recommended_flags())
    grown = Environment.model_validate({**settings, "queues": half, "regions": {"eu-west-1": {"queues": half}}})
    build_stacks(app, "grown", grown)
    return app


def test_policies_above_the_quotas_of_iam_are_refused() -> None:
    check_policy_sizes(_grown({"role": ROLE}, 30).synth())
    role = (
        r"the inline policies of role vision have about 1\d,\d{3} characters, and IAM accepts 10,240: use another role"
    )
    with pytest.raises(ConfigurationError, match=role):
        check_policy_sizes(_grown({"role": ROLE}, 70).synth())
    policy = r"the managed policy people has about [67],\d{3} characters, and IAM accepts 6,144: use another"
    with pytest.raises(ConfigurationError, match=policy):
        check_policy_sizes(_grown({"managed_policy_name": "people"}, 80).synth())
