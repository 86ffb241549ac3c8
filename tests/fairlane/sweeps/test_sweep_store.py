"""Templates of sweep stores: bucket, tables, workgroup, queries and parameter."""

import json
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Environment, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from cdk_nag import AwsSolutionsChecks

from fairlane import SweepStore
from tests import cfn_lint
from tests.support import problems_of, template_of

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def of_type(stack: Stack, kind: str) -> list[dict[str, Any]]:
    return [entry["Properties"] for entry in template_of(stack)["Resources"].values() if entry["Type"] == kind]


def only(stack: Stack, kind: str) -> dict[str, Any]:
    (properties,) = of_type(stack, kind)
    return properties


def test_the_bucket_is_encrypted_versioned_private_and_kept(stack: Stack) -> None:
    SweepStore(stack, "Store", store_name="search")
    bucket = only(stack, "AWS::S3::Bucket")
    assert "BucketName" not in bucket
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (resource,) = (item for item in template_of(stack)["Resources"].values() if item["Type"] == "AWS::S3::Bucket")
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    denied = {
        statement.get("Sid", "Tls"): statement["Condition"]
        for statement in only(stack, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Principal"] == {"AWS": "*"}
    }
    assert denied == {
        "Tls": {"Bool": {"aws:SecureTransport": "false"}},
        "PutOnce": {"Null": {"s3:if-none-match": "true"}},
    }


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (None, {"athena/": 7, "progress/": 90}),
        (30, {"athena/": 7, "progress/": 30, "sweeps/": 30, "results/": 30, "failures/": 30}),
        (365, {"athena/": 7, "progress/": 90, "sweeps/": 365, "results/": 365, "failures/": 365}),
    ],
)
def test_each_prefix_expires_by_its_own_rule(stack: Stack, days: int | None, expected: dict[str, int]) -> None:
    SweepStore(stack, "Store", store_name="search", expire_after_days=days)
    rules = only(stack, "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule} == expected
    assert [rule["NoncurrentVersionExpiration"] for rule in rules if "NoncurrentVersionExpiration" in rule] == [
        {"NoncurrentDays": 30}
    ]
    assert all(rule["Status"] == "Enabled" for rule in rules)


def test_stores_with_another_prefix_have_names_of_their_own(stack: Stack) -> None:
    for construct_id, prefix in {"Store": "fairlane", "Other": "ACME-ml"}.items():
        store = SweepStore(stack, construct_id, store_name="search", name_prefix=prefix)
    assert store.workgroup_name == "ACME-ml-search"
    names = [entry["DatabaseInput"]["Name"] for entry in of_type(stack, "AWS::Glue::Database")]
    assert names == ["fairlane_search", "acme_ml_search"]
    parameters = [entry["Name"] for entry in of_type(stack, "AWS::SSM::Parameter")]
    assert parameters == ["/fairlane/sweep-store/search", "/fairlane/sweep-store/ACME-ml/search"]
    imported = SweepStore.from_bucket_name(stack, "Import", "bucket", store_name="search", name_prefix="ACME-ml")
    assert (imported.workgroup_name, imported.parameter_name) == (store.workgroup_name, store.parameter_name)


@pytest.mark.parametrize("prefix", ["", "1a", "a-", "a_b", "a" * 33, None])
def test_a_wrong_prefix_is_refused(stack: Stack, prefix: Any) -> None:
    for create in (
        lambda: SweepStore(stack, "Store", store_name="search", name_prefix=prefix),
        lambda: SweepStore.from_bucket_name(stack, "Store", "bucket", store_name="search", name_prefix=prefix),
    ):
        (problem,) = problems_of(create)
        assert problem.startswith("name_prefix: ")


def test_the_tables_have_the_columns_of_the_records_and_a_partition_for_each_sweep(stack: Stack) -> None:
    SweepStore(stack, "Store", store_name="image-search")
    assert only(stack, "AWS::Glue::Database")["DatabaseInput"]["Name"] == "fairlane_image_search"
    tables = {table["TableInput"]["Name"]: table for table in of_type(stack, "AWS::Glue::Table")}
    assert sorted(tables) == ["failures", "results"]
    columns = {
        name: {column["Name"]: column["Type"] for column in table["TableInput"]["StorageDescriptor"]["Columns"]}
        for name, table in tables.items()
    }
    common = {
        "index": "int",
        "state": "string",
        "parameters": "map<string,string>",
        "point": "string",
        "started_at": "double",
        "seconds": "double",
        "job": "string",
        "attempt": "int",
    }
    assert columns["results"] == common | {"value": "double", "metrics": "map<string,double>", "step": "int"}
    assert columns["failures"] == common | {"reason": "string"}
    for name, table in tables.items():
        assert table["DatabaseName"] == "fairlane_image_search"
        parameters = table["TableInput"]["Parameters"]
        assert (parameters["projection.enabled"], parameters["projection.sweep.type"]) == ("true", "injected")
        assert parameters["storage.location.template"]["Fn::Join"][1][-1] == f"/{name}/sweep=${{sweep}}/"
        assert table["TableInput"]["PartitionKeys"] == [{"Name": "sweep", "Type": "string"}]


def test_queries_write_below_one_prefix_and_have_a_scan_limit(stack: Stack) -> None:
    SweepStore(stack, "Store", store_name="search")
    workgroup = only(stack, "AWS::Athena::WorkGroup")
    assert workgroup["Name"] == "fairlane-search"
    settings = workgroup["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == 10 * 1024**3
    assert settings["ResultConfiguration"]["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert settings["ResultConfiguration"]["OutputLocation"]["Fn::Join"][1][-1] == "/athena/"
    queries = {query["Name"]: query for query in of_type(stack, "AWS::Athena::NamedQuery")}
    assert sorted(queries) == ["failures", "gpu-hours", "leaderboard", "leaderboard-minimize"]
    for query in queries.values():
        assert (query["Database"], query["WorkGroup"]) == ("fairlane_search", "fairlane-search")
        assert "sweep = 'SWEEP_ID'" in query["QueryString"]
        assert "SWEEP_ID" in query["Description"]


def test_clients_find_the_store_by_one_parameter(stack: Stack) -> None:
    store = SweepStore(stack, "Store", store_name="search", tags={"team": "vision"})
    parameter = only(stack, "AWS::SSM::Parameter")
    assert (parameter["Name"], parameter["Type"]) == ("/fairlane/sweep-store/search", "String")
    value = parameter["Value"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "bucket-name" for part in value)
    assert json.loads(text) == {
        "bucket": "bucket-name",
        "workgroup": "fairlane-search",
        "database": "fairlane_search",
        "region": "us-east-1",
    }
    assert stack.resolve(store.bucket_name) in value
    assert {"Key": "team", "Value": "vision"} in only(stack, "AWS::S3::Bucket")["Tags"]


@pytest.mark.parametrize("own", [True, False])
def test_a_key_encrypts_the_objects_and_the_results_of_queries(stack: Stack, own: bool) -> None:
    key: Any = kms.Key(stack, "Key", enable_key_rotation=True) if own else KEY
    store = SweepStore(stack, "Store", store_name="search", encryption_key=key)
    arn = stack.resolve(store.encryption_key_arn)
    assert arn == (stack.resolve(key.key_arn) if own else KEY)
    (rule,) = only(stack, "AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    assert rule["BucketKeyEnabled"] is True
    settings = only(stack, "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]
    encryption = settings["ResultConfiguration"]["EncryptionConfiguration"]
    assert encryption == {"EncryptionOption": "SSE_KMS", "KmsKey": arn}


def test_all_mistakes_are_in_one_error(stack: Stack) -> None:
    mistakes: dict[str, Any] = {"expire_after_days": 0, "encryption_key": "alias/any", "tags": {"aws:any": "1"}}
    assert problems_of(lambda: SweepStore(stack, "Store", store_name="Search_1", **mistakes)) == [
        "store_name: got 'Search_1', allowed: 1 to 64 characters of a-z, 0-9 and -, a letter first",
        "expire_after_days: got 0, allowed: a whole number of days, 1 to 3650",
        "encryption_key: got 'alias/any', allowed: the ARN of a KMS key, not of an alias",
        "tags.\"aws:any\": got 'aws:any', allowed: a key of 1 to 128 letters, digits, spaces and + - = . _ : / @ "
        'that does not start with "aws:"',
    ]
    assert [child.node.id for child in stack.node.children] == []


def test_a_key_of_another_region_is_refused_and_one_of_another_account_is_not(stack: Stack) -> None:
    elsewhere = KEY.replace("us-east-1", "eu-west-1")
    expected = ["encryption_key: the key is in Region eu-west-1: use a key in Region us-east-1, where the bucket is"]
    key: dict[str, Any] = {"store_name": "search", "encryption_key": elsewhere}
    assert problems_of(lambda: SweepStore(stack, "Store", **key)) == expected
    assert problems_of(lambda: SweepStore.from_bucket_name(stack, "Store", "bucket-1", **key)) == expected
    SweepStore(stack, "Store", store_name="search", encryption_key=KEY.replace("111122223333", "444455556666"))
    imported = SweepStore.from_bucket_name(stack, "Imported", "bucket-1", region="eu-west-1", **key)
    assert imported.region == "eu-west-1"


@pytest.mark.parametrize(
    "name", ["192.168.0.1", "a.-b", "a.b.c", "xn--abc", "sthree-abc", "abc-s3alias", "abc--ol-s3", "abc--x-s3", "abc\n"]
)
def test_a_name_that_no_bucket_can_have_is_refused(stack: Stack, name: str) -> None:
    problem = f"bucket_name: got {name!r}, allowed: 3 to 63 characters of a-z, 0-9 and -, without the prefixes and "
    (found,) = problems_of(lambda: SweepStore(stack, "Store", store_name="search", bucket_name=name))
    assert found.startswith(problem)


def test_stores_of_an_account_have_different_buckets(app: App) -> None:
    home, west = (
        Stack(app, region, env=Environment(account="111122223333", region=region))
        for region in ("us-east-1", "eu-west-1")
    )
    for stack in (home, west):
        SweepStore(stack, "Unnamed", store_name="unnamed")
    SweepStore(home, "Store", store_name="search", bucket_name="search-of-me")
    problem = "bucket_name: us-east-1/Store already has the name 'search-of-me': use another name"
    settings: dict[str, Any] = {"store_name": "other", "bucket_name": "search-of-me"}
    assert problems_of(lambda: SweepStore(home, "Other", **settings)) == [problem]
    assert problems_of(lambda: SweepStore(west, "Other", **settings)) == [problem]


def test_a_bucket_has_the_name_that_it_is_given(stack: Stack) -> None:
    SweepStore(stack, "Store", store_name="search", bucket_name="search-of-me")
    buckets = (each for each in template_of(stack)["Resources"].values() if each["Type"] == "AWS::S3::Bucket")
    assert [bucket["Properties"]["BucketName"] for bucket in buckets] == ["search-of-me"]
    assert problems_of(lambda: SweepStore(stack, "Other", store_name="other", bucket_name="S")) == [
        "bucket_name: got 'S', allowed: 3 to 63 characters of a-z, 0-9 and -, without the prefixes and suffixes that Amazon S3 reserves"
    ]


@pytest.mark.parametrize("name", ["", "1a", "-a", "a" * 65, "a_b", 7, None, "${Token[NAME.1]}"])
def test_names_that_are_no_names_of_stores_are_refused(stack: Stack, name: Any) -> None:
    assert len(problems_of(lambda: SweepStore(stack, "Store", store_name=name))) == 1


def test_two_stores_of_a_region_have_different_names(stack: Stack) -> None:
    SweepStore(stack, "Store", store_name="search")
    assert problems_of(lambda: SweepStore(stack, "Other", store_name="search")) == [
        "store_name: Stack/Store already has the name 'fairlane-search': use another name"
    ]
    SweepStore(stack, "Third", store_name="search-2")


def test_a_store_of_another_app_has_the_same_names(stack: Stack) -> None:
    store = SweepStore.from_bucket_name(stack, "Store", "bucket-1", store_name="search", encryption_key=KEY)
    assert (store.workgroup_name, store.database_name) == ("fairlane-search", "fairlane_search")
    assert stack.resolve(store.bucket_arn) == {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::bucket-1"]]}
    assert "Resources" not in template_of(stack)
    assert problems_of(lambda: SweepStore.from_bucket_name(stack, "Bad", "B", store_name="B")) == [
        "bucket_name: got 'B', allowed: 3 to 63 characters of a-z, 0-9 and -, without the prefixes and suffixes that Amazon S3 reserves",
        "store_name: got 'B', allowed: 1 to 64 characters of a-z, 0-9 and -, a letter first",
    ]


@pytest.mark.parametrize(
    "known", [pytest.param(True, id="known place"), pytest.param(False, id="unknown place", marks=pytest.mark.slow)]
)
def test_stores_with_all_grants_pass_cdk_nag_and_cfn_lint(known: bool) -> None:
    app = App()
    stack = Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1") if known else None)
    store = SweepStore(stack, "Store", store_name="search", expire_after_days=90, tags={"team": "vision"})
    encrypted = SweepStore(stack, "Encrypted", store_name="encrypted", encryption_key=KEY)
    imported = SweepStore.from_bucket_name(stack, "Imported", "bucket-1", store_name="imported")
    for number, each in enumerate((store, encrypted, imported)):
        run, read = (
            iam.Role(stack, f"{name}{number}", assumed_by=iam.AccountRootPrincipal()) for name in ("Run", "Read")
        )
        each.grants.run(run)
        each.grants.read(read)
    CfnOutput(stack, "Bucket", value=store.bucket_name)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises if cdk-nag reports a finding
    assert cfn_lint.findings(template_of(stack)) == []
