"""Custom resource that merges replication rules into a registry document with other owners."""

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from fairlane._internal.functions import Function, lambda_code
from fairlane._internal.iam_statements import allow

_TIMEOUT = 300


class MergedRules(Construct):
    """Custom resource that adds rules to a registry's document, and removes only the rules that it added.

    The resource adds a filter to each of its rules, for repositories that do not exist, and recognizes its rules by
    this filter. ECR has no conditional write for the document: a change that another writer makes between reading and
    writing is lost, unless the writer is a resource of this type.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        log_key: ARN of the KMS key of the function's log group. Default: encryption with a key of CloudWatch Logs.

    Attributes:
        function: Function that writes the rules.
        resource: Underlying custom resource.
    """

    def __init__(self, scope: Construct, construct_id: str, *, log_key: str | None = None) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            code=lambda_code(self),
            handler="registry_rules",
            timeout_seconds=_TIMEOUT,
            environment={},
            statements=[
                allow(["ecr:DescribeRegistry", "ecr:PutReplicationConfiguration"], ["*"]),
                allow(
                    ["iam:CreateServiceLinkedRole"],
                    ["*"],
                    {"StringEquals": {"iam:AWSServiceName": "replication.ecr.amazonaws.com"}},
                ),
            ],
            wildcards={"*": "Amazon ECR has no resource type for the document of a registry"},
            log_key=log_key,
        )
        self.resource = cdk.CfnResource(
            self,
            "Resource",
            type="Custom::FairlaneRegistryRules",
            properties={"ServiceToken": self.function.arn, "Owner": self.node.path, "Rules": []},
        )

    def set_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Set the rules that the resource adds."""
        self.resource.add_property_override("Rules", rules)
