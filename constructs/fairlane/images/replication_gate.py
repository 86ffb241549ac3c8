"""Waiting until an image is in every Region, at deployment and in pipelines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IConstruct

from fairlane._internal.checks import check_list, check_whole_number
from fairlane._internal.claims import Claims
from fairlane._internal.functions import Function, code_of_functions
from fairlane._internal.iam_statements import Statement, allow
from fairlane._internal.nag import acknowledge_wildcards
from fairlane.errors import ConfigurationError, Problem
from fairlane.images.names import Place, check_version
from fairlane.images.replicated_repository import ReplicatedRepository

if TYPE_CHECKING:
    from aws_cdk import custom_resources

_MOST_MINUTES: Final = 59
"""CloudFormation waits for a custom resource for an hour."""

_POLL: Final = cdk.Duration.seconds(30)
_TIMEOUT: Final = 60
_NO_RESOURCE: Final = "backfills are of a registry, for which Amazon ECR knows no resource"
_LOGS_POLICY: Final = "arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
_PROVIDER_FINDINGS: Final = {
    f"AwsSolutions-IAM4[Policy::{_LOGS_POLICY}]": "the CDK's provider framework takes AWS's policy for writing logs",
    "AwsSolutions-L1": "the CDK chooses the runtime of its framework",
    "AwsSolutions-SF1": "the state machine only asks again and again; the functions that it calls log",
    "AwsSolutions-SF2": "the state machine only asks again and again; the functions that it calls log",
}


class ReplicationGate(Construct):
    """Waits until an image is in every Region that its repository is replicated to.

    `wait` makes a deployment wait, `backfill` makes it begin and await the replication of images that were there before
    the rules, and `function` tells a pipeline how far an image is. All of them ask ECR for its status, as its events
    may be lost. A wait fails at once if ECR gave up, and after `timeout_minutes` if the image is not everywhere, or was
    not pushed: push it first, then deploy what waits for it.

    `function` takes `{"repository": NAME, "image": TAG or DIGEST, "regions": [...]}` and returns at once: `complete`,
    the state in each of `regions` of its own account, and failure codes in `failed`. Whoever waits calls it again.

    Updates: in place; another image is waited for anew. Nothing of it has been run against an AWS account, and whether
    the boto3 of Lambda's runtime knows backfills is not known: a deployment with a backfill fails if it does not.
    Sources: "DescribeImageReplicationStatus" and "StartReplicationBackfill" in the Amazon ECR API reference.

    Args:
        scope: where it goes in the app: a stack in the repositories' home Region.
        construct_id: its id there.
        repositories: those whose images it may be asked for.
        timeout_minutes: the most that a deployment waits, 1 to 59.

    Attributes:
        repositories: as given.
        function: what pipelines call.

    Raises:
        ConfigurationError: With every repository, image and timeout that cannot be right.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repositories: Sequence[ReplicatedRepository],
        timeout_minutes: int = 45,
    ) -> None:
        here = Claims.at(scope)
        problems = list(check_list(("repositories",), repositories, ReplicatedRepository, "ReplicatedRepository"))
        if not problems:
            problems = list(_problems(Place(here.account, here.region), repositories))
        problems += check_whole_number(("timeout_minutes",), timeout_minutes, 1, _MOST_MINUTES, unit="minutes")
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self.repositories = list(repositories)
        self._timeout = cdk.Duration.minutes(timeout_minutes)
        self._provider: custom_resources.Provider | None = None
        self._made: dict[tuple[str, str], list[tuple[dict[str, Any], cdk.CustomResource]]] = {}
        self._waits, self._backfills = Construct(self, "Waits"), Construct(self, "Backfills")
        self._code = code_of_functions(self)
        self._look = allow(["ecr:DescribeImageReplicationStatus"], [one.repository_arn for one in repositories])
        self.function = self._function("Function", "handler", [self._look])

    def wait(self, repository: ReplicatedRepository, tag_or_digest: str) -> cdk.CustomResource:
        """Makes a deployment wait for an image: whatever depends on what this returns is made when it is everywhere.

        Args:
            repository: one of the gate's.
            tag_or_digest: which image.

        Raises:
            ConfigurationError: for another repository, or what is neither a tag nor a digest.
        """
        problems = [*check_version(("tag_or_digest",), tag_or_digest), *self._member_problems(repository)]
        if problems:
            raise ConfigurationError(f"{self.node.path}.wait", problems)
        properties = {
            "Repository": repository.repository_name,
            "Image": tag_or_digest,
            "Destinations": _as_api(repository.destinations),
        }
        return self._once(self._waits, repository, properties)

    def backfill(self, repository: ReplicatedRepository, *, regions: Sequence[str] | None = None) -> cdk.CustomResource:
        """Replicates images that are older than the rules, and makes a deployment wait until that is done.

        ECR knows backfills of a whole registry only: all images that any rule sends to those Regions are replicated,
        and each is billed as a replication. Once done, it is not repeated; another Region gets a backfill of its own.

        Args:
            repository: one that is replicated there.
            regions: one Region or more of its own account; all of them by default.

        Raises:
            ConfigurationError: for another repository, for no Region, or one that it is not replicated to.
        """
        own = sorted(place.region for place in repository.destinations if place.account == repository.home.account)
        wanted = own if regions is None else list(regions)
        allowed = f"a Region that it is replicated to: {', '.join(own)}"
        problems = list(self._member_problems(repository))
        problems += [Problem(("regions", n), one, allowed) for n, one in enumerate(wanted) if one not in own]
        if not wanted:
            problems.append(Problem(("regions",), wanted, "one Region or more that it is replicated to"))
        if problems:
            raise ConfigurationError(f"{self.node.path}.backfill", problems)
        places = _as_api(Place(repository.home.account, region) for region in wanted)
        return self._once(self._backfills, repository, {"Backfill": places})

    def _member_problems(self, repository: ReplicatedRepository) -> Iterator[Problem]:
        if repository not in self.repositories:
            every = ", ".join(one.repository_name for one in self.repositories)
            yield Problem(("repository",), repository.repository_name, f"one of the gate's: {every}")

    def _once(
        self, scope: Construct, repository: ReplicatedRepository, properties: dict[str, Any]
    ) -> cdk.CustomResource:
        """Makes a resource, or finds what was made for the same; all but the first of a repository are numbered."""
        made = self._made.setdefault((scope.node.id, repository.repository_name), [])
        for known, resource in made:
            if known == properties:
                return resource
        if self._provider is None:
            self._provider = self._make_provider()
        inside = made[0][1].node.scope if made else Construct(scope, repository.repository_name)
        assert isinstance(inside, Construct)
        resource = cdk.CustomResource(
            inside,
            f"Resource{len(made) + 1}" if made else "Resource",
            resource_type="Custom::FairlaneReplicationGate",
            service_token=self._provider.service_token,
            properties=properties,
        )
        if repository.registry:
            resource.node.add_dependency(repository.registry)
        made.append((properties, resource))
        return resource

    def _make_provider(self) -> "custom_resources.Provider":
        fill = allow(["ecr:ListReplicationBackfills", "ecr:StartReplicationBackfill"], ["*"])
        asked = {
            entry: self._function(name, entry, [self._look, fill], {"*": _NO_RESOURCE})
            for name, entry in (("OnEvent", "on_event"), ("IsComplete", "is_complete"))
        }
        known = {
            entry: lambda_.Function.from_function_attributes(
                made, "Known", function_arn=made.arn, same_environment=True
            )
            for entry, made in asked.items()
        }
        from aws_cdk import custom_resources  # noqa: PLC0415 (loads for ten milliseconds; few gates wait)

        provider = custom_resources.Provider(
            self,
            "Provider",
            on_event_handler=known["on_event"],
            is_complete_handler=known["is_complete"],
            query_interval=_POLL,
            total_timeout=self._timeout,
        )
        cdk.Validations.of(provider).acknowledge(
            *(cdk.Acknowledgment(id=finding, reason=reason) for finding, reason in _PROVIDER_FINDINGS.items())
        )
        inner = [provider.node.find_child(f"framework-{name}") for name in ("isComplete", "onTimeout")]
        called = [made.arn for made in asked.values()]
        called += [one.function_arn for one in inner if isinstance(one, lambda_.Function)]
        why = "the CDK's provider framework may call all versions of the functions that it was made for"
        acknowledge_wildcards(provider, {f"{arn}:*": why for arn in called})
        for construct in provider.node.find_all():
            _let_cfn_lint_pass(construct, "W3005")  # the CDK says twice what its resources depend on
        for made in asked.values():
            _let_cfn_lint_pass(made.node.find_child("Role"), "W3037")  # backfills are newer than its list of actions
        return provider

    def _function(
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
        )


def _let_cfn_lint_pass(construct: IConstruct, check: str) -> None:
    if isinstance(construct, cdk.CfnResource):
        construct.add_metadata("cfn-lint", {"config": {"ignore_checks": [check]}})


def _as_api(places: Iterable[Place]) -> list[dict[str, str]]:
    return [{"region": place.region, "registryId": place.account} for place in sorted(set(places))]


def _problems(here: Place, repositories: Sequence[ReplicatedRepository]) -> Iterator[Problem]:
    if not repositories:
        yield Problem(("repositories",), "0 repositories", "one or more")
    for index, repository in enumerate(repositories):
        field, name = ("repositories", index), repository.repository_name
        if repository.home != here:
            yield Problem(field, name, f"one whose home is {here}, where ECR knows how far its images are")
        if not repository.destinations:
            yield Problem(field, name, "one that is replicated")
