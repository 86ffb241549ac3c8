"""Custom resources of the CDK for Kubernetes. Their functions need kubectl and helm, so they run in process here."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.eks.helm_releases import install_release, uninstall_release
from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.clusters import kubernetes_api
from fairlane_local.kubernetes.manifests import apply_resource


class ClusterResource(LocalResource):
    """Custom resource of the cluster that the property `ClusterName` names.

    As with the CDK's provider framework, a failed creation is not followed by a deletion, and a failed update by the
    reverse update.
    """

    def create(self) -> None:
        """Send a create request."""
        self.handle(self._api, "Create", self.properties)

    def update(self, old: Self) -> None:
        """Send an update request, and the reverse update if it fails."""
        try:
            self.handle(self._api, "Update", self.properties)
        except LocalAwsError:
            with suppress(LocalAwsError):
                self.handle(old._api, "Update", old.properties)
            raise

    def remove(self) -> None:
        """Send a delete request. A deletion never fails, as in the CDK."""
        with suppress(LocalAwsError):
            self.handle(self._api, "Delete", self.properties)

    def handle(self, api: KubernetesApi, request_type: str, properties: Mapping[str, Any]) -> None:
        """Handle a request of CloudFormation."""
        raise NotImplementedError

    @property
    def _api(self) -> KubernetesApi:
        return kubernetes_api(*self._location, self.properties["ClusterName"])


class KubernetesResource(ClusterResource):
    """Custom::AWSCDK-EKS-KubernetesResource: objects that kubectl applies."""

    resource_type = "Custom::AWSCDK-EKS-KubernetesResource"

    def handle(self, api: KubernetesApi, request_type: str, properties: Mapping[str, Any]) -> None:
        """Apply or delete the objects."""
        apply_resource(api, request_type, properties)


class HelmChart(ClusterResource):
    """Custom::AWSCDK-EKS-HelmChart: a release that is recorded, and not rendered."""

    resource_type = "Custom::AWSCDK-EKS-HelmChart"

    def handle(self, api: KubernetesApi, request_type: str, properties: Mapping[str, Any]) -> None:
        """Record or delete the release."""
        change = uninstall_release if request_type == "Delete" else install_release
        change(api, properties)


def install() -> None:
    """Register the resources with moto's CloudFormation."""
    register((KubernetesResource, HelmChart))
