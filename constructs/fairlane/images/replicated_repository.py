"""Image repository with replicas in other Regions and accounts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ecr as ecr
from constructs import Construct, IConstruct

from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Path, Problem
from fairlane.images.names import MAX_URI, Place, check_version, image_uri, is_digest, partition_name
from fairlane.images.registry_replication import RegistryReplication, rule_problems
from fairlane.images.replication_rules import destinations
from fairlane.images.repository_rules import RepositorySettings, repository_problems

REPOSITORY: Final = "repository"
_DOMAINS: Final = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}


class ReplicatedRepository(Construct):
    """Repository in its home Region, whose images ECR replicates to other Regions under the same name.

    Tags are immutable, except for `mutable_tags`. ECR scans images when they are pushed, only in the home Region: ECR
    does not replicate the scan configuration, and a digest is the same in all Regions. Images with a tag never expire,
    because a queue can still have jobs that name the tag. Images without a tag expire, for example an image whose tag
    was moved to another image. Deleting the construct or its stack keeps the repository and all its replicas.

    The replication rule is in the `RegistryReplication` of the account and Region, which is created if the app has
    none. `ReplicaTemplates` in each destination gives the replicas the same settings, and must be deployed before the
    first push. Fairlane warns about destinations without `ReplicaTemplates` in the app.

    Use a name with a namespace, for example `training/pytorch`: creation templates support only namespaces.

    Updates: in place. Another name or other keys create a new repository without the images. A new Region does not get
    existing images: see `ReplicationGate.backfill`. A removed Region keeps its images. Not tested against a real AWS
    account.

    Sources: "Private image replication", "Preventing image tags from being overwritten" and "Lifecycle policy
    properties" in the Amazon ECR user guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        repository_name: Name of the repository, 2 to 256 characters of a-z, 0-9, . _ - and /.
        regions: Destination Regions in the account of the stack. Default: none.
        other_accounts: Destination Regions in other accounts, by account ID. These accounts must allow the replication,
            for example with `ReplicaTemplates` in one of their stacks. Default: none.
        mutable_tags: Patterns of tags that can be moved, at most 5. `*` stands for any characters, as in `dev-*`.
            Default: none.
        expire_after_days: Number of days after its push that an image without a tag expires, 1 to 3650. Default: 30.
        kms_keys: ARNs of the KMS keys that encrypt images, for the home Region and each of `regions`. Default: Amazon
            S3 manages the keys.
        policy: Repository policy, also for the replicas. Default: access from the account only.

    Attributes:
        resource: Underlying L1 resource.
        repository_name: Name of the repository, as given.
        repository_arn: ARN of the repository in the home Region.
        home: Account and Region of the repository.
        destinations: Accounts and Regions that images are replicated to.
        settings: Settings that the repository and its replicas share.
        registry: Construct with the replication rule. None if the repository has no destinations.

    Raises:
        ConfigurationError: If Amazon ECR would refuse the name, a Region, a tag, a key or the policy, if a limit of the
            registry is exceeded, or if another construct has the name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository_name: str,
        regions: Sequence[str] = (),
        other_accounts: Mapping[str, Sequence[str]] | None = None,
        mutable_tags: Sequence[str] = (),
        expire_after_days: int = 30,
        kms_keys: Mapping[str, str] | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        claims, keys, accounts = Claims.regional(scope), kms_keys or {}, other_accounts or {}
        home = Place(claims.account, claims.region)
        problems = list(
            repository_problems(
                repository_name=repository_name,
                regions=regions,
                other_accounts=accounts,
                mutable_tags=mutable_tags,
                expire_after_days=expire_after_days,
                kms_keys=keys,
                policy=policy,
                home=home,
            )
        )
        problems += claims.name_problems(REPOSITORY, "repository_name", repository_name)
        if not any(problem.field[0] in {"regions", "other_accounts", "repository_name"} for problem in problems):
            to = destinations(regions, accounts, home.account)
            problems += rule_problems(scope, repository_name, to)
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        claims.add(REPOSITORY, repository_name, self)
        self.repository_name = repository_name
        self.home = home
        self.destinations = to
        self.settings = RepositorySettings(tuple(mutable_tags), expire_after_days, dict(keys), policy)
        self.resource = create_repository(self, "Resource", repository_name, self.settings, home.region)
        self.repository_arn = self.resource.attr_arn
        self.registry = RegistryReplication.of(self) if to else None
        if self.registry:
            self.registry.add(repository_name, to)
        self._template_places: set[Place] = set()
        cdk.Aspects.of(self).add(_Advisor())

    def image(self, tag_or_digest: str, *, region: str | None = None, account: str | None = None) -> str:
        """Return the URI of an image, for job definitions and payloads in any stack. The URI refers to no other stack.

        Prefer digests (`sha256:...`): a digest is the same in every Region, and never refers to another image.

        Args:
            tag_or_digest: Tag or digest of the image.
            region: Region that the image is pulled from: the home Region or a destination. Default: the home Region.
            account: Account of the destination. Default: the account of the repository.

        Raises:
            ConfigurationError: If the value is neither a tag nor a digest, if the repository has no replica in the
                Region, or if the URI is longer than SageMaker accepts.
        """
        place = Place(account or self.home.account, region or self.home.region)
        problems = list(check_version(("tag_or_digest",), tag_or_digest))
        if place not in {self.home, *self.destinations}:
            places = ", ".join(map(str, [self.home, *sorted(self.destinations)]))
            sentence = f"{self.repository_name} is not replicated to {place}: use one of {places}"
            problems.append(Problem.relation(("region",), sentence))
        uri = "" if problems else self._uri(place, tag_or_digest)
        if not is_token(uri) and len(uri) > MAX_URI:
            sentence = f"the URI has {len(uri)} characters, and SageMaker accepts at most {MAX_URI}"
            problems.append(Problem.relation((), f"{sentence}: use a shorter repository name or tag"))
        if problems:
            raise ConfigurationError(f"{self.node.path}.image", problems)
        if not is_token(tag_or_digest) and not is_digest(tag_or_digest) and self.settings.is_mutable(tag_or_digest):
            cdk.Annotations.of(self).add_warning_v2(
                f"fairlane:ReplicatedRepository.mutableTag.{tag_or_digest}",
                f"the tag {tag_or_digest} is mutable: it moves at a different time in each Region, and an image that "
                f"lost its tag expires {self.settings.expire_after_days} days after its push: use a digest or an "
                "immutable tag",
            )
        return uri

    def _uri(self, place: Place, tag_or_digest: str) -> str:
        domain = None if is_token(place.region) else _DOMAINS.get(partition_name(place.region))
        return image_uri(place, domain or cdk.Aws.URL_SUFFIX, self.repository_name, tag_or_digest)

    def add_template(self, place: Place) -> None:
        """Record that a destination has `ReplicaTemplates` for the repository."""
        self._template_places.add(place)

    @property
    def destinations_without_template(self) -> list[Place]:
        """Destinations whose replicas get ECR's default settings."""
        return sorted(self.destinations - self._template_places)


