"""State machine of a fan-out: plan, submit in all Regions at once, close."""

from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.iam_statements import allow
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.service_role import service_role
from fairlane.fan_out.fan_out_rules import MAX_REGIONS

_LOG_RETENTION_DAYS: Final = 30
_LOG_DELIVERY: Final = [
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
]
_TRACING: Final = [
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
]
_RETRY: Final = {
    "ErrorEquals": [
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.ServiceException",
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Sandbox.Timedout",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 6,
    "BackoffRate": 2,
}
"""Retry of invocations, also of functions that were killed or ran out of time.

A second invocation is harmless: the ledger keeps its lines apart from those of the first.
"""


def definition(plan_arn: str, submit_arn: str) -> dict[str, Any]:
    """Return the definition in the Amazon States Language, with JSONPath.

    Args:
        plan_arn: ARN of the function that plans and closes.
        submit_arn: ARN of the function that submits the lines of one Region.
    """
    closing = {
        "operation": "close",
        "manifest.$": "$.manifest",
        "version.$": "$.version",
        "results.$": "$.results",
    }
    return {
        "StartAt": "Start",
        "States": {
            "Start": {"Type": "Pass", "InputPath": "$$.Execution.Id", "ResultPath": "$.execution", "Next": "Plan"},
            "Plan": {**_invoke(plan_arn), "Next": "Planned"},
            "Planned": _choice({"PLANNED": "Regions", "WAIT": "WaitForPlan", "CHECKED": "Done"}, "Refused"),
            "WaitForPlan": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Plan"},
            "Regions": {
                "Type": "Map",
                "ItemsPath": "$.regions",
                "MaxConcurrency": MAX_REGIONS,
                "ItemProcessor": _region(submit_arn),
                "ResultPath": "$.results",
                "Next": "Close",
            },
            "Close": {**_invoke(plan_arn, closing), "Next": "Closed"},
            "Closed": _choice({"FAILED": "Failed"}, "Done"),
            "Refused": {"Type": "Fail", "Error": "Refused", "CausePath": "$.plan"},
            "Failed": {"Type": "Fail", "Error": "Failed", "Cause": "Not all lines of a Region were submitted"},
            "Done": {"Type": "Succeed"},
        },
    }


def _region(submit_arn: str) -> dict[str, Any]:
    """Return the states that submit the lines of one Region, and that let no Region stop another one."""
    caught = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "RegionFailed"}
    return {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "Submit",
        "States": {
            "Submit": {**_invoke(submit_arn), "Catch": [caught], "Next": "Submitted"},
            "Submitted": _choice({"MORE": "WaitForSlot"}, "RegionDone"),
            "WaitForSlot": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Submit"},
            "RegionDone": {"Type": "Pass", "End": True},
            "RegionFailed": {
                "Type": "Pass",
                "Parameters": {"status": "FAILED", "region.$": "$.region", "error.$": "$.error.Error"},
                "End": True,
            },
        },
    }


def _invoke(function_arn: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
    given: dict[str, Any] = {"Payload.$": "$"} if payload is None else {"Payload": payload}
    return {
        "Type": "Task",
        "Resource": f"{ARN}:states:::lambda:invoke",
        "Parameters": {"FunctionName": function_arn, **given},
        "OutputPath": "$.Payload",
        "Retry": [_RETRY],
    }


def _choice(by_status: dict[str, str], otherwise: str) -> dict[str, Any]:
    choices = [{"Variable": "$.status", "StringEquals": status, "Next": name} for status, name in by_status.items()]
    return {"Type": "Choice", "Choices": choices, "Default": otherwise}


def create_state_machine(
    scope: Construct, name: str, plan_arn: str, submit_arn: str, log_key: str | None
) -> stepfunctions.CfnStateMachine:
    """Create the state machine with its role, and a log of all events without their data.

    Args:
        scope: Fan-out.
        name: Name of the state machine.
        plan_arn: ARN of the function that plans and closes.
        submit_arn: ARN of the function that submits the lines of one Region.
        log_key: ARN of the KMS key of the log group. None for a key of CloudWatch Logs.
    """
    home, parent = Claims.regional(scope), Construct(scope, "StateMachine")
    log_group = logs.CfnLogGroup(
        parent,
        "Logs",
        # Log groups with this prefix do not fill the resource policy of the account.
        log_group_name=f"/aws/vendedlogs/states/{name}",
        retention_in_days=_LOG_RETENTION_DAYS,
        kms_key_id=log_key,
    )
    log_group.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
    role = service_role(
        parent,
        "Role",
        "states.amazonaws.com",
        [allow(["lambda:InvokeFunction"], [plan_arn, submit_arn]), allow([*_LOG_DELIVERY, *_TRACING], ["*"])],
        source_arn=f"{ARN}:states:{home.region}:{home.account}:stateMachine:{name}",
    )
    acknowledge_wildcards(role, {"*": "log deliveries and traces of a state machine have no resources"})
    cfn = stepfunctions.CfnStateMachine
    destination = cfn.LogDestinationProperty(
        cloud_watch_logs_log_group=cfn.CloudWatchLogsLogGroupProperty(log_group_arn=log_group.attr_arn)
    )
    return cfn(
        parent,
        "Resource",
        state_machine_name=name,
        state_machine_type="STANDARD",
        role_arn=role.attr_arn,
        definition_string=cdk.Stack.of(scope).to_json_string(definition(plan_arn, submit_arn)),
        logging_configuration=cfn.LoggingConfigurationProperty(
            destinations=[destination], include_execution_data=False, level="ALL"
        ),
        tracing_configuration=cfn.TracingConfigurationProperty(enabled=True),
    )
