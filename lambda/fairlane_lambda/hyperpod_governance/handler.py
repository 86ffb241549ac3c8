"""Lambda function of custom resources: quotas and scheduler configurations of HyperPod clusters."""

import sys
import time
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import Any, Final

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.custom_resource import failure_reason, send_response
from fairlane_lambda.hyperpod_governance.policies import KINDS, GovernanceError, Policies

_POLL_SECONDS: Final = 5
_LATE_MS: Final = 30_000  # the last calls, and the response with all its tries
_NOT_CREATED: Final = "not-created"


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Create, update or delete a policy of a HyperPod cluster, and send the result to CloudFormation.

    The types `Custom::FairlaneComputeQuota` and `Custom::FairlaneSchedulerConfig` have the properties of
    `AWS::SageMaker::ComputeQuota` and `AWS::SageMaker::ClusterSchedulerConfig`. The physical id is the id of the
    policy. A repeated request has the same result. An update of `Name` or `ClusterArn` creates a new policy, and
    CloudFormation deletes the old one afterwards; an update of the team needs a new `Name`, because the old policy
    exists until then. Unverified: none of this was run against an AWS account.

    Args:
        event: Request of CloudFormation.
        context: Context of the invocation.

    Raises:
        RuntimeError: If CloudFormation does not accept the response.
    """
    physical_id = str(event.get("PhysicalResourceId") or _NOT_CREATED)
    failure = None
    try:
        physical_id = _apply(event, physical_id, context)
    except Exception as error:  # without a response, CloudFormation waits for an hour
        failure = str(error) if isinstance(error, GovernanceError) else failure_reason(error)
        print(f"{event.get('RequestType')} of {physical_id} failed: {error_name(error)}", file=sys.stderr)
    send_response(event, physical_id, failure)


def _apply(event: Mapping[str, Any], physical_id: str, context: Any) -> str:
    properties = event["ResourceProperties"]

    def wait(status: str) -> None:
        if context.get_remaining_time_in_millis() < _LATE_MS:
            raise GovernanceError(f"SageMaker still reports {status}, and no time is left: deploy again")
        _sleep(_POLL_SECONDS)

    policies = Policies(_sagemaker(), KINDS[event["ResourceType"]], _mark(event), wait)
    match event["RequestType"]:
        case "Create":
            return policies.create(properties)
        case "Update":
            return policies.update(physical_id, properties, event["OldResourceProperties"])
        case _:
            policies.delete(physical_id, properties)
            return physical_id


def _mark(event: Mapping[str, Any]) -> str:
    return sha256(f"{event['StackId']}/{event['LogicalResourceId']}".encode()).hexdigest()[:32]


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


@cache
def _sagemaker() -> Any:
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 5}
    return boto3.client("sagemaker", config=Config(retries=retries, connect_timeout=2, read_timeout=10))
