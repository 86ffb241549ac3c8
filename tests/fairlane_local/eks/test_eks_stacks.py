"""Stacks with EKS resources and with the custom resources of the CDK for Kubernetes."""

import base64
import gzip
import json
import os
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fairlane_local import LocalAws
from tests.fairlane_local.hyperpod.support import LOCATION, ROLE, Json, Place, manifest_resource

pytestmark = pytest.mark.slow
ADMIN = "arn:aws:iam::123456789012:role/Admin"
KUBERNETES = {"Ref": "Kubernetes"}


def policy(name: str, scope: str = "cluster") -> Json:
    return {
        "PolicyArn": f"arn:aws:eks::aws:cluster-access-policy/AmazonEKS{name}Policy",
        "AccessScope": {"Type": scope},
    }


def typed(kind: str, **properties: Any) -> Json:
    return {"Type": kind, "Properties": properties}


def stack(place: Place, **others: Json) -> Json:
    cluster = typed(
        "AWS::EKS::Cluster",
        Name="kube",
        RoleArn=ROLE,
        Version="1.33",
        ResourcesVpcConfig={"SubnetIds": [place.subnet], "EndpointPublicAccess": False},
        AccessConfig={"AuthenticationMode": "API", "BootstrapClusterCreatorAdminPermissions": False},
        Logging={"ClusterLogging": {"EnabledTypes": [{"Type": "api"}]}},
        Tags=[{"Key": "team", "Value": "research"}],
    )
    return {
        "Kubernetes": cluster,
        "AddOn": typed(
            "AWS::EKS::Addon", ClusterName=KUBERNETES, AddonName="cert-manager", ResolveConflicts="OVERWRITE"
        ),
        "Admin": typed(
            "AWS::EKS::AccessEntry", ClusterName=KUBERNETES, PrincipalArn=ADMIN, AccessPolicies=[policy("ClusterAdmin")]
        ),
        "Identity": typed(
            "AWS::EKS::PodIdentityAssociation",
            ClusterName=KUBERNETES,
            Namespace="aws-hyperpod",
            ServiceAccount="operator",
            RoleArn=ROLE,
        ),
        **others,
    }


def policies(place: Place) -> list[str]:
    listed = place.eks.list_associated_access_policies(clusterName="kube", principalArn=ADMIN)[
        "associatedAccessPolicies"
    ]
    return [each["policyArn"].rpartition("/")[2] for each in listed]


def test_resources_are_created_changed_replaced_and_deleted(place: Place) -> None:
    outputs: Json = {
        name: {"Fn::GetAtt": ["Kubernetes", name]} for name in ("Arn", "Endpoint", "ClusterSecurityGroupId")
    }
    outputs |= {
        "AddOn": {"Ref": "AddOn"},
        "Admin": {"Ref": "Admin"},
        "Identity": {"Fn::GetAtt": ["Identity", "AssociationId"]},
    }
    assert place.deploy(stack(place), **outputs) == "CREATE_COMPLETE", place.failures()
    cluster = place.eks.describe_cluster(name="kube")["cluster"]
    assert (place.output("Arn"), place.output("Endpoint")) == (cluster["arn"], cluster["endpoint"])
    assert place.output("ClusterSecurityGroupId") == cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    assert (place.output("AddOn"), place.output("Admin")) == ("kube|cert-manager", f"{ADMIN}|kube")
    assert cluster["logging"] == {"clusterLogging": [{"types": ["api"], "enabled": True}]}
    assert (cluster["tags"], cluster["accessConfig"]["bootstrapClusterCreatorAdminPermissions"]) == (
        {"team": "research"},
        False,
    )
    identity = place.output("Identity")

    changed = stack(place)
    changed["Kubernetes"]["Properties"] |= {"Version": "1.34", "Tags": [], "Logging": {"ClusterLogging": {}}}
    changed["AddOn"]["Properties"] |= {"AddonVersion": "v1.18.2-eksbuild.2", "Tags": [{"Key": "a", "Value": "b"}]}
    changed["Admin"]["Properties"] |= {"AccessPolicies": [policy("View")], "KubernetesGroups": ["admins"]}
    changed["Identity"]["Properties"] |= {"RoleArn": ADMIN}
    assert place.deploy(changed, **outputs) == "UPDATE_COMPLETE"
    after = place.eks.describe_cluster(name="kube")["cluster"]
    assert (after["version"], after["tags"], after["endpoint"]) == ("1.34", {}, cluster["endpoint"])
    assert after["resourcesVpcConfig"] == cluster["resourcesVpcConfig"]
    assert place.eks.describe_addon(clusterName="kube", addonName="cert-manager")["addon"]["tags"] == {"a": "b"}
    assert policies(place) == ["AmazonEKSViewPolicy"]
    entry = place.eks.describe_access_entry(clusterName="kube", principalArn=ADMIN)["accessEntry"]
    assert (entry["kubernetesGroups"], place.output("Identity")) == (["admins"], identity)

    changed["Identity"]["Properties"] |= {"ServiceAccount": "other"}
    assert place.deploy(changed, **outputs) == "UPDATE_COMPLETE"
    (association,) = place.eks.list_pod_identity_associations(clusterName="kube")["associations"]
    assert (association["serviceAccount"], place.output("Identity")) == ("other", association["associationId"])
    assert association["associationId"] != identity
    place.delete()
    assert place.eks.list_clusters()["clusters"] == []


