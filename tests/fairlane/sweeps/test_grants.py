"""Permissions on sweep stores, with an evaluator of IAM policies: each call of the clients, and what nobody may do."""

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam

from fairlane import SweepStore
from tests.iam.roles import Deployment
from tests.iam_evaluator import ACCOUNT, Request, Statement, allowed
from tests.support import problems_of

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PLACE = f"us-east-1:{ACCOUNT}"
STORE, OTHER = "arn:aws:s3:::store-bucket", "arn:aws:s3:::other-bucket"
ONCE = {"s3:if-none-match": "*"}
KEYS = {
    "sweep": "sweeps/a/sweep.json",
    "manifest": "sweeps/a/manifests/0000.jsonl",
    "claim": "sweeps/a/submissions/0000.claim.json",
    "stopped": "sweeps/a/stopped",
    "result": "results/sweep=a/0.json",
    "failure": "failures/sweep=a/0-job-1.json",
    "progress": "progress/sweep=a/3/0=0.5",
    "query": "athena/0.csv",
    "foreign": "any",
}
READ_BATCH = [
    "DescribeJobDefinitions",
    "DescribeJobQueues",
    "DescribeJobs",
    "DescribeSchedulingPolicies",
    "ListJobs",
    "ListServiceJobs",
]


def granted(stack: Stack, method: str, key: str | None = None) -> list[Statement]:
    """Return the statements of a grant on a store whose bucket is `store-bucket`."""
    store = SweepStore.from_bucket_name(stack, "Store", "store-bucket", store_name="search", encryption_key=key)
    getattr(store.grants, method)(iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()))
    return Deployment.of(stack).statements()


def objects(statements: list[Statement], action: str, bucket: str = STORE, **context: str) -> set[str]:
    """Return the kinds of objects that statements allow an action on."""
    requests = [Request(action, f"{bucket}/{key}", {**ONCE, **context}) for key in KEYS.values()]
    return {kind for kind, got in zip(KEYS, allowed(statements, requests), strict=True) if got}


def may(statements: list[Statement], action: str, resource: str, context: dict[str, str] | None = None) -> bool:
    return allowed(statements, [Request(action, resource, context or {})])[0]


def denied() -> Statement:
    """Return the statement of the bucket policy that denies to overwrite, as of an identity policy."""
    stack = Stack()
    SweepStore(stack, "Own", store_name="own")
    deployment = Deployment.of(stack)
    (policy,) = (deployment.resources[name]["Properties"] for name in deployment.of_type("AWS::S3::BucketPolicy"))
    bucket = policy["Bucket"]["Ref"]
    (found,) = (item for item in policy["PolicyDocument"]["Statement"] if item.get("Sid") == "PutOnce")
    resources = [
        f"{STORE}{part['Fn::Join'][1][-1]}" for part in found["Resource"] if bucket in str(part["Fn::Join"][1][0])
    ]
    assert len(resources) == len(found["Resource"])
    return {key: value for key, value in found.items() if key != "Principal"} | {"Resource": resources}


def test_a_run_reads_its_manifest_and_writes_its_own_records(stack: Stack) -> None:
    run = granted(stack, "run")
    assert objects(run, "s3:GetObject") == {"manifest", "result"}
    assert objects(run, "s3:PutObject") == {"result", "failure", "progress"}
    listed = {
        prefix: may(run, "s3:ListBucket", STORE, {"s3:prefix": prefix})
        for prefix in ("progress/sweep=a/3/", "results/sweep=a/0.json", "sweeps/", "athena/", "")
    }
    assert listed == {
        "progress/sweep=a/3/": True,
        "results/sweep=a/0.json": True,
        "sweeps/": False,
        "athena/": False,
        "": False,
    }
    assert may(run, "s3:ListBucket", STORE)  # so that an absent result is answered by 404


@pytest.mark.parametrize("method", ["run", "submit", "read"])
def test_no_grant_reaches_another_store_or_deletes(stack: Stack, method: str) -> None:
    statements = granted(stack, method, KEY)
    for action in ("s3:GetObject", "s3:PutObject"):
        assert objects(statements, action, OTHER) == set()
    assert not may(statements, "s3:ListBucket", OTHER)
    for action in ("DeleteObject", "DeleteObjectVersion", "PutObjectAcl", "PutObjectRetention", "GetObjectVersion"):
        assert objects(statements, f"s3:{action}") == set()
    for action in ("DeleteBucket", "PutBucketPolicy", "PutLifecycleConfiguration", "PutBucketVersioning"):
        assert not may(statements, f"s3:{action}", STORE)
    assert may(statements, "kms:Decrypt", KEY)
    assert may(statements, "kms:GenerateDataKey", KEY)
    assert not may(statements, "kms:Decrypt", KEY.replace("1234abcd", "00000000"))
    assert not may(statements, "kms:ScheduleKeyDeletion", KEY)
    for parameter in ("search-2", "other"):
        arn = f"arn:aws:ssm:{PLACE}:parameter/fairlane/sweep-store/{parameter}"
        assert not may(statements, "ssm:GetParameter", arn)


