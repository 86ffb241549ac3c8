import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from fairlane.hyperpod import (
    Volume,
)
from tests import cfn_lint
from tests.fairlane.hyperpod.clusters import (
    CLUSTER,
    KEY,
    P5,
    POOL,
    SYSTEM,
    WORKSPACE,
    Resources,
    cluster,
    full,
    new_stack,
    warnings,
)
from tests.support import recommended_flags, template_of


def test_pods_assume_their_role_only_from_this_kubernetes_cluster() -> None:
    resources = full()
    (kubernetes,) = resources.ids("AWS::EKS::Cluster")
    for logical_id in resources.ids("AWS::EKS::PodIdentityAssociation"):
        role = resources.by_id[resources.by_id[logical_id]["Properties"]["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
        statements = role["AssumeRolePolicyDocument"]["Statement"]
        assert {each["Action"] for each in statements} == {"sts:AssumeRole", "sts:TagSession"}
        for each in statements:
            assert each["Condition"]["StringEquals"]["aws:SourceArn"] == {"Fn::GetAtt": [kubernetes, "Arn"]}


def test_the_role_of_karpenter_only_adds_and_deletes_nodes_and_uses_the_keys_of_volumes() -> None:
    stack = new_stack()
    encrypted = replace(P5, root_volume=Volume(encryption_key=KEY))
    cluster(stack, instance_groups=[SYSTEM, encrypted], node_pools=[POOL])
    resources = Resources(template_of(stack))
    role = resources.by_id[resources.only(CLUSTER)["ClusterRole"]["Fn::GetAtt"][0]]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "hyperpod.sagemaker.amazonaws.com"}
    nodes, grant, key = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert nodes["Action"] == ["sagemaker:BatchAddClusterNodes", "sagemaker:BatchDeleteClusterNodes"]
    assert (grant["Resource"], grant["Action"]) == (KEY, "kms:CreateGrant")
    assert grant["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    via = {"StringLike": {"kms:ViaService": "sagemaker.*.amazonaws.com"}}
    assert (key["Resource"], key["Action"], key["Condition"]) == (KEY, "kms:DescribeKey", via)


def test_the_execution_role_has_no_managed_policy_and_no_access_beyond_its_cluster() -> None:
    resources = full()
    group = resources.only(CLUSTER)["InstanceGroups"][0]
    role = resources.by_id[group["ExecutionRole"]["Fn::GetAtt"][0]]["Properties"]
    assert "ManagedPolicyArns" not in role
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    by_action: dict[str, Any] = {}
    for statement in statements:
        for action in [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]:
            by_action.setdefault(action, []).append(statement)
    (kubernetes,) = resources.ids("AWS::EKS::Cluster")
    assert by_action["eks-auth:AssumeRoleForPodIdentity"][0]["Resource"] == {"Fn::GetAtt": [kubernetes, "Arn"]}
    assert by_action["kms:Decrypt"][0]["Resource"] == KEY
    assert by_action["s3:GetObject"][0]["Resource"]["Fn::Join"][1][-1] == "/training/*"
    assert by_action["cloudwatch:PutMetricData"][0]["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/Clusters"}
    }
    assert json.dumps(by_action["logs:CreateLogGroup"][0]["Resource"]).count(
        "log-group:/aws/sagemaker/Clusters/training/*"
    )
    everywhere = {action for action, found in by_action.items() if any(each["Resource"] == "*" for each in found)}
    assert everywhere == {
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
        *(action for action in by_action if action.startswith(("ec2:Describe", "ssmmessages:"))),
    }


def test_an_existing_bucket_with_a_key_can_be_read_and_written() -> None:
    stack = new_stack()
    cluster(stack, lifecycle_bucket="sagemaker-scripts", encryption_key=KEY)
    resources = Resources(template_of(stack))
    group = resources.only(CLUSTER)["InstanceGroups"][0]
    nodes = json.dumps(resources.by_id[group["ExecutionRole"]["Fn::GetAtt"][0]])
    assert f'"Action": "kms:Decrypt", "Effect": "Allow", "Resource": "{KEY}"' in nodes
    policies = [
        json.dumps(resources.by_id[each]) for each in resources.ids("AWS::IAM::Policy") if "BucketDeployment" in each
    ]
    assert any("kms:GenerateDataKey*" in policy and KEY in policy for policy in policies)


def test_nodes_communicate_with_each_other_and_with_kubernetes() -> None:
    resources = full()
    (group,) = full().only(CLUSTER)["VpcConfig"]["SecurityGroupIds"]
    (kubernetes,) = resources.ids("AWS::EKS::Cluster")
    control_plane = {"Fn::GetAtt": [kubernetes, "ClusterSecurityGroupId"]}
    rules = [resources.by_id[each]["Properties"] for each in resources.ids("AWS::EC2::SecurityGroupIngress")]
    pairs = [(rule["GroupId"], rule["SourceSecurityGroupId"]) for rule in rules if rule["IpProtocol"] == "-1"]
    for pair in ((group, group), (group, control_plane), (control_plane, group)):
        assert pair in pairs
    egress = resources.only("AWS::EC2::SecurityGroupEgress")
    assert egress["DestinationSecurityGroupId"] == group


def test_administrators_have_access_entries() -> None:
    resources = full()
    entries = [resources.by_id[each]["Properties"] for each in resources.ids("AWS::EKS::AccessEntry")]
    (admin,) = (entry for entry in entries if entry["PrincipalArn"] == "arn:aws:iam::111122223333:role/Admin")
    (policy,) = admin["AccessPolicies"]
    assert policy["AccessScope"] == {"Type": "cluster"}
    assert "AmazonEKSClusterAdminPolicy" in json.dumps(policy["PolicyArn"])


def test_an_administrator_keeps_the_access_entry_when_others_come_and_go() -> None:
    roles = [f"arn:aws:iam::111122223333:role/{name}" for name in ("Ada", "Ben")]
    found = []
    for some in (roles, roles[::-1], roles[1:]):
        stack = new_stack()
        cluster(stack, admin_roles=some)
        resources = Resources(template_of(stack))
        entries = resources.ids("AWS::EKS::AccessEntry")
        found.append({each for each in entries if resources.by_id[each]["Properties"]["PrincipalArn"] == roles[1]})
    assert found == [found[0]] * 3
    assert len(found[0]) == 1


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(recommended_flags(), id="all recommended flags"),
        pytest.param({}, id="no flags", marks=pytest.mark.slow),
    ],
)
def test_cdk_nag_and_cfn_lint_have_no_findings_and_nothing_is_warned_of(flags: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: hyperpod-helm-chart\nversion: 0.1.0\n")
    stack = new_stack(flags)
    encrypted = replace(P5, root_volume=Volume(encryption_key=KEY))
    cluster(
        stack,
        chart=str(tmp_path),
        instance_groups=[SYSTEM, encrypted],
        node_pools=[POOL],
        prometheus_workspace=WORKSPACE,
        encryption_key=KEY,
        admin_roles=["arn:aws:iam::111122223333:role/Admin"],
    )
    app = stack.node.root
    assert isinstance(app, cdk.App)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    assert cfn_lint.findings(template_of(stack)) == []
    assert warnings(stack) == []
