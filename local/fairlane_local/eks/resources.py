"""CloudFormation resources of Amazon EKS: clusters, add-ons, access entries and pod identity associations."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final, Self

from fairlane_local.cloudformation.local_resource import LocalResource, members, register
from fairlane_local.eks.api import call
from fairlane_local.eks.store import EksError, Record, find_cluster

_NOT_UPDATED: Final = ("kubernetesNetworkConfig", "name", "resourcesVpcConfig", "roleArn", "tags", "version")


class EksResource(LocalResource):
    """Resource whose properties are the members of its API requests, with an upper-case first letter.

    Attributes:
        template_only: Properties that are no members of a request.
        attributes: Attributes for `Fn::GetAtt`, each with the function that takes it from a description.
    """

    template_only: ClassVar[frozenset[str]] = frozenset()
    attributes: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the attributes of the type."""
        return attr in cls.attributes

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """Return an attribute."""
        return self.attributes[attribute_name](self.describe())

    def update(self, old: Self) -> None:
        """Update the resource in place, and restore it if a call fails."""
        try:
            self.change(old)
        except EksError:
            with suppress(EksError):
                old.change(self)
            raise

    def describe(self) -> Any:
        """Return the resource as EKS describes it."""
        raise NotImplementedError

    def change(self, old: Self) -> None:
        """Change the resource from the properties of `old` to its own."""
        raise NotImplementedError

    def call(self, operation: str, request: Mapping[str, Any]) -> Record:
        """Return the response of an operation."""
        return call(self._location, operation, request)

    def request(self) -> Record:
        """Return the properties as the members of a request."""
        given = {name: value for name, value in self.properties.items() if name not in {*self.template_only, "Tags"}}
        tags = {tag["Key"]: tag["Value"] for tag in self.properties.get("Tags", [])}
        return {**members(given), **({"tags": tags} if tags else {})}

    def set_tags(self) -> None:
        """Replace the tags of the resource."""
        self.describe()["tags"] = self.request().get("tags", {})


class Cluster(EksResource):
    """AWS::EKS::Cluster."""

    resource_type = "AWS::EKS::Cluster"
    name_property = "Name"
    create_only = frozenset(
        {
            *("OutpostConfig", "EncryptionConfig", "Name", "RoleArn", "BootstrapSelfManagedAddons"),
            *("KubernetesNetworkConfig/IpFamily", "KubernetesNetworkConfig/ServiceIpv4Cidr"),
            "AccessConfig/BootstrapClusterCreatorAdminPermissions",
        }
    )
    attributes: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "Arn": lambda cluster: cluster.arn,
        "CertificateAuthorityData": lambda cluster: cluster.certificate_authority["data"],
        "ClusterSecurityGroupId": lambda cluster: cluster.resources_vpc_config["clusterSecurityGroupId"],
        "EncryptionConfigKeyArn": lambda cluster: cluster.encryption_config[0]["provider"]["keyArn"],
        "Endpoint": lambda cluster: cluster.endpoint,
        "OpenIdConnectIssuerUrl": lambda cluster: cluster.identity["oidc"]["issuer"],
    }

    def create(self) -> None:
        """Create the cluster. `Ref` returns its name."""
        self.call("CreateCluster", {"name": self.physical_resource_id, **self.request()})

    def change(self, old: Self) -> None:
        """Update the configuration, the version and the tags of the cluster."""
        request, name = self.request(), {"name": self.physical_resource_id}
        changes = {member: value for member, value in request.items() if member not in _NOT_UPDATED}
        if "accessConfig" in changes:
            changes["accessConfig"] = {"authenticationMode": changes["accessConfig"].get("authenticationMode", "API")}
        self.call("UpdateClusterConfig", {**name, **changes, "resourcesVpcConfig": request["resourcesVpcConfig"]})
        cluster = self.describe()
        if request.get("version", cluster.version) != cluster.version:
            self.call("UpdateClusterVersion", {**name, "version": request["version"]})
        cluster.tags = request.get("tags", {})

    def remove(self) -> None:
        """Delete the cluster, if it exists, with its Kubernetes API."""
        try:
            self.describe()
        except EksError:
            return
        self.call("DeleteCluster", {"name": self.physical_resource_id})

    def describe(self) -> Any:
        """Return the cluster."""
        return find_cluster(self._location, self.physical_resource_id)

    def request(self) -> Record:
        """Return the properties as the members of a request. Logs have another form there."""
        request = super().request()
        if (logging := request.pop("logging", None)) is not None:
            types = [entry["type"] for entry in logging["clusterLogging"].get("enabledTypes", [])]
            request["logging"] = {"clusterLogging": [{"types": types, "enabled": True}]}
        return request


