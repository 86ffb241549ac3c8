"""Roles of synthesized templates, with intrinsic functions resolved as at a deployment."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aws_cdk import App, Stack

from fairlane._internal.nag import flat
from tests.iam_evaluator import ACCOUNT, Statement
from tests.support import template_of

_POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
_ELSEWHERE: Final = {
    "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
}
"""Trust policy that stands for those of roles of other owners: people of the account."""
_ARNS: Final = {
    "AWS::Athena::WorkGroup": ("athena", "workgroup/{Name}"),
    "AWS::Batch::JobQueue": ("batch", "job-queue/{JobQueueName}"),
    "AWS::DynamoDB::Table": ("dynamodb", "table/{id}"),
    "AWS::ECR::Repository": ("ecr", "repository/{RepositoryName}"),
    "AWS::EKS::Cluster": ("eks", "cluster/{Name}"),
    "AWS::Events::EventBus": ("events", "event-bus/{Name}"),
    "AWS::IAM::ManagedPolicy": ("iam", "policy/{id}"),
    "AWS::IAM::Role": ("iam", "role/{RoleName}"),
    "AWS::KMS::Key": ("kms", "key/{id}"),
    "AWS::Lambda::Function": ("lambda", "function:{FunctionName}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{LogGroupName}:*"),
    "AWS::S3::Bucket": ("s3", "{id}"),
    "AWS::SageMaker::Cluster": ("sagemaker", "cluster/abcdefghijkl"),
    "AWS::SNS::Topic": ("sns", "{TopicName}"),
    "AWS::SQS::Queue": ("sqs", "{QueueName}"),
    "AWS::StepFunctions::StateMachine": ("states", "stateMachine:{StateMachineName}"),
}
"""Service and last part of the ARN of a resource. A name that the template does not give is the logical id."""
_REF_IS_ARN: Final = ("AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine")
_WILDCARD_FINDING: Final = re.compile(r"(?:Annotation::)?AwsSolutions-IAM5\[(?:Resource|Action)::(.*)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Statement of a role with a wildcard in one of its resources or actions.

    Attributes:
        actions: Actions of the statement.
        resource: Resource with the wildcard, or the only resource of an action with a wildcard.
        conditions: Conditions of the statement.
        reason: Reason that cdk-nag accepts. None if there is none.
    """

    actions: tuple[str, ...]
    resource: str
    conditions: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Role:
    """Role of a template.

    Attributes:
        path: Path of the construct, from its stack on.
        arn: ARN.
        trust: Trust policy.
        statements: Statements of its own and of attached policies.
        managed_policies: ARNs of attached policies that the template does not create.
        wildcards: Statements with wildcards.
    """

    path: str
    arn: str
    trust: Mapping[str, Any]
    statements: tuple[Statement, ...]
    managed_policies: tuple[str, ...]
    wildcards: tuple[Wildcard, ...]