def create_repository(
    scope: Construct, construct_id: str, repository_name: str, settings: RepositorySettings, region: str
) -> ecr.CfnRepository:
    """Create a repository with removal policy RETAIN."""
    cfn = ecr.CfnRepository
    key = settings.kms_keys.get(region)
    repository = cfn(
        scope,
        construct_id,
        repository_name=repository_name,
        encryption_configuration=cfn.EncryptionConfigurationProperty(
            encryption_type="KMS" if key else "AES256", kms_key=key
        ),
        image_scanning_configuration=cfn.ImageScanningConfigurationProperty(scan_on_push=True),
        image_tag_mutability=settings.mutability,
        image_tag_mutability_exclusion_filters=[
            cfn.ImageTagMutabilityExclusionFilterProperty(
                image_tag_mutability_exclusion_filter_type="WILDCARD",
                image_tag_mutability_exclusion_filter_value=pattern,
            )
            for pattern in settings.mutable_tags
        ]
        or None,
        lifecycle_policy=cfn.LifecyclePolicyProperty(lifecycle_policy_text=settings.lifecycle()),
        repository_policy_text=settings.policy,
    )
    repository.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return repository


def destination_problem(field: Path, repository: ReplicatedRepository, place: Place) -> Problem:
    """Return the problem of a repository without a replica in a Region."""
    sentence = f"{repository.repository_name} is not replicated to {place}"
    return Problem.relation(field, f"{sentence}: list only repositories that are replicated there")


@jsii.implements(cdk.IAspect)
class _Advisor:
    """Aspect that warns about destinations without `ReplicaTemplates`."""

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, ReplicatedRepository):
            for place in node.destinations_without_template:
                suffix = place.region if is_token(place.account) else f"{place.account}.{place.region}"
                cdk.Annotations.of(node).add_warning_v2(
                    f"fairlane:ReplicatedRepository.noTemplate.{suffix}",
                    f"the app has no ReplicaTemplates for {node.repository_name} in {place}: without a creation "
                    "template, the tags of the replica are mutable, and its images never expire",
                )