def test_nobody_overwrites_a_result_a_manifest_or_the_description_of_a_sweep() -> None:
    """Evaluate the bucket policy together with permissions for everything."""
    everything: list[Statement] = [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, denied()]
    unconditional = [Request("s3:PutObject", f"{STORE}/{key}") for key in KEYS.values()]
    got = dict(zip(KEYS, allowed(everything, unconditional), strict=True))
    assert {kind for kind, may_overwrite in got.items() if not may_overwrite} == {"sweep", "manifest", "result"}
    assert objects(everything, "s3:PutObject") == set(KEYS)


def test_a_run_cannot_overwrite_a_result(stack: Stack) -> None:
    run = [*granted(stack, "run"), denied()]
    result = f"{STORE}/{KEYS['result']}"
    assert may(run, "s3:PutObject", result, ONCE)
    assert not may(run, "s3:PutObject", result)
    assert may(run, "s3:PutObject", f"{STORE}/{KEYS['progress']}")


def test_a_client_submits_follows_and_stops_sweeps(stack: Stack) -> None:
    client = granted(stack, "submit")
    assert objects(client, "s3:GetObject") == set(KEYS) - {"query", "foreign"}
    assert objects(client, "s3:PutObject") == {"sweep", "manifest", "claim", "stopped"}
    assert may(client, "s3:ListBucket", STORE, {"s3:prefix": "sweeps/a/manifests/"})
    assert may(client, "ssm:GetParameter", f"arn:aws:ssm:{PLACE}:parameter/fairlane/sweep-store/search")
    assert all(may(client, f"batch:{action}", "*") for action in READ_BATCH)
    batch = f"arn:aws:batch:{PLACE}"
    assert may(client, "batch:ListQuotaShares", f"{batch}:job-queue/gpu")
    assert may(client, "batch:TerminateJob", f"{batch}:job/0")
    assert may(client, "batch:TerminateServiceJob", f"{batch}:service-job/0")
    assert not may(client, "batch:SubmitJob", f"{batch}:job-queue/gpu")
    assert not may(client, "batch:SubmitServiceJob", f"{batch}:job-queue/gpu")
    assert not may(client, "athena:StartQueryExecution", f"arn:aws:athena:{PLACE}:workgroup/fairlane-search")


def test_a_reader_queries_in_the_workgroup_of_the_store_only(stack: Stack) -> None:
    reader = granted(stack, "read")
    assert objects(reader, "s3:GetObject") == set(KEYS) - {"foreign"}
    assert objects(reader, "s3:PutObject") == {"query"}
    athena, glue = f"arn:aws:athena:{PLACE}:workgroup", f"arn:aws:glue:{PLACE}"
    for action in ("StartQueryExecution", "GetQueryExecution", "GetQueryResults", "ListNamedQueries", "GetNamedQuery"):
        assert may(reader, f"athena:{action}", f"{athena}/fairlane-search")
        assert not may(reader, f"athena:{action}", f"{athena}/primary")
    for table, expected in (("fairlane_search/results", True), ("fairlane_search/failures", True), ("any/any", False)):
        assert may(reader, "glue:GetTable", f"{glue}:table/{table}") is expected
    assert may(reader, "glue:GetTable", f"{glue}:catalog")
    assert may(reader, "glue:GetDatabase", f"{glue}:database/fairlane_search")
    assert not may(reader, "glue:DeleteTable", f"{glue}:table/fairlane_search/results")
    assert not may(reader, "athena:DeleteWorkGroup", f"{athena}/fairlane-search")
    assert not may(reader, "batch:ListJobs", "*")


@pytest.mark.parametrize("method", ["run", "submit", "read"])
def test_a_store_without_a_key_grants_no_key(stack: Stack, method: str) -> None:
    assert not may(granted(stack, method), "kms:Decrypt", KEY)


def test_a_grant_without_effect_is_an_error(stack: Stack) -> None:
    store = SweepStore(stack, "Store", store_name="search")
    service: Any = iam.ServicePrincipal("batch.amazonaws.com")
    (problem,) = problems_of(lambda: store.grants.run(service))
    assert problem.startswith("grantee: got ")
    assert problem.endswith("allowed: an IAM role, user or group whose policies the CDK can change")


def test_grants_on_a_store_of_another_region_name_its_region() -> None:
    stack = Stack(App(), "Stack", env=Environment(account=ACCOUNT, region="us-west-2"))
    store = SweepStore.from_bucket_name(stack, "Store", "store-bucket", store_name="search", region="us-east-1")
    store.grants.read(iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()))
    statements = Deployment.of(stack).statements()
    workgroup = "arn:aws:athena:{}:workgroup/fairlane-search"
    assert may(statements, "athena:StartQueryExecution", workgroup.format(PLACE))
    assert not may(statements, "athena:StartQueryExecution", workgroup.format(f"us-west-2:{ACCOUNT}"))