class Deployment:
    """Template of a stack, as deployed in one account and Region."""

    def __init__(
        self,
        name: str,
        template: Mapping[str, Any],
        metadata: Mapping[str, Any] = {},
        account: str = ACCOUNT,
        region: str = "us-east-1",
    ) -> None:
        self.name, self.account, self.region = name, account, region
        self.resources: Mapping[str, Any] = template.get("Resources", {})
        self._paths: dict[str, str] = {}
        self._reasons: list[tuple[str, str, str]] = []
        for path, entry in ((path.strip("/"), entry) for path, entries in metadata.items() for entry in entries):
            if entry["type"] == "aws:cdk:logicalId":
                self._paths[entry["data"]] = path
            elif entry["type"] == "aws:cdk:acknowledged-rules":
                matches = ((_WILDCARD_FINDING.fullmatch(finding), reason) for finding, reason in entry["data"].items())
                self._reasons += [(path, match[1], reason) for match, reason in matches if match]

    @classmethod
    def of(cls, stack: Stack) -> "Deployment":
        """Return the deployment of one stack, without the paths of its constructs."""
        return cls(stack.stack_name, template_of(stack))

    @classmethod
    def all_of(cls, app: App) -> "Iterator[Deployment]":
        """Yield the deployments of all stacks of an app, each with an account and a Region."""
        folder = Path(app.synth().directory)
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
        for name, artifact in artifacts.items():
            if artifact["type"] == "aws:cloudformation:stack":
                template = json.loads((folder / artifact["properties"]["templateFile"]).read_text())
                metadata = json.loads((folder / artifact["additionalMetadataFile"]).read_text())
                account, region = artifact["environment"].removeprefix("aws://").split("/")
                yield cls(name, template, metadata, account, region)

    def roles(self) -> Iterator[Role]:
        """Yield all roles of the template."""
        for logical_id in self.of_type("AWS::IAM::Role"):
            policies = dict(self._policies(logical_id))
            properties = self.resolved(self.resources[logical_id]["Properties"])
            managed = [arn for arn in properties.get("ManagedPolicyArns", ()) if f":{self.account}:" not in arn]
            yield Role(
                self._paths.get(logical_id, logical_id),
                self._arn(logical_id),
                properties["AssumeRolePolicyDocument"],
                tuple(self.resolved(item) for statements in policies.values() for item in statements),
                tuple(managed),
                tuple(
                    wildcard
                    for owner, statements in policies.items()
                    for item in statements
                    for wildcard in self._wildcards(owner, item)
                ),
            )

    def everyone(self) -> Iterator[Role]:
        """Yield the roles of the template and the grantees."""
        yield from self.roles()
        yield from self.grantees()

    def grantees(self) -> Iterator[Role]:
        """Yield the named managed policies, and the policies of imported roles, as roles that have only the policy."""
        for logical_id in self.of_type(*_POLICIES):
            properties = self.resources[logical_id]["Properties"]
            if "ManagedPolicyName" in properties or any(isinstance(role, str) for role in properties.get("Roles", ())):
                statements = properties["PolicyDocument"]["Statement"]
                yield Role(
                    self._paths.get(logical_id, logical_id),
                    f"arn:aws:iam::{self.account}:role/{logical_id}",
                    _ELSEWHERE,
                    tuple(map(self.resolved, statements)),
                    (),
                    tuple(wildcard for item in statements for wildcard in self._wildcards(logical_id, item)),
                )

    def statements(self, prefix: str = "") -> list[Statement]:
        """Return the statements of policies by the prefix of their logical ids."""
        return [
            self.resolved(statement)
            for logical_id in self.of_type(*_POLICIES)
            if logical_id.startswith(prefix)
            for statement in self.resources[logical_id]["Properties"]["PolicyDocument"]["Statement"]
        ]

    def of_type(self, *types: str) -> list[str]:
        """Return the logical ids of the resources of types."""
        return [logical_id for logical_id, resource in self.resources.items() if resource["Type"] in types]

    def arns(self, resource_type: str) -> list[str]:
        """Return the ARNs of the resources of a type."""
        return [self._arn(logical_id) for logical_id in self.of_type(resource_type)]

    def resolved(self, value: Any) -> Any:
        """Return a value with its intrinsic functions resolved."""
        pseudo = {"AWS::Partition": "aws", "AWS::AccountId": self.account, "AWS::Region": self.region}
        pseudo |= {"AWS::URLSuffix": "amazonaws.com", "AWS::StackName": self.name}
        match value:
            case {"Ref": name} if name in pseudo:
                return pseudo[name]
            case {"Ref": name}:
                return self._arn(name) if self.resources[name]["Type"] in _REF_IS_ARN else name
            case {"Fn::GetAtt": [name, "Arn" | "ClusterArn" | "JobQueueArn" | "TopicArn"]}:
                return self._arn(name)
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{name}.{attribute}"
            case {"Fn::Join": [separator, parts]}:
                return separator.join(map(str, map(self.resolved, parts)))
            case {"Fn::If": [_, true, _]}:  # the only condition is of Regions with Amazon ECR Public
                return self.resolved(true)
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

    def _policies(self, role: str) -> Iterator[tuple[str, list[Statement]]]:
        """Yield logical ids and unresolved statements of the policies of a role."""
        own = self.resources[role]["Properties"]
        yield role, [item for policy in own.get("Policies", ()) for item in policy["PolicyDocument"]["Statement"]]
        for logical_id in self.of_type(*_POLICIES):
            policy = self.resources[logical_id]["Properties"]
            is_attached = {"Ref": role} in policy.get("Roles", ()) or {"Ref": logical_id} in own.get(
                "ManagedPolicyArns", ()
            )
            if is_attached:
                yield logical_id, policy["PolicyDocument"]["Statement"]

    def _wildcards(self, owner: str, statement: Statement) -> Iterator[Wildcard]:
        actions, resources = tuple(_listed(statement["Action"])), [*map(flat, _listed(statement["Resource"]))]
        conditions = tuple(
            f"{operator} {key}: {', '.join(map(flat, _listed(values)))}"
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
        wild_actions = [action for action in actions if "*" in action]
        wild_resources = [resource for resource in resources if "*" in resource]
        for resource in wild_resources or (resources if wild_actions else []):
            found = [self._reason(owner, finding) for finding in (resource, *wild_actions) if "*" in finding]
            reason = None if None in found else "; ".join(dict.fromkeys(map(str, found)))
            yield Wildcard(actions, resource, conditions, reason)

    def _reason(self, owner: str, finding: str) -> str | None:
        path = f"{self._paths.get(owner, owner)}/"
        reasons = [
            reason for scope, found, reason in self._reasons if found == finding and path.startswith(f"{scope}/")
        ]
        return reasons[0] if reasons else None

    def _arn(self, logical_id: str) -> str:
        service, form = _ARNS[self.resources[logical_id]["Type"]]
        if service == "s3":
            return f"arn:aws:s3:::{logical_id.lower()}"
        properties = self.resources[logical_id].get("Properties", {})
        path = re.sub(r"\{(\w+)\}", lambda match: self.resolved(properties.get(match[1], logical_id)), form)
        return f"arn:aws:{service}:{'' if service == 'iam' else self.region}:{self.account}:{path}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
