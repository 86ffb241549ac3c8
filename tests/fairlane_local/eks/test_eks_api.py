"""Clusters, add-ons, access entries and pod identity associations by the EKS API."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fairlane_local.hyperpod.support import GOVERNANCE, ROLE, Place

pytestmark = pytest.mark.slow
OPERATOR = "amazon-sagemaker-hyperpod-training-operator"
ADMIN = "arn:aws:iam::123456789012:role/people/Admin"
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


def test_a_cluster_has_the_local_kubernetes_api_and_a_security_group(place: Place) -> None:
    place.create_kubernetes()
    cluster = place.eks.describe_cluster(name="kube")["cluster"]
    assert cluster["endpoint"].startswith("http://127.0.0.1:")
    assert cluster["endpoint"].endswith("/123456789012/us-east-1/kube")
    assert (cluster["status"], cluster["version"], cluster["accessConfig"]["authenticationMode"]) == (
        "ACTIVE",
        "1.34",
        "API",
    )
    group_id = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    (group,) = place.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    assert group["VpcId"] == cluster["resourcesVpcConfig"]["vpcId"]
    place.eks.update_cluster_config(name="kube", resourcesVpcConfig={"endpointPublicAccess": False})
    place.eks.update_cluster_version(name="kube", version="1.35")
    changed = place.eks.describe_cluster(name="kube")["cluster"]
    assert (changed["version"], changed["resourcesVpcConfig"]["endpointPublicAccess"]) == ("1.35", False)
    assert changed["resourcesVpcConfig"]["clusterSecurityGroupId"] == group_id
    place.eks.delete_cluster(name="kube")
    with pytest.raises(ClientError, match=r"InvalidGroup.NotFound"):
        place.ec2.describe_security_groups(GroupIds=[group_id])


def test_the_subnets_of_a_cluster_need_not_exist(place: Place) -> None:
    network = {"subnetIds": ["subnet-0123456789abcdef0"]}
    place.eks.create_cluster(name="kube", roleArn=ROLE, resourcesVpcConfig=network)
    described = place.eks.describe_cluster(name="kube")["cluster"]["resourcesVpcConfig"]
    groups = place.ec2.describe_security_groups(GroupIds=[described["clusterSecurityGroupId"]])["SecurityGroups"]
    assert (described["subnetIds"], len(groups)) == (network["subnetIds"], 1)


def test_wrong_clusters_and_changes_are_refused(place: Place) -> None:
    place.create_kubernetes()
    network = {"subnetIds": [place.subnet]}
    create, exceptions = place.eks.create_cluster, place.eks.exceptions
    for error, message, request in (
        (exceptions.ResourceInUseException, "already exists with name: kube", {"name": "kube"}),
        (exceptions.InvalidParameterException, "unsupported Kubernetes version 1.12", {"version": "1.12"}),
        (exceptions.InvalidParameterException, "Invalid Role Arn", {"roleArn": "me"}),
    ):
        with pytest.raises(error, match=message):
            create(**{"name": "other", "roleArn": ROLE, "resourcesVpcConfig": network, **request})
    assert place.eks.list_clusters()["clusters"] == ["kube"]
    with pytest.raises(exceptions.InvalidParameterException, match=r"version update from 1\.34 to 1\.33"):
        place.eks.update_cluster_version(name="kube", version="1.33")
    with pytest.raises(exceptions.InvalidRequestException, match="update from API to CONFIG_MAP"):
        place.eks.update_cluster_config(name="kube", accessConfig={"authenticationMode": "CONFIG_MAP"})
    place.eks.update_cluster_config(name="kube", deletionProtection=True)
    with pytest.raises(exceptions.InvalidRequestException, match="deletion protection"):
        place.eks.delete_cluster(name="kube")


def test_add_ons_are_installed_changed_and_deleted(place: Place) -> None:
    place.create_kubernetes(add_ons=[OPERATOR])
    key = {"clusterName": "kube", "addonName": OPERATOR}
    add_on = place.eks.describe_addon(**key)["addon"]
    assert (add_on["status"], add_on["addonVersion"], add_on["health"]) == (
        "ACTIVE",
        "v1.2.1-eksbuild.1",
        {"issues": []},
    )
    assert place.eks.update_addon(**key, addonVersion="1.2.0")["update"]["status"] == "Successful"
    assert place.eks.describe_addon(**key)["addon"]["addonVersion"] == "1.2.0"
    versions = place.eks.describe_addon_versions(addonName=OPERATOR, kubernetesVersion="1.34")["addons"][0][
        "addonVersions"
    ]
    defaults = [each["addonVersion"] for each in versions if each["compatibilities"][0]["defaultVersion"]]
    assert defaults == ["v1.2.1-eksbuild.1"]
    place.eks.create_addon(clusterName="kube", addonName="cert-manager", tags={"a": "b"})
    pages = list(place.eks.get_paginator("list_addons").paginate(clusterName="kube", PaginationConfig={"PageSize": 1}))
    assert [page["addons"] for page in pages] == [[OPERATOR], ["cert-manager"]]
    assert place.eks.delete_addon(**key)["addon"]["status"] == "DELETING"
    for call in (place.eks.describe_addon, place.eks.delete_addon, place.eks.update_addon):
        with pytest.raises(place.eks.exceptions.ResourceNotFoundException, match="No addon"):
            call(**key)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"addonName": "cert-manager", "addonVersion": "newest"}, "version specified is not supported"),
        ({"addonName": "cert-manager", "resolveConflicts": "MERGE"}, "'MERGE' at 'resolveConflicts'"),
        ({"addonName": "cert-manager", "configurationValues": "{"}, "not valid JSON"),
        ({"addonName": GOVERNANCE, "configurationValues": '{"a": 1}'}, "empty configuration schema"),
        (
            {"addonName": OPERATOR, "podIdentityAssociations": [{"serviceAccount": "a", "roleArn": ROLE}]},
            "does not support pod identity associations",
        ),
    ],
)
def test_wrong_add_ons_are_refused(place: Place, members: dict[str, Any], message: str) -> None:
    place.create_kubernetes(add_ons=[])
    with pytest.raises(place.eks.exceptions.InvalidParameterException, match=message):
        place.eks.create_addon(clusterName="kube", **members)
    assert place.eks.list_addons(clusterName="kube")["addons"] == []


def test_access_entries_have_groups_and_policies(place: Place) -> None:
    place.create_kubernetes()
    key = {"clusterName": "kube", "principalArn": ADMIN}
    entry = place.eks.create_access_entry(**key, kubernetesGroups=["fairlane:vision"])["accessEntry"]
    assert (entry["type"], entry["username"], entry["kubernetesGroups"]) == ("STANDARD", ADMIN, ["fairlane:vision"])
    scope = {"type": "namespace", "namespaces": ["hyperpod-ns-vision"]}
    place.eks.associate_access_policy(**key, policyArn=POLICY, accessScope=scope)
    (policy,) = place.eks.list_associated_access_policies(**key)["associatedAccessPolicies"]
    assert (policy["policyArn"], policy["accessScope"]) == (POLICY, scope)
    place.eks.update_access_entry(**key, kubernetesGroups=[])
    assert place.eks.describe_access_entry(**key)["accessEntry"]["kubernetesGroups"] == []
    node = {"clusterName": "kube", "principalArn": ROLE}
    place.eks.create_access_entry(**node, type="HYPERPOD_LINUX")
    assert place.eks.list_access_entries(clusterName="kube")["accessEntries"] == [ROLE, ADMIN]
    assert place.eks.list_access_entries(clusterName="kube", associatedPolicyArn=POLICY)["accessEntries"] == [ADMIN]
    exceptions = place.eks.exceptions
    with pytest.raises(exceptions.ResourceInUseException):
        place.eks.create_access_entry(**key)
    with pytest.raises(exceptions.InvalidRequestException, match="of type HYPERPOD_LINUX"):
        place.eks.associate_access_policy(**node, policyArn=POLICY, accessScope={"type": "cluster"})
    with pytest.raises(exceptions.InvalidParameterException, match="namespaces must be set"):
        place.eks.associate_access_policy(**key, policyArn=POLICY, accessScope={"type": "namespace"})
    with pytest.raises(exceptions.InvalidParameterException, match="cannot start with"):
        place.eks.update_access_entry(**key, kubernetesGroups=["system:masters"])
    place.eks.disassociate_access_policy(**key, policyArn=POLICY)
    with pytest.raises(exceptions.ResourceNotFoundException, match="is not associated"):
        place.eks.disassociate_access_policy(**key, policyArn=POLICY)
    place.eks.delete_access_entry(**key)
    with pytest.raises(exceptions.ResourceNotFoundException):
        place.eks.describe_access_entry(**key)


def test_access_entries_need_an_authentication_mode_with_them(place: Place) -> None:
    place.create_kubernetes(mode="CONFIG_MAP")
    key = {"clusterName": "kube", "principalArn": ADMIN}
    with pytest.raises(place.eks.exceptions.InvalidRequestException, match="authentication mode must be set to one of"):
        place.eks.create_access_entry(**key)
    place.eks.update_cluster_config(name="kube", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    place.eks.create_access_entry(**key)


def test_a_service_account_has_one_pod_identity(place: Place) -> None:
    place.create_kubernetes()
    account = {"clusterName": "kube", "namespace": "aws-hyperpod", "serviceAccount": "operator"}
    created = place.eks.create_pod_identity_association(**account, roleArn=ROLE)["association"]
    with pytest.raises(place.eks.exceptions.ResourceInUseException):
        place.eks.create_pod_identity_association(**account, roleArn=ADMIN)
    key = {"clusterName": "kube", "associationId": created["associationId"]}
    place.eks.update_pod_identity_association(**key, roleArn=ADMIN)
    assert place.eks.describe_pod_identity_association(**key)["association"]["roleArn"] == ADMIN
    listed = place.eks.list_pod_identity_associations(clusterName="kube", namespace="aws-hyperpod")["associations"]
    assert [each["associationArn"] for each in listed] == [created["associationArn"]]
    assert place.eks.list_pod_identity_associations(clusterName="kube", namespace="other")["associations"] == []
    place.eks.delete_pod_identity_association(**key)
    with pytest.raises(place.eks.exceptions.ResourceNotFoundException):
        place.eks.describe_pod_identity_association(**key)
    for call in (place.eks.list_addons, place.eks.list_access_entries, place.eks.list_pod_identity_associations):
        with pytest.raises(place.eks.exceptions.ResourceNotFoundException, match="No cluster found for name: none"):
            call(clusterName="none")
