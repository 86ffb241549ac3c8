"""Permissions of a fan-out, with an evaluator of IAM policies: each function, the grants, and what nobody may do."""

import pytest
from aws_cdk import Fn, Stack
from aws_cdk import aws_iam as iam

from tests.fairlane.fan_out.fan_outs import ACCOUNT, fan_out, full_fan_out
from tests.iam.roles import Deployment
from tests.iam_evaluator import Context, Request, Statement, allowed

REGIONS = ("us-east-1", "eu-west-1", "eu-north-1")
TO_SAGEMAKER = {"iam:PassedToService": "sagemaker.amazonaws.com"}


def statements(stack: Stack, role: str) -> list[Statement]:
    """Return the statements of a role by the beginning of its logical id."""
    found = [each for each in Deployment.of(stack).roles() if each.path.startswith(role)]
    assert len(found) == 1, [each.path for each in found]
    return list(found[0].statements)


def function(stack: Stack, name: str) -> list[Statement]:
    return statements(stack, f"FanOutFunctions{name}Role")


def may(granted: list[Statement], action: str, resource: str, context: Context | None = None) -> bool:
    return allowed(granted, [Request(action, resource, context or {})])[0]


def batch(region: str, resource: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:batch:{region}:{account}:{resource}"


def test_submit_reaches_the_named_queues_only(stack: Stack) -> None:
    full_fan_out(stack)
    submit = function(stack, "Submit")
    queues = {
        (region, queue): [
            may(submit, action, batch(region, f"job-queue/{queue}{ending}"))
            for action, ending in (
                ("batch:SubmitServiceJob", ""),
                ("batch:SubmitServiceJob", "/quota-share/a"),
                ("batch:SubmitJob", ""),
            )
        ]
        for region in REGIONS
        for queue in ("training-p4", "gpu", "training-p4-2", "other")
    }
    named = {("us-east-1", "training-p4"), ("eu-west-1", "training-p4"), ("eu-west-1", "gpu")}
    assert queues == {queue: [queue in named] * 3 for queue in queues}
    for region in REGIONS:
        is_own = region != "eu-north-1"
        assert may(submit, "batch:SubmitServiceJob", batch(region, "service-job/any")) == is_own
        assert may(submit, "batch:SubmitJob", batch(region, "job/any")) == is_own
        assert may(submit, "batch:SubmitJob", batch(region, "job-definition/train:7")) == is_own
        assert not may(submit, "batch:SubmitJob", batch(region, "job-definition/train-2:1"))
    foreign = batch("us-east-1", "job-queue/training-p4", "444455556666")
    assert not may(submit, "batch:SubmitServiceJob", foreign)


def test_without_job_definitions_no_container_runs(stack: Stack) -> None:
    fan_out(stack)
    submit = function(stack, "Submit")
    for resource in ("job-queue/training-p4", "job-definition/train:1", "job/any"):
        assert not may(submit, "batch:SubmitJob", batch("us-east-1", resource))


def test_submit_passes_the_named_roles_to_sagemaker_only(stack: Stack) -> None:
    full_fan_out(stack)
    deployment = Deployment.of(stack)
    roles = {role.path: role.arn for role in deployment.roles()} | {"other": f"arn:aws:iam::{ACCOUNT}:role/admin"}
    submit = function(stack, "Submit")
    passed = [path for path, arn in roles.items() if may(submit, "iam:PassRole", arn, TO_SAGEMAKER)]
    assert [path[:13] for path in passed] == ["ExecutionRole"]
    for service in ("ec2.amazonaws.com", "batchoperations.s3.amazonaws.com"):
        context = {"iam:PassedToService": service}
        assert not any(may(submit, "iam:PassRole", arn, context) for arn in roles.values())


def test_only_submit_can_submit_and_only_plan_can_copy(stack: Stack) -> None:
    full_fan_out(stack)
    deployment = Deployment.of(stack)
    queue, job = batch("us-east-1", "job-queue/training-p4"), batch("us-east-1", "service-job/any")
    for role in deployment.roles():
        name, granted = role.path, list(role.statements)
        for resource in (queue, job):
            assert may(granted, "batch:SubmitServiceJob", resource) == name.startswith("FanOutFunctionsSubmit"), name
        assert may(granted, "s3:CreateJob", "*") == name.startswith("FanOutFunctionsPlan"), name
        for action in ("batch:TerminateServiceJob", "sagemaker:StopTrainingJob", "ec2:CreateCapacityReservation"):
            resource = {"b": job, "s": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/a"}.get(action[0], "*")
            assert not may(granted, action, resource), name


def test_the_query_reads_the_named_sources_only(stack: Stack) -> None:
    full_fan_out(stack)
    here, other = f"us-east-1:{ACCOUNT}", "444455556666"
    glue, tables = f"arn:aws:glue:{here}", f"arn:aws:s3tables:{here}:bucket"
    connector = f"arn:aws:lambda:{here}:function"
    expected = {
        ("glue:GetCatalog", f"{glue}:catalog"): True,
        ("glue:GetCatalog", f"{glue}:catalog/s3tablescatalog"): True,
        ("glue:GetCatalog", f"{glue}:catalog/s3tablescatalog/drives"): True,
        ("glue:GetCatalog", f"{glue}:catalog/s3tablescatalog/drives-2"): False,
        ("glue:GetCatalog", f"{glue}:catalog/redshift"): True,
        ("glue:GetCatalog", f"{glue}:catalog/redshift/other"): False,
        ("glue:GetDatabase", f"{glue}:database/s3tablescatalog/drives/raw"): True,
        ("glue:GetDatabase", f"{glue}:database/s3tablescatalog/drives-2/raw"): False,
        ("glue:GetTable", f"{glue}:table/s3tablescatalog/drives/raw/campaigns"): True,
        ("glue:GetTable", f"{glue}:table/redshift/sales/public/orders"): True,
        ("glue:GetTable", f"{glue}:table/redshift/other/public/orders"): False,
        ("glue:GetTable", f"{glue}:table/other/campaigns"): False,
        ("glue:UpdateTable", f"{glue}:table/s3tablescatalog/drives/raw/campaigns"): False,
        ("s3tables:GetTableData", f"{tables}/drives/table/0"): True,
        ("s3tables:GetTableMetadataLocation", f"{tables}/drives/table/0"): True,
        ("s3tables:GetTableBucket", f"{tables}/drives"): True,
        ("s3tables:GetTableData", f"{tables}/drives-2/table/0"): False,
        ("s3tables:PutTableData", f"{tables}/drives/table/0"): False,
        ("lakeformation:GetDataAccess", "*"): True,
        ("athena:GetDataCatalog", f"arn:aws:athena:{here}:datacatalog/aurora"): True,
        ("athena:GetDataCatalog", f"arn:aws:athena:{here}:datacatalog/shared"): True,
        ("athena:GetDataCatalog", f"arn:aws:athena:{here}:datacatalog/other"): False,
        ("lambda:InvokeFunction", f"{connector}:aurora-connector"): True,
        ("lambda:InvokeFunction", f"{connector}:aurora"): False,
        ("lambda:InvokeFunction", f"{connector.replace(ACCOUNT, other)}:shared-connector:live"): True,
        ("lambda:InvokeFunction", f"{connector.replace(ACCOUNT, other)}:shared-connector"): False,
        ("s3:GetObject", "arn:aws:s3:::spill/aurora/0"): True,
        ("s3:PutObject", "arn:aws:s3:::spill/aurora/0"): False,
        ("s3:GetObject", "arn:aws:s3:::spill/redshift/0"): False,
    }
    granted = function(stack, "Plan")
    assert {key: may(granted, *key) for key in expected} == expected
    for name in ("Submit", "Outcomes", "Reconcile", "Capacity"):
        others = function(stack, name)
        assert [key for key in expected if may(others, *key)] == [], name


def test_without_sources_the_query_reads_no_other_catalog(stack: Stack) -> None:
    fan_out(stack, query="SELECT 1")
    granted, here = function(stack, "Plan"), f"us-east-1:{ACCOUNT}"
    for action, resource in (
        ("glue:GetCatalog", f"arn:aws:glue:{here}:catalog/s3tablescatalog"),
        ("s3tables:GetTableData", f"arn:aws:s3tables:{here}:bucket/drives/table/0"),
        ("lakeformation:GetDataAccess", "*"),
        ("athena:GetDataCatalog", f"arn:aws:athena:{here}:datacatalog/aurora"),
        ("lambda:InvokeFunction", f"arn:aws:lambda:{here}:function:aurora-connector"),
    ):
        assert not may(granted, action, resource), action


def test_a_token_is_the_arn_of_a_connector(stack: Stack) -> None:
    fan_out(stack, query="SELECT 1", query_connectors={"sales": Fn.import_value("Connector")})
    granted = [
        statement["Resource"] for statement in function(stack, "Plan") if "lambda:InvokeFunction" in statement["Action"]
    ]
    assert granted == [["Connector"]]


@pytest.mark.parametrize(
    ("name", "reads", "writes"),
    [
        (
            "Plan",
            {"manifests", "uploads", "templates", "plans", "queries", "capacity", "outcomes"},
            {"plans", "queries"},
        ),
        ("Submit", {"plans"}, set()),
        ("Outcomes", set(), set()),
        ("Reconcile", {"outcomes", "plans"}, {"outcomes"}),
        ("Capacity", {"templates"}, {"capacity"}),
    ],
)
def test_each_function_has_its_own_prefixes(stack: Stack, name: str, reads: set[str], writes: set[str]) -> None:
    full_fan_out(stack)
    granted, deployment = function(stack, name), Deployment.of(stack)
    (bucket,) = (arn for arn in deployment.arns("AWS::S3::Bucket") if "fanout" in arn)
    prefixes = ("manifests", "uploads", "templates", "plans", "queries", "capacity", "outcomes", "any")
    got = {
        action: {prefix for prefix in prefixes if may(granted, f"s3:{action}", f"{bucket}/{prefix}/a")}
        for action in ("GetObject", "PutObject", "DeleteObject")
    }
    assert got == {"GetObject": reads, "PutObject": writes, "DeleteObject": set()}


def test_capacity_may_make_each_of_its_calls(stack: Stack) -> None:
    full_fan_out(stack)
    granted, deployment = function(stack, "Capacity"), Deployment.of(stack)
    (bucket,) = (arn for arn in deployment.arns("AWS::S3::Bucket") if "fanout" in arn)
    calls = [
        "ec2:DescribeCapacityReservations",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeSpotPriceHistory",
        "ec2:GetSpotPlacementScores",
        "pricing:GetAttributeValues",
        "pricing:GetProducts",
        "sagemaker:ListTrainingPlans",
    ]
    assert [call for call in calls if not may(granted, call, "*")] == []
    listed = {
        prefix: may(granted, "s3:ListBucket", bucket, {"s3:prefix": prefix}) for prefix in ("templates/", "plans/", "")
    }
    assert listed == {"templates/": True, "plans/": False, "": False}
    (table,) = deployment.arns("AWS::DynamoDB::Table")
    assert not may(granted, "dynamodb:GetItem", table)
    assert not may(granted, "sagemaker:DescribeTrainingPlan", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-plan/a")


def test_copies_go_from_and_to_named_prefixes_only(stack: Stack) -> None:
    full_fan_out(stack)
    copy = statements(stack, "FanOutCopyRole")
    keys = ("drives-us/raw/a", "drives-us/other/a", "drives-eu/copies/a", "drives-eu/raw/a")
    got = {
        action: [key for key in keys if may(copy, f"s3:{action}", f"arn:aws:s3:::{key}")]
        for action in ("GetObject", "PutObject", "DeleteObject")
    }
    assert got == {"GetObject": ["drives-us/raw/a"], "PutObject": ["drives-eu/copies/a"], "DeleteObject": []}


def grant(stack: Stack, method: str) -> list[Statement]:
    created = full_fan_out(stack)
    getattr(created.grants, method)(iam.Role(stack, "Person", assumed_by=iam.AccountRootPrincipal()))
    return statements(stack, "Person")


EXECUTION = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:fairlane-campaigns:a"


@pytest.mark.parametrize("method", ["start", "read", "stop"])
def test_grants_allow_their_calls_and_no_submission(stack: Stack, method: str) -> None:
    granted, deployment = grant(stack, method), Deployment.of(stack)
    (bucket,) = (arn for arn in deployment.arns("AWS::S3::Bucket") if "fanout" in arn)
    (table,) = deployment.arns("AWS::DynamoDB::Table")
    (machine,) = deployment.arns("AWS::StepFunctions::StateMachine")
    expected = {
        ("s3:PutObject", f"{bucket}/manifests/a.csv"): method == "start",
        ("s3:PutObject", f"{bucket}/uploads/a.csv"): method == "start",
        ("s3:PutObject", f"{bucket}/plans/a/b/plan.json"): False,
        ("s3:DeleteObject", f"{bucket}/manifests/a.csv"): False,
        ("s3:GetObject", f"{bucket}/plans/a/b/plan.json"): True,
        ("states:StartExecution", machine): method == "start",
        ("states:StopExecution", EXECUTION): method == "stop",
        ("states:StopExecution", EXECUTION.replace("campaigns", "other")): False,
        ("states:DescribeExecution", EXECUTION): True,
        ("batch:TerminateServiceJob", batch("eu-west-1", "service-job/a")): method == "stop",
        ("batch:TerminateServiceJob", batch("eu-north-1", "service-job/a")): False,
        ("batch:TerminateJob", batch("eu-west-1", "job/a")): method == "stop",
        ("batch:SubmitServiceJob", batch("us-east-1", "job-queue/training-p4")): False,
        ("dynamodb:PutItem", table): False,
        ("dynamodb:DeleteItem", table): False,
    }
    got = {key: may(granted, *key) for key in expected}
    assert got == expected
    roles = deployment.arns("AWS::IAM::Role")
    assert not any(may(granted, "iam:PassRole", arn, TO_SAGEMAKER) for arn in roles)
    changes = {
        attribute: may(granted, "dynamodb:UpdateItem", table, {"dynamodb:Attributes": attribute})
        for attribute in ("stopped", "job_id")
    }
    assert changes == {"stopped": method != "read", "job_id": False}
