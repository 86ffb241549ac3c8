"""Templates of fan-outs: storage, events, state machine, functions, metrics and other Regions."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Environment, Stack, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

from fairlane import TrainingFanOutRegion
from fairlane._internal.lambda_package import metrics_catalog
from tests import cfn_lint
from tests.fairlane.fan_out.fan_outs import ACCOUNT, KEY, fan_out, full_fan_out
from tests.support import template_of

KINDS = ("waiting", "submitted", "running", "done", "failed", "oldest_unsubmitted_age")


def by_type(stack: Stack, kind: str) -> dict[str, dict[str, Any]]:
    entries = template_of(stack)["Resources"].items()
    return {name: entry["Properties"] for name, entry in entries if entry["Type"] == kind}


def one(stack: Stack, kind: str, part: str = "") -> dict[str, Any]:
    (properties,) = (entry for name, entry in by_type(stack, kind).items() if part in name)
    return properties


def text_of(value: Any) -> str:
    """Return a text with references as `<...>`."""
    parts = value["Fn::Join"][1] if isinstance(value, dict) else [value]
    return "".join(part if isinstance(part, str) else f"<{next(iter(part.values()))}>" for part in parts)


def test_the_bucket_is_private_versioned_and_tells_eventbridge(stack: Stack) -> None:
    fan_out(stack)
    bucket = one(stack, "AWS::S3::Bucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    rules = bucket["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    assert days == {"plans/": 400, "queries/": 90}
    statements = one(stack, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [statement.get("Condition") for statement in statements]
    (once,) = (statement for statement in statements if statement.get("Sid") == "PutOnce")
    assert once["Resource"]["Fn::Join"][1][-1] == "/plans/*/decision-*"


def test_the_ledger_and_the_bucket_outlive_the_stack(stack: Stack) -> None:
    fan_out(stack)
    table = one(stack, "AWS::DynamoDB::Table")
    assert table["DeletionProtectionEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert "SSESpecification" not in table
    kept = {"AWS::DynamoDB::Table", "AWS::S3::Bucket"}
    resources = template_of(stack)["Resources"].values()
    policies = [item["DeletionPolicy"] for item in resources if item["Type"] in kept]
    assert policies == ["Retain", "Retain"]


def test_a_key_encrypts_bucket_ledger_and_results_of_queries(stack: Stack) -> None:
    fan_out(stack, encryption_key=KEY)
    (rule,) = one(stack, "AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    expected = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    assert one(stack, "AWS::DynamoDB::Table")["SSESpecification"] == expected
    result = one(stack, "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]["ResultConfiguration"]
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": KEY}


def test_the_tables_are_outcomes_by_manifest_and_capacity(stack: Stack) -> None:
    fan_out(stack, fan_out_name="night-drives")
    assert one(stack, "AWS::Glue::Database")["DatabaseInput"]["Name"] == "fairlane_fan_out_night_drives"
    assert one(stack, "AWS::Athena::WorkGroup")["Name"] == "fairlane-fan-out-night-drives"
    tables = {table["TableInput"]["Name"]: table["TableInput"] for table in by_type(stack, "AWS::Glue::Table").values()}
    assert tables["outcomes"]["PartitionKeys"] == [{"Name": "manifest", "Type": "string"}]
    assert tables["outcomes"]["Parameters"]["projection.manifest.type"] == "injected"
    location = text_of(tables["outcomes"]["Parameters"]["storage.location.template"])
    assert location.endswith("/outcomes/manifest=${manifest}/")
    assert "PartitionKeys" not in tables["capacity"]
    assert tables["capacity"]["Parameters"] == {"EXTERNAL": "TRUE", "classification": "json"}


def test_the_state_machine_has_the_form_of_the_plan(stack: Stack) -> None:
    fan_out(stack)
    machine = one(stack, "AWS::StepFunctions::StateMachine")
    assert (machine["StateMachineName"], machine["StateMachineType"]) == ("fairlane-campaigns", "STANDARD")
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)
    assert machine["TracingConfiguration"] == {"Enabled": True}
    definition = json.loads(text_of(machine["DefinitionString"]))
    states = definition["States"]
    region = states["Regions"]["ItemProcessor"]["States"]
    named = {name for part in (states, region) for name in part}
    targets = {
        target
        for state in [*states.values(), *region.values()]
        for target in (
            state.get("Next"),
            state.get("Default"),
            *(choice["Next"] for choice in state.get("Choices", ())),
            *(catch["Next"] for catch in state.get("Catch", ())),
        )
    }
    assert targets - {None} == named - {"Start"}
    assert "QueryLanguage" not in definition
    assert states["Regions"]["MaxConcurrency"] == 40
    assert region["Submit"]["Catch"][0]["ErrorEquals"] == ["States.ALL"]
    ends = {"Sandbox.Timedout", "Runtime.ExitError", "Lambda.Unknown"}
    for task in (states["Plan"], states["Close"], region["Submit"]):
        assert ends < {*task["Retry"][0]["ErrorEquals"]}
    (plan, submit) = (state["Parameters"]["FunctionName"] for state in (states["Plan"], region["Submit"]))
    assert (plan == states["Close"]["Parameters"]["FunctionName"]) != (plan == submit)


def test_a_manifest_starts_the_state_machine_by_its_key_and_version(stack: Stack) -> None:
    fan_out(stack)
    rule = one(stack, "AWS::Events::Rule", "Manifests")
    assert rule["EventPattern"]["detail"]["object"] == {"key": [{"prefix": "manifests/"}]}
    (target,) = rule["Targets"]
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"key": "$.detail.object.key", "version": "$.detail.object.version-id"}
    filled = transformer["InputTemplate"].replace("<key>", '"manifests/a.csv"').replace("<version>", '"1"')
    assert json.loads(filled) == {"operation": "start", "key": "manifests/a.csv", "version": "1"}
    assert "DeadLetterConfig" in target


def test_only_rules_of_the_fan_out_send_to_the_bus(stack: Stack) -> None:
    fan_out(stack)
    assert one(stack, "AWS::Events::EventBus")["Name"] == "fairlane-campaigns"
    statement = one(stack, "AWS::Events::EventBusPolicy")["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "events:PutEvents")
    senders = text_of(statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"])
    assert senders == f"arn:<AWS::Partition>:iam::{ACCOUNT}:role/fairlane/fan-out/campaigns/*"
    role = one(stack, "AWS::IAM::Role", "FanOutRegionRole")
    assert role["Path"] == "/fairlane/fan-out/campaigns/"
    assert one(stack, "AWS::Events::Rule", "EventsRule")["EventBusName"] == {
        "Ref": next(iter(by_type(stack, "AWS::Events::EventBus")))
    }


def test_another_region_sends_its_events_home(app: App) -> None:
    stack = Stack(app, "Europe", env=Environment(account=ACCOUNT, region="eu-west-1"))
    TrainingFanOutRegion(stack, "Region", fan_out_name="campaigns", home_region="us-east-1")
    rule = one(stack, "AWS::Events::Rule")
    assert rule["EventPattern"] == {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change", "Batch Service Job State Change"],
        "detail": {"jobName": [{"prefix": "campaigns_"}]},
    }
    bus = f"arn:<AWS::Partition>:events:us-east-1:{ACCOUNT}:event-bus/fairlane-campaigns"
    assert text_of(rule["Targets"][0]["Arn"]) == bus
    (statement,) = one(stack, "AWS::IAM::Role")["Policies"][0]["PolicyDocument"]["Statement"]
    assert (statement["Action"], [text_of(arn) for arn in statement["Resource"]]) == (["events:PutEvents"], [bus])
    assert len(template_of(stack)["Resources"]) == 2


def test_a_home_region_without_queues_has_no_rule_for_events(stack: Stack) -> None:
    assert fan_out(stack, queues={"eu-west-1": "gpu"}).region is None
    assert [name for name in by_type(stack, "AWS::Events::Rule") if "Region" in name] == []


def test_the_functions_share_one_asset_and_one_environment(stack: Stack) -> None:
    created = full_fan_out(stack)
    functions = by_type(stack, "AWS::Lambda::Function")
    handlers = {entry["Handler"] for entry in functions.values()}
    assert handlers == {
        f"fairlane_lambda.fan_out.{name}.handler.handler"
        for name in ("plan", "submit", "outcomes", "reconcile", "capacity")
    }
    assert len({json.dumps(entry["Code"]) for entry in functions.values()}) == 1
    (environment,) = {json.dumps(entry["Environment"]["Variables"]) for entry in functions.values()}
    variables = json.loads(environment)
    assert set(variables) == {
        *("FAIRLANE_NAMESPACE", "FAN_OUT", "CONFIG_BUCKET", "CONFIG_KEY", "BUCKET", "TABLE", "DATABASE", "WORKGROUP"),
        *("STATE_MACHINE", "STORE", "ROLES", "COPY_ROLE"),
    }
    assert text_of(variables["CONFIG_KEY"]).endswith(".json")
    assert list(json.loads(text_of(variables["ROLES"]))) == ["search"]
    assert variables["STORE"] == stack.resolve(created.functions["plan"].function.environment)["variables"]["STORE"]
    submit = one(stack, "AWS::Lambda::Function", "Submit")
    assert (submit["Timeout"], submit["MemorySize"], "EphemeralStorage" in submit) == (900, 512, False)
    plan = one(stack, "AWS::Lambda::Function", "Plan")
    assert (plan["Timeout"], plan["EphemeralStorage"]) == (900, {"Size": 10_240})
    reconcile = one(stack, "AWS::Lambda::Function", "Reconcile")
    assert (reconcile["Timeout"], reconcile["MemorySize"]) == (900, 1_769)


def test_without_store_and_copies_their_variables_are_empty(stack: Stack) -> None:
    created = fan_out(stack)
    assert created.copy_role is None
    variables = one(stack, "AWS::Lambda::Function", "Plan")["Environment"]["Variables"]
    assert (variables["STORE"], variables["COPY_ROLE"]) == ("", "")


def test_schedules_invoke_functions_and_run_the_query(stack: Stack) -> None:
    full_fan_out(stack)
    schedules = by_type(stack, "AWS::Scheduler::Schedule").values()
    assert sorted((entry["ScheduleExpression"], entry["Target"]["Input"]) for entry in schedules) == [
        ("rate(1 day)", '{"operation": "query"}'),
        ("rate(5 minutes)", "{}"),
        ("rate(60 minutes)", "{}"),
    ]


def test_clients_find_the_fan_out_by_one_parameter(stack: Stack) -> None:
    fan_out(stack)
    parameter = one(stack, "AWS::SSM::Parameter")
    assert parameter["Name"] == "/fairlane/fan-out/campaigns"
    place = json.loads(text_of(parameter["Value"]))
    assert {key: value for key, value in place.items() if key not in ("bucket", "table", "state_machine")} == {
        "name": "campaigns",
        "region": "us-east-1",
        "regions": ["us-east-1", "eu-west-1"],
        "database": "fairlane_fan_out_campaigns",
        "workgroup": "fairlane-fan-out-campaigns",
    }


def test_the_configuration_is_an_asset_with_the_text_of_the_template(stack: Stack, app: App) -> None:
    created = fan_out(stack)
    folder = app.synth().directory
    (asset,) = (path for path in Path(folder).glob("asset.*.json"))
    assert json.loads(asset.read_text()) == created.spec.config("campaigns", "us-east-1")


@pytest.mark.parametrize("known", [True, False], ids=["known account", "unknown account"])
def test_fan_outs_with_all_grants_pass_cdk_nag_and_cfn_lint(known: bool) -> None:
    app = App()
    stack = Stack(app, "Stack", env=Environment(account=ACCOUNT if known else None, region="us-east-1"))
    created = full_fan_out(stack)
    for method in ("start", "read", "stop"):
        getattr(created.grants, method)(iam.Role(stack, method, assumed_by=iam.AccountRootPrincipal()))
    CfnOutput(stack, "Bucket", value=created.bucket.bucket_name)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises if cdk-nag reports a finding
    assert cfn_lint.findings(template_of(stack)) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("region", [None, "eu-west-1"])
def test_metrics_have_the_dimensions_of_the_catalog(stack: Stack, kind: str, region: str | None) -> None:
    metric = getattr(fan_out(stack, namespace="Own"), f"metric_{kind}")(region)
    expected = {"FanOut": "campaigns"} | ({"Region": region} if region else {})
    assert (metric.namespace, dict(metric.dimensions)) == ("Own", expected)
    assert metric.metric_name in metrics_catalog()["metrics"]
    assert metric.period.to_minutes() == 5


def test_an_unknown_metric_is_an_error(stack: Stack) -> None:
    with pytest.raises(ValueError, match="no metric JobsFailed of fan-outs"):
        fan_out(stack).metric("JobsFailed")