class AddOn(EksResource):
    """AWS::EKS::Addon. `Ref` returns the names of the cluster and of the add-on."""

    resource_type = "AWS::EKS::Addon"
    create_only = frozenset({"ClusterName", "AddonName", "NamespaceConfig"})
    template_only = frozenset({"PreserveOnDelete"})
    attributes: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"Arn": lambda add_on: add_on["addonArn"]}

    def create(self) -> None:
        """Install the add-on."""
        self.call("CreateAddon", self.request())
        self.physical_resource_id = "|".join(self._key.values())

    def change(self, old: Self) -> None:
        """Update version, configuration and tags."""
        request = {name: value for name, value in self.request().items() if name not in ("namespaceConfig", "tags")}
        self.call("UpdateAddon", request)
        self.set_tags()

    def remove(self) -> None:
        """Delete the add-on, if it exists."""
        with suppress(EksError):
            self.call("DeleteAddon", self._key)

    def describe(self) -> Record:
        """Return the add-on."""
        return self.call("DescribeAddon", self._key)["addon"]  # type: ignore[no-any-return]

    @property
    def _key(self) -> Record:
        return {"clusterName": self.properties["ClusterName"], "addonName": self.properties["AddonName"]}


class AccessEntry(EksResource):
    """AWS::EKS::AccessEntry, with its access policies."""

    resource_type = "AWS::EKS::AccessEntry"
    create_only = frozenset({"ClusterName", "PrincipalArn", "Type"})
    template_only = frozenset({"AccessPolicies"})
    attributes: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"AccessEntryArn": lambda entry: entry["accessEntryArn"]}

    def create(self) -> None:
        """Create the entry and associate its policies."""
        self.call("CreateAccessEntry", self.request())
        self.physical_resource_id = "|".join(reversed(self._key.values()))
        try:
            self._associate()
        except EksError:
            self.remove()
            raise

    def change(self, old: Self) -> None:
        """Update groups, user name, policies and tags."""
        own = self.request()
        self.call("UpdateAccessEntry", {**self._key, "kubernetesGroups": own.get("kubernetesGroups", [])})
        wanted = {policy["PolicyArn"] for policy in self.properties.get("AccessPolicies", [])}
        associated = self.call("ListAssociatedAccessPolicies", self._key)["associatedAccessPolicies"]
        for policy in associated:
            if policy["policyArn"] not in wanted:
                self.call("DisassociateAccessPolicy", {**self._key, "policyArn": policy["policyArn"]})
        self._associate()
        self.set_tags()

    def remove(self) -> None:
        """Delete the entry, if it exists."""
        with suppress(EksError):
            self.call("DeleteAccessEntry", self._key)

    def describe(self) -> Record:
        """Return the entry."""
        return self.call("DescribeAccessEntry", self._key)["accessEntry"]  # type: ignore[no-any-return]

    def _associate(self) -> None:
        for policy in self.properties.get("AccessPolicies", []):
            self.call("AssociateAccessPolicy", {**self._key, **members(policy)})

    @property
    def _key(self) -> Record:
        return {"clusterName": self.properties["ClusterName"], "principalArn": self.properties["PrincipalArn"]}


class PodIdentityAssociation(EksResource):
    """AWS::EKS::PodIdentityAssociation. `Ref` returns its ARN."""

    resource_type = "AWS::EKS::PodIdentityAssociation"
    create_only = frozenset({"ClusterName", "Namespace", "ServiceAccount"})
    attributes: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "AssociationArn": lambda association: association["associationArn"],
        "AssociationId": lambda association: association["associationId"],
    }

    def create(self) -> None:
        """Create the association."""
        association = self.call("CreatePodIdentityAssociation", self.request())["association"]
        self.physical_resource_id = association["associationArn"]

    def change(self, old: Self) -> None:
        """Update the role, its settings and tags."""
        fixed = ("clusterName", "namespace", "serviceAccount", "tags")
        changes = {name: value for name, value in self.request().items() if name not in fixed}
        self.call("UpdatePodIdentityAssociation", {**self._key, **changes})
        self.set_tags()

    def remove(self) -> None:
        """Delete the association, if it exists."""
        with suppress(EksError):
            self.call("DeletePodIdentityAssociation", self._key)

    def describe(self) -> Record:
        """Return the association."""
        return self.call("DescribePodIdentityAssociation", self._key)["association"]  # type: ignore[no-any-return]

    @property
    def _key(self) -> Record:
        association_id = self.physical_resource_id.rpartition("/")[2]
        return {"clusterName": self.properties["ClusterName"], "associationId": association_id}


def install() -> None:
    """Register the resources with moto's CloudFormation."""
    register((Cluster, AddOn, AccessEntry, PodIdentityAssociation))
