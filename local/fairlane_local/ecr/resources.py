"""CloudFormation resources of Amazon ECR that moto lacks or models differently: repositories and registries."""

import json
from collections.abc import Mapping
from typing import Any, Final, Self

from moto.core.common_types import TYPE_RESPONSE
from moto.ecr.exceptions import InvalidParameterException
from moto.ecr.models import ECRBackend, ecr_backends
from moto.ecr.models import Repository as MotoRepository
from moto.ecr.responses import ECRResponse

from fairlane_local.cloudformation.local_resource import LocalResource, members, register

_MAX_RULES: Final = 10
_MAX_DESTINATIONS: Final = 25
_HEADERS: Final = {"Content-Type": "application/x-amz-json-1.1"}


class Repository(LocalResource):
    """AWS::ECR::Repository. Moto's own drops policies, and returns no encryption and no scanning settings."""

    resource_type = "AWS::ECR::Repository"
    name_property = "RepositoryName"
    create_only = frozenset({"EncryptionConfiguration", "RepositoryName"})

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the ARN and the URI."""
        return MotoRepository.has_cfn_attr(attr)

    def create(self) -> None:
        """Create the repository with its policies."""
        properties = self.properties
        _backend(*self._location).create_repository(
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
        ecr, key = _backend(*self._location), (self._location[0], self.physical_resource_id)
        ecr.put_image_tag_mutability(*key, properties.get("ImageTagMutability", "MUTABLE"), _exclusions(properties))
        scanning = properties.get("ImageScanningConfiguration", {"ScanOnPush": False})
        ecr.put_image_scanning_configuration(*key, members(scanning))
        ecr.untag_resource(self._repository.arn, [tag["Key"] for tag in old.properties.get("Tags", [])])
        ecr.tag_resource(self._repository.arn, properties.get("Tags", []))
        self._set_policies(old.properties)

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN or the URI. `Ref` returns the name."""
        return self._repository.get_cfn_attribute(attribute_name)

    def remove(self) -> None:
        """Delete the repository, and its images if `EmptyOnDelete` is true."""
        force = self.properties.get("EmptyOnDelete", False)
        _backend(*self._location).delete_repository(self.physical_resource_id, force=force)

    @property
    def _repository(self) -> MotoRepository:
        return _backend(*self._location).repositories[self.physical_resource_id]

    def _set_policies(self, old: Mapping[str, Any]) -> None:
        ecr, key = _backend(*self._location), (self._location[0], self.physical_resource_id)
        if lifecycle := self.properties.get("LifecyclePolicy"):
            ecr.put_lifecycle_policy(*key, lifecycle["LifecyclePolicyText"])
        elif old.get("LifecyclePolicy"):
            ecr.delete_lifecycle_policy(*key)
        if policy := self.properties.get("RepositoryPolicyText"):
            ecr.set_repository_policy(*key, json.dumps(policy))
        elif old.get("RepositoryPolicyText"):
            ecr.delete_repository_policy(*key)


class RegistrySetting(LocalResource):
    """Document that exists once in a registry. `Ref` returns the account."""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the account ID."""
        return attr == "RegistryId"

    def create(self) -> None:
        """Replace the document of the registry."""
        self.physical_resource_id = self._location[0]
        self._put(_backend(*self._location))

    def _put(self, ecr: ECRBackend) -> None:
        raise NotImplementedError


class ReplicationConfiguration(RegistrySetting):
    """AWS::ECR::ReplicationConfiguration: replaces all rules of the registry."""

    resource_type = "AWS::ECR::ReplicationConfiguration"

    def _put(self, ecr: ECRBackend) -> None:
        ecr.put_replication_configuration(members(self.properties["ReplicationConfiguration"]))

    def remove(self) -> None:
        """Delete all rules of the registry."""
        _backend(*self._location).put_replication_configuration({"rules": []})


class RegistryPolicy(RegistrySetting):
    """AWS::ECR::RegistryPolicy, which is not enforced."""

    resource_type = "AWS::ECR::RegistryPolicy"

    def _put(self, ecr: ECRBackend) -> None:
        ecr.put_registry_policy(json.dumps(self.properties["PolicyText"]))

    def remove(self) -> None:
        """Delete the registry's policy."""
        _backend(*self._location).delete_registry_policy()


class RepositoryCreationTemplate(LocalResource):
    """AWS::ECR::RepositoryCreationTemplate. No repository is created from the template."""

    resource_type = "AWS::ECR::RepositoryCreationTemplate"
    name_property = "Prefix"
    create_only = frozenset({"Prefix"})


def registry_locations() -> list[tuple[str, str]]:
    """Return the accounts and Regions that contain an image repository."""
    return [
        (account_id, region)
        for account_id, regions in ecr_backends.items()
        for region, backend in regions.items()
        if backend.repositories
    ]


def install() -> None:
    """Register the resources with moto's CloudFormation, and replace moto's replication configuration.

    Moto refuses a second rule, and omits from its responses the members that boto3 does not support yet.
    """
    register((RegistryPolicy, ReplicationConfiguration, Repository, RepositoryCreationTemplate))
    ECRBackend.put_replication_configuration = _put_replication_configuration  # type: ignore[method-assign]
    ECRResponse.put_replication_configuration = _respond_to_put_replication  # type: ignore[assignment, method-assign]
    ECRResponse.describe_registry = _respond_to_describe_registry  # type: ignore[assignment, method-assign]


def _put_replication_configuration(self: ECRBackend, replication_config: dict[str, Any]) -> dict[str, Any]:
    rules = replication_config["rules"]
    destinations = {
        (destination["region"], destination["registryId"]) for rule in rules for destination in rule["destinations"]
    }
    for is_violated, constraint in (
        ((self.region_name, self.account_id) in destinations, "destination cannot be the same as the source registry"),
        (len(rules) > _MAX_RULES, f"rules must be at most {_MAX_RULES}"),
        (len(destinations) > _MAX_DESTINATIONS, f"unique destinations must be at most {_MAX_DESTINATIONS}"),
    ):
        if is_violated:
            raise InvalidParameterException(
                "Invalid parameter at 'replicationConfiguration' failed to satisfy constraint: "
                f"'Replication {constraint}'"
            )
    self.replication_config = replication_config
    return {"replicationConfiguration": replication_config}


def _respond_to_put_replication(self: ECRResponse) -> TYPE_RESPONSE:
    configuration = json.loads(self.body)["replicationConfiguration"]
    return 200, _HEADERS, json.dumps(self.ecr_backend.put_replication_configuration(configuration))


def _respond_to_describe_registry(self: ECRResponse) -> TYPE_RESPONSE:
    return 200, _HEADERS, json.dumps(self.ecr_backend.describe_registry())


def _backend(account_id: str, region_name: str) -> ECRBackend:
    return ecr_backends[account_id][region_name]


def _exclusions(properties: Any) -> Any:
    return MotoRepository._convert_cfn_mutability_exclusion_filters(
        properties.get("ImageTagMutabilityExclusionFilters")
    )