@pytest.mark.parametrize(
    ("name", "properties", "message"),
    [
        ("Kubernetes", {"Version": "1.35"}, "minor version update from 1.33 to 1.35"),
        ("Kubernetes", {"RoleArn": ADMIN}, "Cluster already exists with name: kube"),
        ("Admin", {"AccessPolicies": [policy("View"), policy("View", "namespace")]}, "namespaces must be set"),
        ("AddOn", {"AddonVersion": "newest"}, "Addon version specified is not supported"),
        ("AddOn", {"Colour": "red"}, 'Unknown parameter in input: "colour"'),
        ("Identity", {"RoleArn": 5}, "Invalid type for parameter roleArn"),
    ],
)
def test_a_refused_change_changes_nothing(place: Place, name: str, properties: Json, message: str) -> None:
    assert place.deploy(stack(place)) == "CREATE_COMPLETE"
    before = [place.eks.describe_cluster(name="kube")["cluster"], policies(place)]
    wrong = stack(place)
    wrong[name]["Properties"] |= properties
    assert place.deploy(wrong) == "UPDATE_ROLLBACK_COMPLETE"
    assert message in place.failures()
    assert [place.eks.describe_cluster(name="kube")["cluster"], policies(place)] == before


def test_two_access_entries_for_a_role_fail_the_stack(place: Place) -> None:
    twice = stack(place)
    twice["Second"] = deepcopy(twice["Admin"]) | {"DependsOn": "Admin"}
    assert place.deploy(twice) == "ROLLBACK_COMPLETE"
    assert place.failures().count("already in use on this cluster") == 1
    assert place.eks.list_clusters()["clusters"] == []


def named(kind: str, name: str, **members: Any) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **members}


def config(value: str) -> Json:
    return named("ConfigMap", "settings", data={"key": value})


def test_objects_are_applied_changed_and_deleted(place: Place) -> None:
    assert place.deploy(stack(place, Config=manifest_resource(config("1")))) == "CREATE_COMPLETE"
    assert place.deploy(stack(place, Config=manifest_resource(config("2")))) == "UPDATE_COMPLETE"
    assert place.objects("ConfigMap")["settings"]["data"] == {"key": "2"}
    assert place.deploy(stack(place)) == "UPDATE_COMPLETE"
    assert "settings" not in place.objects("ConfigMap")


def test_a_wrong_object_rolls_the_stack_back(place: Place) -> None:
    wrong = manifest_resource(named("ConfigMap", "other", dota={}), DependsOn="Config")
    assert place.deploy(stack(place, Config=manifest_resource(config("1")), Wrong=wrong)) == "ROLLBACK_COMPLETE"
    assert 'unknown field "dota"' in place.failures()
    assert place.eks.list_clusters()["clusters"] == []


