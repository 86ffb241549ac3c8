"""What templates of images need of Amazon ECR beyond moto's: registries, and repositories as they were asked for."""

import json
from typing import Any, Final

from moto.core.common_types import TYPE_RESPONSE
from moto.ecr.exceptions import InvalidParameterException
from moto.ecr.models import ECRBackend, ecr_backends
from moto.ecr.models import Repository as MotoRepository
from moto.ecr.responses import ECRResponse

from fairlane_local.cloudformation.local_resource import LocalResource, Record, members, register

_RULES: Final = 10
_DESTINATIONS: Final = 25
_HEADERS: Final = {"Content-Type": "application/x-amz-json-1.1"}


class Repository(LocalResource):
    """AWS::ECR::Repository: moto's own drops policies, and answers with no encryption and no scanning."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::ECR::Repository"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return "RepositoryName"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return MotoRepository.has_cfn_attr(attr)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        properties, ecr = cloudformation_json["Properties"], _backend(account_id, region_name)
        ecr.create_repository(
            resource_name,
            None,
            members(properties.get("EncryptionConfiguration")),
            members(properties.get("ImageScanningConfiguration")),
            properties.get("ImageTagMutability"),
            properties.get("Tags", []),
            _exclusions(properties),
        )
        made = cls(account_id, region_name, resource_name, properties)
        made._set_policies({})
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        properties, old = cloudformation_json["Properties"], original_resource.properties
        if any(properties.get(name) != old.get(name) for name in ("RepositoryName", "EncryptionConfiguration")):
            return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        changed = cls(account_id, region_name, original_resource.physical_resource_id, properties)
        ecr, where = _backend(account_id, region_name), (account_id, changed.physical_resource_id)
        ecr.put_image_tag_mutability(*where, properties.get("ImageTagMutability", "MUTABLE"), _exclusions(properties))
        scanning = properties.get("ImageScanningConfiguration", {"ScanOnPush": False})
        ecr.put_image_scanning_configuration(*where, members(scanning))
        ecr.untag_resource(changed._made.arn, [tag["Key"] for tag in old.get("Tags", [])])
        ecr.tag_resource(changed._made.arn, properties.get("Tags", []))
        changed._set_policies(old)
        return changed

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Its ARN or URI; a reference to it is its name."""
        return self._made.get_cfn_attribute(attribute_name)

    def delete(self, account_id: str, region_name: str) -> None:
        """Deletes it, with its images if the template says so."""
        force = self.properties.get("EmptyOnDelete", False)
        _backend(account_id, region_name).delete_repository(self.physical_resource_id, force=force)

    @property
    def _made(self) -> MotoRepository:
        return _backend(*self._where).repositories[self.physical_resource_id]

    def _set_policies(self, old: Any) -> None:
        ecr, where = _backend(*self._where), (self._where[0], self.physical_resource_id)
        if lifecycle := self.properties.get("LifecyclePolicy"):
            ecr.put_lifecycle_policy(*where, lifecycle["LifecyclePolicyText"])
        elif old.get("LifecyclePolicy"):
            ecr.delete_lifecycle_policy(*where)
        if policy := self.properties.get("RepositoryPolicyText"):
            ecr.set_repository_policy(*where, json.dumps(policy))
        elif old.get("RepositoryPolicyText"):
            ecr.delete_repository_policy(*where)


class _OfRegistry(LocalResource):
    """What a registry has one of; a reference to it is the account."""

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return ""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        made = cls(account_id, region_name, account_id, cloudformation_json["Properties"])
        made._put(_backend(account_id, region_name))
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "RegistryId"

    def _put(self, ecr: ECRBackend) -> None:
        raise NotImplementedError


class ReplicationConfiguration(_OfRegistry):
    """AWS::ECR::ReplicationConfiguration: all rules of a registry, whoever's they were; nothing is replicated here."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::ECR::ReplicationConfiguration"

    def _put(self, ecr: ECRBackend) -> None:
        ecr.put_replication_configuration(members(self.properties["ReplicationConfiguration"]))

    def delete(self, account_id: str, region_name: str) -> None:
        """Leaves the registry without rules."""
        _backend(account_id, region_name).put_replication_configuration({"rules": []})


class RegistryPolicy(_OfRegistry):
    """AWS::ECR::RegistryPolicy, which nothing enforces here."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::ECR::RegistryPolicy"

    def _put(self, ecr: ECRBackend) -> None:
        ecr.put_registry_policy(json.dumps(self.properties["PolicyText"]))

    def delete(self, account_id: str, region_name: str) -> None:
        """Leaves the registry without a policy."""
        _backend(account_id, region_name).delete_registry_policy()


class RepositoryCreationTemplate(Record):
    """AWS::ECR::RepositoryCreationTemplate: no repository is made by itself here."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::ECR::RepositoryCreationTemplate"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return "Prefix"


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
