"""What templates of images need of Amazon ECR beyond moto's: registries, and repositories as they were asked for."""

import json
from collections.abc import Mapping
from typing import Any, Final, Self

from moto.core.common_types import TYPE_RESPONSE
from moto.ecr.exceptions import InvalidParameterException
from moto.ecr.models import ECRBackend, ecr_backends
from moto.ecr.models import Repository as MotoRepository
from moto.ecr.responses import ECRResponse

from fairlane_local.cloudformation.local_resource import LocalResource, members, register

_RULES: Final = 10
_DESTINATIONS: Final = 25
_HEADERS: Final = {"Content-Type": "application/x-amz-json-1.1"}


class Repository(LocalResource):
    """AWS::ECR::Repository: moto's own drops policies, and answers with no encryption and no scanning."""

    resource_type = "AWS::ECR::Repository"
    name_property = "RepositoryName"
    create_only = frozenset({"EncryptionConfiguration", "RepositoryName"})

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for ARN and URI."""
        return MotoRepository.has_cfn_attr(attr)

    def create(self) -> None:
        """Create the repository with its policies."""
        properties = self.properties
        _backend(*self._where).create_repository(
            self.physical_resource_id,
            None,
            members(properties.get("EncryptionConfiguration")),
            members(properties.get("ImageScanningConfiguration")),
            properties.get("ImageTagMutability"),
            properties.get("Tags", []),
            _exclusions(properties),
        )
        self._set_policies({})

    def update(self, old: Self) -> None:
        """Update tag mutability, scanning, tags and policies."""
        properties = self.properties
        ecr, where = _backend(*self._where), (self._where[0], self.physical_resource_id)
        ecr.put_image_tag_mutability(*where, properties.get("ImageTagMutability", "MUTABLE"), _exclusions(properties))
        scanning = properties.get("ImageScanningConfiguration", {"ScanOnPush": False})
        ecr.put_image_scanning_configuration(*where, members(scanning))
        ecr.untag_resource(self._made.arn, [tag["Key"] for tag in old.properties.get("Tags", [])])
        ecr.tag_resource(self._made.arn, properties.get("Tags", []))
        self._set_policies(old.properties)

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return ARN or URI; `Ref` returns the name."""
        return self._made.get_cfn_attribute(attribute_name)

    def remove(self) -> None:
        """Delete the repository, with its images if the template says so."""
        force = self.properties.get("EmptyOnDelete", False)
        _backend(*self._where).delete_repository(self.physical_resource_id, force=force)

    @property
    def _made(self) -> MotoRepository:
        return _backend(*self._where).repositories[self.physical_resource_id]

    def _set_policies(self, old: Mapping[str, Any]) -> None:
        ecr, where = _backend(*self._where), (self._where[0], self.physical_resource_id)
        if lifecycle := self.properties.get("LifecyclePolicy"):
            ecr.put_lifecycle_policy(*where, lifecycle["LifecyclePolicyText"])
        elif old.get("LifecyclePolicy"):
            ecr.delete_lifecycle_policy(*where)
        if policy := self.properties.get("RepositoryPolicyText"):
            ecr.set_repository_policy(*where, json.dumps(policy))
        elif old.get("RepositoryPolicyText"):
            ecr.delete_repository_policy(*where)


class RegistrySetting(LocalResource):
    """A document of which a registry has one; `Ref` returns the account."""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the account."""
        return attr == "RegistryId"

    def create(self) -> None:
        """Put the document in place of the registry's."""
        self.physical_resource_id = self._where[0]
        self._put(_backend(*self._where))

    def _put(self, ecr: ECRBackend) -> None:
        raise NotImplementedError


class ReplicationConfiguration(RegistrySetting):
    """AWS::ECR::ReplicationConfiguration: all rules of a registry, whoever's they were; nothing is replicated here."""

    resource_type = "AWS::ECR::ReplicationConfiguration"

    def _put(self, ecr: ECRBackend) -> None:
        ecr.put_replication_configuration(members(self.properties["ReplicationConfiguration"]))

    def remove(self) -> None:
        """Delete all rules of the registry."""
        _backend(*self._where).put_replication_configuration({"rules": []})


class RegistryPolicy(RegistrySetting):
    """AWS::ECR::RegistryPolicy, which nothing enforces here."""

    resource_type = "AWS::ECR::RegistryPolicy"

    def _put(self, ecr: ECRBackend) -> None:
        ecr.put_registry_policy(json.dumps(self.properties["PolicyText"]))

    def remove(self) -> None:
        """Delete the registry's policy."""
        _backend(*self._where).delete_registry_policy()


class RepositoryCreationTemplate(LocalResource):
    """AWS::ECR::RepositoryCreationTemplate: no repository is made by itself here."""

    resource_type = "AWS::ECR::RepositoryCreationTemplate"
    name_property = "Prefix"
    create_only = frozenset({"Prefix"})


def registries() -> list[tuple[str, str]]:
    """The accounts and Regions in which there is a repository."""
    return [
        (account_id, region)
        for account_id, regions in ecr_backends.items()
        for region, backend in regions.items()
        if backend.repositories
    ]


def install() -> None:
    """Registers the resources with moto's CloudFormation, and has its registries keep more than one rule, and whole.

    Moto refuses a second rule, and drops from its answers what boto3 does not know yet.
    """
    register((RegistryPolicy, ReplicationConfiguration, Repository, RepositoryCreationTemplate))
    ECRBackend.put_replication_configuration = _put_replication_configuration  # type: ignore[method-assign]
    ECRResponse.put_replication_configuration = _put_whole  # type: ignore[assignment, method-assign]
    ECRResponse.describe_registry = _describe_whole  # type: ignore[assignment, method-assign]


def _put_replication_configuration(self: ECRBackend, replication_config: dict[str, Any]) -> dict[str, Any]:
    rules = replication_config["rules"]
    places = {(to["region"], to["registryId"]) for rule in rules for to in rule["destinations"]}
    for refused, constraint in (
        ((self.region_name, self.account_id) in places, "destination cannot be the same as the source registry"),
        (len(rules) > _RULES, f"rules must be at most {_RULES}"),
        (len(places) > _DESTINATIONS, f"unique destinations must be at most {_DESTINATIONS}"),
    ):
        if refused:
            raise InvalidParameterException(
                "Invalid parameter at 'replicationConfiguration' failed to satisfy constraint: "
                f"'Replication {constraint}'"
            )
    self.replication_config = replication_config
    return {"replicationConfiguration": replication_config}


def _put_whole(self: ECRResponse) -> TYPE_RESPONSE:
    asked = json.loads(self.body)["replicationConfiguration"]
    return 200, _HEADERS, json.dumps(self.ecr_backend.put_replication_configuration(asked))


def _describe_whole(self: ECRResponse) -> TYPE_RESPONSE:
    return 200, _HEADERS, json.dumps(self.ecr_backend.describe_registry())


def _backend(account_id: str, region_name: str) -> ECRBackend:
    return ecr_backends[account_id][region_name]


def _exclusions(properties: Any) -> Any:
    return MotoRepository._convert_cfn_mutability_exclusion_filters(
        properties.get("ImageTagMutabilityExclusionFilters")
    )
