"""A repository of images, with replicas in other Regions and accounts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ecr as ecr
from constructs import Construct, IConstruct

from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.images.names import MAX_URI, Place, check_version, image_uri, is_digest, partition_of
from fairlane.images.registry_replication import RegistryReplication, rule_problems
from fairlane.images.replication_rules import destinations
from fairlane.images.repository_rules import RepositorySettings, repository_problems

REPOSITORY: Final = "repository"
_DOMAINS: Final = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}


class ReplicatedRepository(Construct):
    """A repository in its home Region, whose images ECR replicates to other Regions under the same name.

    Tags cannot be moved, but for those of `mutable_tags`; images are scanned when they are pushed. Images with a tag
    stay for ever, as a queue may still have jobs that name them; those without expire, such as one whose tag was moved
    to another. Deleting it, or its stack, keeps the repository and all its replicas. If it is replicated, its rule is
    in the `RegistryReplication` of its account and Region, which is made if the app has none. Replicas are set up alike
    by `ReplicaTemplates` in each Region, which have to be deployed before the first push: there is a warning where the
    app has none. Scanning is none of what ECR takes over: images are scanned at home, and have the same digest
    everywhere.

    Name it within a namespace, such as `training/pytorch`: creation templates know namespaces only.

    Updates: in place; another name or other keys make another repository, without the images. A Region more does not
    bring images that exist: see `ReplicationGate.backfill`. A Region less keeps what is there. Nothing of it has
    been run against an AWS account. Sources: "Private image replication", "Preventing image tags from being
    overwritten" and "Lifecycle policy properties" in the Amazon ECR user guide.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        repository_name: 2 to 256 of a-z, 0-9, . _ - and /.
        regions: those that it is replicated to, in its own account.
        other_accounts: Regions that it is replicated to in other accounts, by account. They have to allow it:
            `ReplicaTemplates` in a stack of theirs do.
        mutable_tags: at most 5 tags that may be moved, with * for any characters, such as `dev-*`.
        expire_after_days: after how many days since their push images expire that have no tag.
        kms_keys: ARNs of the keys that it is encrypted with, for its own Region and each of `regions`; by default
            Amazon S3 has the keys.
        policy: a repository policy, for the replicas as well.

    Attributes:
        resource: the underlying resource.
        repository_name: as given.
        repository_arn: its ARN at home.
        home: its account and Region.
        destinations: accounts and Regions that it is replicated to.
        settings: what its replicas have in common with it.
        registry: what has its rule, if it is replicated.

    Raises:
        ConfigurationError: With every name, Region, tag, key and policy that Amazon ECR would refuse.
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
        here, keys, accounts = Claims.at(scope), kms_keys or {}, other_accounts or {}
        home = Place(here.account, here.region)
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
        problems += here.name_problems(REPOSITORY, "repository_name", repository_name)
        if not any(problem.field[0] in {"regions", "other_accounts", "repository_name"} for problem in problems):
            to = destinations(regions, accounts, home.account)
            problems += rule_problems(scope, repository_name, to)
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        here.add(REPOSITORY, repository_name, self)
        self.repository_name = repository_name
        self.home = home
        self.destinations = to
        self.settings = RepositorySettings(tuple(mutable_tags), expire_after_days, dict(keys), policy)
        self.resource = repository_of(self, "Resource", repository_name, self.settings, home.region)
        self.repository_arn = self.resource.attr_arn
        self.registry = RegistryReplication.of(self) if to else None
        if self.registry:
            self.registry.add(repository_name, to)
        self._prepared: set[Place] = set()
        cdk.Aspects.of(self).add(_Advisor())

    def image(self, tag_or_digest: str, *, region: str | None = None, account: str | None = None) -> str:
        """The URI of an image in a Region, for job definitions and payloads in any stack: it refers to none.

        Prefer digests, `sha256:` and so on: they are the same in every Region, and never mean another image.

        Args:
            tag_or_digest: which image.
            region: where it is pulled: the home Region, by default, or a destination.
            account: of the destination, if it is another.

        Raises:
            ConfigurationError: for what is neither a tag nor a digest, for a place that it is not replicated to, or if
                the URI is longer than SageMaker takes.
        """
        place = Place(account or self.home.account, region or self.home.region)
        problems = list(check_version(("tag_or_digest",), tag_or_digest))
        if place not in {self.home, *self.destinations}:
            every = ", ".join(str(one) for one in [self.home, *sorted(self.destinations)])
            problems.append(Problem(("region",), str(place), f"where {self.repository_name} is: {every}"))
        uri = "" if problems else self._uri(place, tag_or_digest)
        if not is_token(uri) and len(uri) > MAX_URI:
            problems.append(Problem((), f"{len(uri)} characters", f"at most {MAX_URI}, which SageMaker takes"))
        if problems:
            raise ConfigurationError(f"{self.node.path}.image", problems)
        if not is_token(tag_or_digest) and not is_digest(tag_or_digest) and self.settings.is_mutable(tag_or_digest):
            cdk.Annotations.of(self).add_warning_v2(
                f"fairlane:ReplicatedRepository.mutableTag.{tag_or_digest}",
                f"the tag {tag_or_digest} may be moved, in each Region at another time, and an image that has lost its "
                f"tag expires {self.settings.expire_after_days} days after its push: name a digest, or one that stays",
            )
        return uri

    def _uri(self, place: Place, tag_or_digest: str) -> str:
        known = None if is_token(place.region) else _DOMAINS.get(partition_of(place.region))
        return image_uri(place, known or cdk.Aws.URL_SUFFIX, self.repository_name, tag_or_digest)

    def prepared(self, place: Place) -> None:
        """Takes note that a destination sets up its replica."""
        self._prepared.add(place)

    @property
    def unprepared(self) -> list[Place]:
        """The destinations whose replicas would be as ECR makes them."""
        return sorted(self.destinations - self._prepared)


def repository_of(
    scope: Construct, construct_id: str, repository_name: str, settings: RepositorySettings, region: str
) -> ecr.CfnRepository:
    """Makes a repository, that stays when it is deleted."""
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


@jsii.implements(cdk.IAspect)
class _Advisor:
    """Warns, when all of an app is there, of replicas that nothing sets up."""

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, ReplicatedRepository):
            for place in node.unprepared:
                where = place.region if is_token(place.account) else f"{place.account}.{place.region}"
                cdk.Annotations.of(node).add_warning_v2(
                    f"fairlane:ReplicatedRepository.noTemplate.{where}",
                    f"the app has no ReplicaTemplates for {node.repository_name} in {place}: unless somebody else "
                    "makes one, tags of its replica may be moved, and nothing of it expires",
                )
