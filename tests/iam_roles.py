"""Roles of synthesized templates, with intrinsic functions resolved as at a deployment."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import Stack

from tests.iam_evaluator import ACCOUNT, Statement
from tests.support import template_of

_POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
_ARNS: Final = {
    "AWS::Batch::JobQueue": ("batch", "job-queue/{JobQueueName}"),
    "AWS::ECR::Repository": ("ecr", "repository/{RepositoryName}"),
    "AWS::Events::EventBus": ("events", "event-bus/{Name}"),
    "AWS::IAM::Role": ("iam", "role/{RoleName}"),
    "AWS::KMS::Key": ("kms", "key/{id}"),
    "AWS::Lambda::Function": ("lambda", "function:{FunctionName}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{LogGroupName}:*"),
    "AWS::SNS::Topic": ("sns", "{TopicName}"),
    "AWS::SQS::Queue": ("sqs", "{QueueName}"),
}
"""Service and last part of the ARN of a resource. A name that the template does not give is the logical id."""


@dataclass(frozen=True, slots=True)
class Role:
    """Role of a template."""

    stack: str
    logical_id: str
    trust: Mapping[str, Any]
    statements: tuple[Statement, ...]
    managed_policies: tuple[str, ...]


class Deployment:
    """Template of a stack, as deployed in one account."""

    def __init__(self, stack: Stack, account: str = ACCOUNT, region: str = "us-east-1") -> None:
        """Read the template. Account and Region are those of the stack, if it has any."""
        self.name = stack.stack_name
        self.resources: dict[str, Any] = template_of(stack).get("Resources", {})
        self.account, self.region = (
            default if "${Token" in value else value
            for value, default in ((stack.account, account), (stack.region, region))
        )

    def roles(self) -> Iterator[Role]:
        """Yield all roles, with the statements of their own and of attached policies."""
        for logical_id, resource in self.resources.items():
            if resource["Type"] == "AWS::IAM::Role":
                properties = self.resolved(resource["Properties"])
                inline = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
                attached = [
                    policy["Properties"]["PolicyDocument"]
                    for policy in map(self.resolved, self._of_type(*_POLICIES))
                    if logical_id in policy["Properties"].get("Roles", ())
                ]
                statements = tuple(item for policy in (*inline, *attached) for item in policy["Statement"])
                managed = tuple(properties.get("ManagedPolicyArns", ()))
                yield Role(self.name, logical_id, properties["AssumeRolePolicyDocument"], statements, managed)

    def statements(self, prefix: str = "") -> list[Statement]:
        """Return the statements of policies by the prefix of their logical ids."""
        return [
            statement
            for logical_id, resource in self.resources.items()
            if resource["Type"] in _POLICIES and logical_id.startswith(prefix)
            for statement in self.resolved(resource["Properties"]["PolicyDocument"]["Statement"])
        ]

    def resolved(self, value: Any) -> Any:
        """Return a value with `Ref`, `Fn::GetAtt`, `Fn::Join`, `Fn::Sub` and `Fn::ImportValue` resolved."""
        pseudo = {"AWS::Partition": "aws", "AWS::AccountId": self.account, "AWS::Region": self.region}
        pseudo |= {"AWS::URLSuffix": "amazonaws.com", "AWS::StackName": self.name}
        match value:
            case {"Ref": name} if name in pseudo:
                return pseudo[name]
            case {"Ref": name}:
                is_arn = self.resources[name]["Type"] == "AWS::SNS::Topic"
                return self._arn(name) if is_arn else name
            case {"Fn::GetAtt": [name, "Arn" | "JobQueueArn" | "TopicArn"]}:
                return self._arn(name)
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{name}.{attribute}"
            case {"Fn::Join": [separator, parts]}:
                return separator.join(map(str, map(self.resolved, parts)))
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([\w:]+)\}", lambda match: self.resolved({"Ref": match[1]}), text)
            case {"Fn::ImportValue": inner}:
                return self.resolved(inner)
            case dict():
                return {key: self.resolved(item) for key, item in value.items()}
            case list():
                return [self.resolved(item) for item in value]
            case _:
                return value

    def _of_type(self, *types: str) -> list[dict[str, Any]]:
        return [resource for resource in self.resources.values() if resource["Type"] in types]

    def _arn(self, logical_id: str) -> str:
        service, form = _ARNS[self.resources[logical_id]["Type"]]
        properties = self.resources[logical_id].get("Properties", {})
        path = re.sub(r"\{(\w+)\}", lambda match: self.resolved(properties.get(match[1], logical_id)), form)
        region = "" if service == "iam" else self.region
        return f"arn:aws:{service}:{region}:{self.account}:{path}"
