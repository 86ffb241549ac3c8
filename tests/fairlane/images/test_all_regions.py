"""One image in four Regions, another account, and all modes: templates of all stacks are clean."""

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
    mine = [
        fleet.repository(home, "training/pytorch", mutable_tags=["dev-*"]),
        fleet.repository(home, "encrypted/pytorch", kms_keys=keys),
        fleet.repository(home, "plain"),
    ]
    theirs = fleet.repository(home, "shared/pytorch", regions=[], other_accounts=shared)
    gate = ReplicationGate(home, "Gate", repositories=mine)
    gate.wait(mine[0], fleet.DIGEST)
    gate.backfill(mine[0])
    stacks = [home]
    places: list[tuple[str, str, list[ReplicatedRepository]]] = [
        *((region, fleet.ACCOUNT, mine) for region in fleet.REGIONS),
        (fleet.HOME, fleet.OTHER, [theirs]),
    ]
    for region, account, some in places:
        there = fleet.stack(app, region, account)
        ReplicaTemplates(there, "Replicas", repositories=some)
        ReplicationAlarm(there, "Failed", repositories=some, notify=[f"arn:aws:sns:{region}:{account}:phone"])
        stacks.append(there)
    for mode, region in ((ReplicationMode.MERGE, "sa-east-1"), (ReplicationMode.EXTERNAL, "ca-central-1")):
        there = fleet.stack(app, region)
        RegistryReplication(there, "Registry", mode=mode)
        fleet.repository(there, "inference/vllm", regions=["ap-south-1"])
        stacks.append(there)
    return stacks


def test_all_stacks_are_clean_and_refer_to_nothing_in_each_other() -> None:
    app = fleet.app()
    stacks = whole_fleet(app)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # fails if cdk-nag finds something
    for stack in stacks:
        template = template_of(stack)
        assert [str(finding) for finding in cfn_lint.findings(template)] == [], stack.node.path
        text = json.dumps(template)
        assert "Fn::GetStackOutput" not in text
        assert "Fn::ImportValue" not in text
        assert "ExportReader" not in text


def test_without_its_acknowledgments_a_wildcard_is_found() -> None:
    """Holds the test above: cdk-nag does look."""
    app = fleet.app()
    home = fleet.stack(app)
    iam.Role(home, "Role", assumed_by=iam.AccountRootPrincipal()).add_to_policy(
        iam.PolicyStatement(actions=["ecr:*"], resources=["*"])
    )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="AwsSolutions-IAM5"):
        app.synth()
