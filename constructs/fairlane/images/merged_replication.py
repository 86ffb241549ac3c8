"""Replication rules in a document that is somebody else's."""

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from fairlane._internal.functions import Function, code_of_functions
from fairlane._internal.iam_statements import allow

_TIMEOUT = 300


class MergedRules(Construct):
    """A custom resource that adds rules to a registry's document, and removes only those that it added.

    It knows them by a filter that it adds to each, of repositories that there are not. ECR writes the document on no
    condition: what somebody else writes in the moment between reading and writing is lost, save for resources of this
    kind.

    Attributes:
        function: what writes them.
        resource: the underlying resource.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            code=code_of_functions(self),
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
            wildcards={"*": "Amazon ECR knows no resource for the document of a registry"},
        )
        self.resource = cdk.CfnResource(
            self,
            "Resource",
            type="Custom::FairlaneRegistryRules",
            properties={"ServiceToken": self.function.arn, "Owner": self.node.path, "Rules": []},
        )

    def set(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Sets which rules they are."""
        self.resource.add_property_override("Rules", rules)
