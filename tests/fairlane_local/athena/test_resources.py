"""Glue, Athena and bucket policies in CloudFormation stacks."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local import LocalAws, client
from tests.fairlane_local.athena.support import ACCOUNT, JSON_SERDE, REGION

pytestmark = pytest.mark.slow

DENIALS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "arn:aws:s3:::results/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::results/closed/*"},
    ],
}


def resources(column: str = "n", query: str = "SELECT n FROM numbers", **group: Any) -> dict[str, Any]:
    """Return a database with a table, a workgroup and a query. Arguments: properties of the workgroup."""
    description = {
        "Name": "numbers",
        "Parameters": {"EXTERNAL": True, "skip.header.line.count": 0},
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": "int"}],
            "Location": "s3://results/numbers/",
            "SerdeInfo": {"SerializationLibrary": JSON_SERDE},
        },
    }
    configuration = {"ResultConfiguration": {"OutputLocation": "s3://results/athena/"}}
    named = {"Name": "all", "Database": {"Ref": "Database"}, "QueryString": query, "WorkGroup": {"Ref": "Group"}}
    workgroup = {"Name": "g", "WorkGroupConfiguration": configuration, "RecursiveDeleteOption": True} | group
    types: dict[str, tuple[str, dict[str, Any]]] = {
        "Bucket": ("S3::Bucket", {"BucketName": "results"}),
        "Policy": ("S3::BucketPolicy", {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": DENIALS}),
        "Database": ("Glue::Database", {"CatalogId": ACCOUNT, "DatabaseInput": {"Name": "Numbers"}}),
        "Table": (
            "Glue::Table",
            {"CatalogId": ACCOUNT, "DatabaseName": {"Ref": "Database"}, "TableInput": description},
        ),
        "Group": ("Athena::WorkGroup", workgroup),
        "Query": ("Athena::NamedQuery", named),
    }
    return {name: {"Type": f"AWS::{kind}", "Properties": properties} for name, (kind, properties) in types.items()}


class Stack:
    def __init__(self, aws: LocalAws) -> None:
        self._port = aws.port
        self._stacks = self.client("cloudformation")
        self._update = False

    def client(self, service: str) -> Any:
        return client(service, self._port, ACCOUNT, REGION)

    def deploy(self, resources: dict[str, Any]) -> str:
        """Deploy resources, and return the status of the stack."""
        call = self._stacks.update_stack if self._update else self._stacks.create_stack
        self._update = True
        call(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
        return str(self._stacks.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"])

    def reasons(self) -> str:
        events = self._stacks.describe_stack_events(StackName="s")["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    def delete(self) -> None:
        self._stacks.delete_stack(StackName="s")

    def queries(self) -> list[str]:
        athena = self.client("athena")
        ids = athena.list_named_queries(WorkGroup="g")["NamedQueryIds"]
        return [athena.get_named_query(NamedQueryId=name)["NamedQuery"]["QueryString"] for name in ids]


@pytest.fixture
def stack(aws: LocalAws) -> Stack:
    return Stack(aws)


def test_the_services_list_what_a_stack_deploys(stack: Stack) -> None:
    assert stack.deploy(resources()) == "CREATE_COMPLETE"
    glue, athena, s3 = stack.client("glue"), stack.client("athena"), stack.client("s3")
    table = glue.get_table(DatabaseName="numbers", Name="numbers")["Table"]
    assert table["Parameters"] == {"EXTERNAL": "true", "skip.header.line.count": "0"}
    assert athena.get_work_group(WorkGroup="g")["WorkGroup"]["State"] == "ENABLED"
    assert stack.queries() == ["SELECT n FROM numbers"]
    assert json.loads(s3.get_bucket_policy(Bucket="results")["Policy"]) == DENIALS

    changed = resources("m", "SELECT m FROM numbers", State="DISABLED", Description="new")
    del changed["Policy"]
    assert stack.deploy(changed) == "UPDATE_COMPLETE"
    columns = glue.get_table(DatabaseName="numbers", Name="numbers")["Table"]["StorageDescriptor"]["Columns"]
    assert [column["Name"] for column in columns] == ["m"]
    group = athena.get_work_group(WorkGroup="g")["WorkGroup"]
    assert (group["State"], group["Description"]) == ("DISABLED", "new")
    with pytest.raises(ClientError, match="WorkGroup g is disabled"):
        athena.start_query_execution(QueryString="SELECT 1", WorkGroup="g")
    assert stack.queries() == ["SELECT m FROM numbers"]
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="results")

    stack.delete()
    assert glue.get_databases()["DatabaseList"] == []
    assert [group["Name"] for group in athena.list_work_groups()["WorkGroups"]] == ["primary"]


def test_another_name_replaces(stack: Stack) -> None:
    stack.deploy(resources())
    changed = resources(Name="h")
    changed["Database"]["Properties"]["DatabaseInput"] = {"Name": "other"}
    assert stack.deploy(changed) == "UPDATE_COMPLETE"
    glue = stack.client("glue")
    assert [database["Name"] for database in glue.get_databases()["DatabaseList"]] == ["other"]
    assert [table["Name"] for table in glue.get_tables(DatabaseName="other")["TableList"]] == ["numbers"]
    groups = stack.client("athena").list_work_groups()["WorkGroups"]
    assert [group["Name"] for group in groups] == ["primary", "h"]


def test_only_statements_without_conditions_are_enforced(stack: Stack) -> None:
    stack.deploy(resources())
    s3 = stack.client("s3")
    s3.put_object(Bucket="results", Key="numbers/1.json", Body=b"{}")
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket="results", Key="closed/1.json", Body=b"{}")


def test_mistakes_fail_the_deployment(stack: Stack) -> None:
    configuration = {"BytesScannedCutoffPerQuery": 9_999_999}
    assert stack.deploy(resources(WorkGroupConfiguration=configuration)) == "ROLLBACK_COMPLETE"
    assert "BytesScannedCutoffPerQuery must be at least 10000000, got 9999999" in stack.reasons()


def test_a_workgroup_with_queries_is_deleted_only_recursively(stack: Stack) -> None:
    stack.deploy(resources(RecursiveDeleteOption=False))
    stack.client("athena").create_named_query(Name="mine", Database="d", QueryString="SELECT 1", WorkGroup="g")
    stack.delete()
    assert "WorkGroup g is not empty" in stack.reasons()
