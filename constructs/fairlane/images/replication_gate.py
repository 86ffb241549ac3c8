"""Gate that waits until an image is replicated, at deployment and in pipelines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from fairlane._internal.checks import check_list, check_whole_number
from fairlane._internal.claims import Claims
from fairlane._internal.functions import Function, lambda_code
from fairlane._internal.iam_statements import Statement, allow
from fairlane._internal.log_encryption import AnyKey, log_key_arn, log_key_problems, with_log_key
from fairlane._internal.nag import acknowledge_wildcards
from fairlane.errors import ConfigurationError, Problem
from fairlane.images.names import Place, check_version
from fairlane.images.replicated_repository import ReplicatedRepository

if TYPE_CHECKING:
    from aws_cdk import custom_resources

_MAX_MINUTES: Final = 59
"""CloudFormation waits for a custom resource for at most an hour."""

_POLL: Final = cdk.Duration.seconds(30)
_TIMEOUT: Final = 60
_NO_RESOURCE: Final = "a backfill belongs to a registry, for which Amazon ECR has no resource type"
_LOGS_POLICY: Final = "arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
_PROVIDER_FINDINGS: Final = {
    f"AwsSolutions-IAM4[Policy::{_LOGS_POLICY}]": "the CDK's provider framework uses AWS's managed policy for logs",
    "AwsSolutions-L1": "the CDK chooses the runtime of its framework",
    "AwsSolutions-SF1": "the state machine only polls; the functions that it invokes write logs",
    "AwsSolutions-SF2": "the state machine only polls; the functions that it invokes write logs",
}


class ReplicationGate(Construct):
    """Gate that waits until an image is in every Region that its repository is replicated to.

    `wait` makes a deployment wait for an image. `backfill` starts the replication of images that are older than the
    replication rules, and makes the deployment wait for it. `function` returns the replication status of an image to a
    pipeline. All of them request the status from ECR, because ECR may lose events. A wait fails at once if ECR reports
    a failure, and after `timeout_minutes` if the image is not in every Region or was never pushed: push the image
    first, then deploy the resources that wait for it.

    `function` accepts `{"repository": NAME, "image": TAG or DIGEST, "regions": [...]}` and returns at once: `complete`,
    the state in each of `regions` of its own account, and the failure codes in `failed`. To wait, a pipeline invokes
    the function repeatedly.

    Updates: in place. A changed image starts a new wait. Not tested against a real AWS account. Unverified: support for
    backfills in the boto3 version of Lambda's runtime; without it, a deployment with a backfill fails.

    Sources: "DescribeImageReplicationStatus" and "StartReplicationBackfill" in the Amazon ECR API reference.

    Args:
        scope: Scope of the construct: a stack in the home Region of the repositories.
        construct_id: Id of the construct.
        repositories: Repositories of the images, one or more.
        timeout_minutes: Number of minutes that a deployment waits at most, 1 to 59. Default: 45.
        log_encryption_key: KMS key of the log groups of all functions, or its ARN, as in `TrainingVpc`. Default:
            encryption with a key of CloudWatch Logs.

    Attributes:
        repositories: Repositories, as given.
        function: Function that pipelines invoke.

    Raises:
        ConfigurationError: If a repository has another home or no destination, if the timeout is out of range, or if
            the key is not valid.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repositories: Sequence[ReplicatedRepository],
        timeout_minutes: int = 45,
        log_encryption_key: AnyKey | None = None,
    ) -> None:
        claims = Claims.regional(scope)
        problems = list(check_list(("repositories",), repositories, ReplicatedRepository, "ReplicatedRepository"))
        if not problems:
            problems = list(_problems(Place(claims.account, claims.region), repositories))
        problems += check_whole_number(("timeout_minutes",), timeout_minutes, 1, _MAX_MINUTES, unit="minutes")
        problems += log_key_problems(scope, log_encryption_key)
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self._code = lambda_code(self)
        self.repositories = list(repositories)
        self._timeout = cdk.Duration.minutes(timeout_minutes)
        self._provider: custom_resources.Provider | None = None
        self._resources: dict[tuple[str, str], list[tuple[dict[str, Any], cdk.CustomResource]]] = {}
        self._waits, self._backfills = Construct(self, "Waits"), Construct(self, "Backfills")
        self._log_key = log_key_arn(self, log_encryption_key)
        arns = [repository.repository_arn for repository in repositories]
        self._status_statement = allow(["ecr:DescribeImageReplicationStatus"], arns)
        self.function = self._create_function("Function", "handler", [self._status_statement])

    def wait(self, repository: ReplicatedRepository, tag_or_digest: str) -> cdk.CustomResource:
        """Make the deployment wait for an image.

        CloudFormation creates resources that depend on the returned resource after the image is in every Region.

        Args:
            repository: Repository of the gate.
            tag_or_digest: Tag or digest of the image.

        Raises:
            ConfigurationError: If the gate does not have the repository, or the value is neither a tag nor a digest.
        """
        problems = [*check_version(("tag_or_digest",), tag_or_digest), *self._member_problems(repository)]
        if problems:
            raise ConfigurationError(f"{self.node.path}.wait", problems)
        properties = {
            "Repository": repository.repository_name,
            "Image": tag_or_digest,
            "Destinations": _render_places(repository.destinations),
        }
        return self._waiting_resource(self._waits, repository, properties)

    def backfill(self, repository: ReplicatedRepository, *, regions: Sequence[str] | None = None) -> cdk.CustomResource:
        """Replicate images that are older than the replication rules, and make the deployment wait for it.

        ECR supports backfills only of a whole registry: ECR replicates all images that any rule sends to the Regions,
        and bills each of them as a replication. A finished backfill is not repeated. A new Region gets its own
        backfill.

        Args:
            repository: Repository of the gate.
            regions: Destination Regions in the repository's account, one or more. Default: all of them.

        Raises:
            ConfigurationError: If the gate does not have the repository, if `regions` is empty, or if the repository is
                not replicated to a Region.
        """
        account = repository.home.account
        destinations = sorted(place.region for place in repository.destinations if place.account == account)
        selected = destinations if regions is None else list(regions)
        allowed = f"a Region that the repository is replicated to: {', '.join(destinations)}"
        problems = list(self._member_problems(repository))
        problems += [
            Problem(("regions", index), region, allowed)
            for index, region in enumerate(selected)
            if region not in destinations
        ]
        if not selected:
            problems.append(Problem(("regions",), selected, "one or more Regions that the repository is replicated to"))
        if problems:
            raise ConfigurationError(f"{self.node.path}.backfill", problems)
        places = _render_places(Place(account, region) for region in selected)
        return self._waiting_resource(self._backfills, repository, {"Backfill": places})

    def _member_problems(self, repository: ReplicatedRepository) -> Iterator[Problem]:
        if repository not in self.repositories:
            names = ", ".join(member.repository_name for member in self.repositories)
            sentence = f"{repository.repository_name} is not a repository of this gate: use one of {names}"
            yield Problem.relation(("repository",), sentence)

    def _waiting_resource(
        self, scope: Construct, repository: ReplicatedRepository, properties: dict[str, Any]
    ) -> cdk.CustomResource:
        """Return the resource with the properties, and create it if the gate has none.

        The ids of a repository's resources are numbered from the second resource on.
        """
        resources = self._resources.setdefault((scope.node.id, repository.repository_name), [])
        for existing_properties, resource in resources:
            if existing_properties == properties:
                return resource
        if self._provider is None:
            self._provider = self._create_provider()
        parent = resources[0][1].node.scope if resources else Construct(scope, repository.repository_name)
        assert isinstance(parent, Construct)
        resource = cdk.CustomResource(
            parent,
            f"Resource{len(resources) + 1}" if resources else "Resource",
            resource_type="Custom::FairlaneReplicationGate",
            service_token=self._provider.service_token,
            properties=properties,
        )
        if repository.registry:
            resource.node.add_dependency(repository.registry)
        resources.append((properties, resource))
        return resource

    def _create_provider(self) -> "custom_resources.Provider":
        backfill = allow(["ecr:ListReplicationBackfills", "ecr:StartReplicationBackfill"], ["*"])
        functions = {
            entry: self._create_function(name, entry, [self._status_statement, backfill], {"*": _NO_RESOURCE})
            for name, entry in (("OnEvent", "on_event"), ("IsComplete", "is_complete"))
        }
        handlers = {
            entry: lambda_.Function.from_function_attributes(
                function, "Known", function_arn=function.arn, same_environment=True
            )
            for entry, function in functions.items()
        }
        from aws_cdk import custom_resources  # noqa: PLC0415 (loads in ten milliseconds; few gates wait)

        provider = custom_resources.Provider(
            self,
            "Provider",
            on_event_handler=handlers["on_event"],
            is_complete_handler=handlers["is_complete"],
            query_interval=_POLL,
            total_timeout=self._timeout,
            log_group=self._provider_log_group(self._log_key) if self._log_key else None,
        )
        cdk.Validations.of(provider).acknowledge(
            *(cdk.Acknowledgment(id=finding, reason=reason) for finding, reason in _PROVIDER_FINDINGS.items())
        )
        framework = [provider.node.find_child(f"framework-{name}") for name in ("isComplete", "onTimeout")]
        arns = [function.arn for function in functions.values()]
        arns += [function.function_arn for function in framework if isinstance(function, lambda_.Function)]
        reason = "the CDK's provider framework may invoke all versions of its functions"
        acknowledge_wildcards(provider, {f"{arn}:*": reason for arn in arns})
        for construct in provider.node.find_all():
            _ignore_check(construct, "W3005")  # the CDK renders redundant DependsOn entries
        for function in functions.values():
            _ignore_check(function.node.find_child("Role"), "W3037")  # cfn-lint's list of actions has no backfills
        return provider

    def _provider_log_group(self, key_arn: str) -> logs.LogGroup:
        """Create the log group of the CDK's functions, whose own log groups have no key."""
        log_group = logs.LogGroup(
            self,
            "ProviderLogs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        return with_log_key(log_group, key_arn)

    def _create_function(
        self,
        construct_id: str,
        entry: str,
        statements: Sequence[Statement],
        wildcards: Mapping[str, str] | None = None,
    ) -> Function:
        return Function(
            self,
            construct_id,
            code=self._code,
            handler="replication_gate",
            entry=entry,
            timeout_seconds=_TIMEOUT,
            environment={"REGISTRY_ID": cdk.Stack.of(self).account},
            statements=statements,
            wildcards=wildcards or {},
            log_key=self._log_key,
        )


def _ignore_check(construct: IConstruct, check: str) -> None:
    if isinstance(construct, cdk.CfnResource):
        construct.add_metadata("cfn-lint", {"config": {"ignore_checks": [check]}})


def _render_places(places: Iterable[Place]) -> list[dict[str, str]]:
    return [{"region": place.region, "registryId": place.account} for place in sorted(set(places))]


def _problems(place: Place, repositories: Sequence[ReplicatedRepository]) -> Iterator[Problem]:
    if not repositories:
        yield Problem.relation(("repositories",), "the list is empty: use one or more repositories")
    for index, repository in enumerate(repositories):
        field, name = ("repositories", index), repository.repository_name
        if repository.home != place:
            sentence = f"the home of {name} is {repository.home}, and this gate is in {place}"
            yield Problem.relation(field, f"{sentence}: create the gate in the home Region")
        if not repository.destinations:
            yield Problem.relation(field, f"{name} has no destinations: list only replicated repositories")
