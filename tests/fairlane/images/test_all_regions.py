"""Images in four Regions, another account and all modes: the templates of all stacks pass cdk-nag and cfn-lint."""

import json

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

from fairlane.images import (
    RegistryReplication,
    ReplicatedRepository,
    ReplicaTemplates,
    ReplicationAlarm,
    ReplicationGate,
    ReplicationMode,
)
from tests import cfn_lint
from tests.fairlane.images import fleet
from tests.support import template_of


def whole_fleet(app: App) -> list[Stack]:
    home = fleet.stack(app)
    keys = {region: fleet.key(region) for region in [fleet.HOME, *fleet.REGIONS]}
    shared = {fleet.OTHER: [fleet.HOME]}
    repositories = [
        fleet.repository(home, "training/pytorch", mutable_tags=["dev-*"]),
        fleet.repository(home, "encrypted/pytorch", kms_keys=keys),
        fleet.repository(home, "plain"),
    ]
    shared_repository = fleet.repository(home, "shared/pytorch", regions=[], other_accounts=shared)
    gate = ReplicationGate(home, "Gate", repositories=repositories)
    gate.wait(repositories[0], fleet.DIGEST)
    gate.backfill(repositories[0])
    stacks = [home]
    places: list[tuple[str, str, list[ReplicatedRepository]]] = [
        *((region, fleet.ACCOUNT, repositories) for region in fleet.REGIONS),
        (fleet.HOME, fleet.OTHER, [shared_repository]),
    ]
    for region, account, replicated in places:
        destination = fleet.stack(app, region, account)
        ReplicaTemplates(destination, "Replicas", repositories=replicated)
        topic = f"arn:aws:sns:{region}:{account}:phone"
        ReplicationAlarm(destination, "Failed", repositories=replicated, notify=[topic])
        stacks.append(destination)
    for mode, region in ((ReplicationMode.MERGE, "sa-east-1"), (ReplicationMode.EXTERNAL, "ca-central-1")):
        other_home = fleet.stack(app, region)
        RegistryReplication(other_home, "Registry", mode=mode)
        fleet.repository(other_home, "inference/vllm", regions=["ap-south-1"])
        stacks.append(other_home)
    return stacks


def test_all_stacks_pass_cdk_nag_and_cfn_lint_without_cross_stack_references() -> None:
    app = fleet.app()
    stacks = whole_fleet(app)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises if cdk-nag reports a finding
    for stack in stacks:
        template = template_of(stack)
        assert [str(finding) for finding in cfn_lint.findings(template)] == [], stack.node.path
        text = json.dumps(template)
        assert "Fn::GetStackOutput" not in text
        assert "Fn::ImportValue" not in text
        assert "ExportReader" not in text


def test_cdk_nag_reports_a_wildcard_without_acknowledgment() -> None:
    """Prove that the test above runs cdk-nag."""
    app = fleet.app()
    home = fleet.stack(app)
    iam.Role(home, "Role", assumed_by=iam.AccountRootPrincipal()).add_to_policy(
        iam.PolicyStatement(actions=["ecr:*"], resources=["*"])
    )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="AwsSolutions-IAM5"):
        app.synth()