def test_a_wrong_object_undoes_an_update(place: Place) -> None:
    place.deploy(stack(place, Config=manifest_resource(config("1"))))
    wrong = manifest_resource(named("ConfigMap", "other", dota={}), DependsOn="Config")
    new = manifest_resource(named("Namespace", "new"), DependsOn="Config")
    update = stack(
        place, Config=manifest_resource(config("2")), New=new, Wrong=wrong | {"DependsOn": ["Config", "New"]}
    )
    assert place.deploy(update) == "UPDATE_ROLLBACK_COMPLETE"
    assert place.objects("ConfigMap")["settings"]["data"] == {"key": "1"}
    assert "new" not in place.objects("Namespace")


def test_a_failed_creation_deletes_no_object_that_was_there(place: Place) -> None:
    place.deploy(stack(place, Config=manifest_resource(config("1"))))
    second = manifest_resource(config("2"), DependsOn="Config")
    assert (
        place.deploy(stack(place, Config=manifest_resource(config("1")), Second=second)) == "UPDATE_ROLLBACK_COMPLETE"
    )
    assert '(AlreadyExists): configmaps "settings" already exists' in place.failures()
    assert place.objects("ConfigMap")["settings"]["data"] == {"key": "1"}


def test_an_object_of_a_missing_cluster_fails_the_stack(place: Place) -> None:
    assert place.deploy({"Config": manifest_resource(config("1"), cluster="none")}) == "ROLLBACK_COMPLETE"
    assert "there is no EKS cluster none" in place.failures()


def chart(**properties: Any) -> Json:
    given = {
        "ServiceToken": "x",
        "ClusterName": KUBERNETES,
        "Release": "hyperpod-dependencies",
        "Chart": "oci://example.com/charts/hyperpod-helm-chart",
        "Version": "0.1.0",
        "Namespace": "tools",
        "CreateNamespace": True,
        "Values": json.dumps({"trainingOperators": {"enabled": True}}),
        **properties,
    }
    return {"Type": "Custom::AWSCDK-EKS-HelmChart", "Properties": given}


def releases(place: Place) -> dict[str, Json]:
    """Return the Helm releases by the name of their Secret, as Helm reads them."""
    secrets = place.objects("Secret").items()
    return {
        name: json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
        for name, secret in secrets
    }


def test_helm_charts_are_recorded_as_releases(place: Place) -> None:
    assert place.deploy(stack(place, Chart=chart())) == "CREATE_COMPLETE"
    assert place.deploy(stack(place, Chart=chart(Version="0.2.0", Values="{}"))) == "UPDATE_COMPLETE"
    first, second = (releases(place)[f"sh.helm.release.v1.hyperpod-dependencies.v{number}"] for number in (1, 2))
    assert [each["info"]["status"] for each in (first, second)] == ["superseded", "deployed"]
    assert (first["config"], second["config"]) == ({"trainingOperators": {"enabled": True}}, {})
    assert second["chart"]["metadata"] == {"apiVersion": "v2", "name": "hyperpod-helm-chart", "version": "0.2.0"}
    assert place.deploy(stack(place)) == "UPDATE_COMPLETE"
    assert (releases(place), "tools" in place.objects("Namespace")) == ({}, True)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"CreateNamespace": False, "Namespace": "none"}, 'namespaces "none" not found'),
        ({"Values": "[1]"}, "values of a Helm chart must be an object"),
    ],
)
def test_a_wrong_chart_fails_the_stack(place: Place, properties: Json, message: str) -> None:
    assert place.deploy(stack(place, Chart=chart(**properties))) == "ROLLBACK_COMPLETE"
    assert message in place.failures()


def test_helm_lists_the_releases_with_their_values(
    aws: LocalAws, place: Place, helm_path: Path, tmp_path: Path
) -> None:
    place.deploy(stack(place, Chart=chart()))
    server = place.eks.describe_cluster(name="kube")["cluster"]["endpoint"]

    def helm(*arguments: str) -> Any:
        command = [str(helm_path), *arguments, "--namespace", "tools", "--kube-apiserver", server, "--output", "json"]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "KUBECONFIG": os.devnull}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    (release,) = helm("list")
    assert {name: release[name] for name in ("name", "revision", "status", "chart")} == {
        "name": "hyperpod-dependencies",
        "revision": "1",
        "status": "deployed",
        "chart": "hyperpod-helm-chart-0.1.0",
    }
    assert helm("get", "values", "hyperpod-dependencies") == {"trainingOperators": {"enabled": True}}
    assert LOCATION[1] in server
