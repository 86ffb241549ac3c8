"""Image stacks in the local AWS: home Region, replica Regions, and replication rules of other owners."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aws_cdk as cdk
import pytest
from moto.ecr.models import ecr_backends

from fairlane.environment import load_environment
from fairlane_local import LocalAws, client, print_tables, tools_environment
from fairlane_stacks import build_stacks
from tests.support import CDK, recommended_flags

ACCOUNT, HOME, REPLICA_REGION = "123456789012", "us-east-1", "us-west-2"
IMAGES, REPLICAS = "fairlane-example-images", f"fairlane-example-{REPLICA_REGION}-replicas"
ENVIRONMENT: Final = """
region: us-east-1
account: "123456789012"
image_replication: MODE
images:
  training/pytorch:
    regions: [us-west-2]
    mutable_tags: [dev-*]
  plain:
    regions: [us-west-2]
"""
OTHERS: Final = [
    {
        "repositoryFilters": [{"filterType": "PREFIX_MATCH", "filter": prefix}],
        "destinations": [{"registryId": ACCOUNT, "region": region}],
        "newer": {"than boto3": True},
    }
    for prefix, region in (("serving/", "eu-west-1"), ("serving/", "eu-west-1"), ("training/", REPLICA_REGION))
]
"""Rules of other owners: a duplicate, and a field that boto3 does not support in all rules."""


def synth(text: str, folder: Path) -> Path:
    (folder / "example.yaml").write_text(text)
    app = cdk.App(outdir=str(folder / "out"), context=recommended_flags())
    build_stacks(app, "example", load_environment(folder / "example.yaml"))
    return Path(app.synth().directory)


@cache
def synthesized(mode: str = "merge") -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the image templates by stack, and the asset files by key."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        out = synth(ENVIRONMENT.replace("MODE", mode), folder)
        code = {
            asset.name.removeprefix("asset.") + ".zip": Path(
                shutil.make_archive(f"{folder}/code", "zip", asset)
            ).read_bytes()
            for asset in out.glob("asset.*")
        }
        return {stack: (out / f"{stack}.template.json").read_text() for stack in (REPLICAS, IMAGES)}, code


def cloudformation(aws: LocalAws, stack: str) -> Any:
    return client("cloudformation", aws.port, ACCOUNT, REPLICA_REGION if stack == REPLICAS else HOME)


def status(aws: LocalAws, stack: str) -> str:
    return str(cloudformation(aws, stack).describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def reasons(aws: LocalAws, stack: str) -> str:
    events = cloudformation(aws, stack).describe_stack_events(StackName=stack)["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in events)


def deploy(aws: LocalAws, mode: str = "merge") -> None:
    """Create the image stacks."""
    templates, code = synthesized(mode)
    client("ssm", aws.port, ACCOUNT, HOME).get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    for key, body in code.items():
        bucket = f"cdk-hnb659fds-assets-{ACCOUNT}-{HOME}"
        client("s3", aws.port, ACCOUNT, HOME).put_object(Bucket=bucket, Key=key, Body=body)
    for stack, template in templates.items():
        cloudformation(aws, stack).create_stack(StackName=stack, TemplateBody=template)
        assert status(aws, stack) == "CREATE_COMPLETE", reasons(aws, stack)


def edited(stack: str, kind: str, mode: str = "merge", **properties: Any) -> str:
    """Return a template with changed properties of all resources of a type."""
    template = json.loads(synthesized(mode)[0][stack])
    for resource in template["Resources"].values():
        if resource["Type"] == kind:
            resource["Properties"] |= properties
    return json.dumps(template)


def rules(text: str = "") -> Any:
    """Return the rules of the home registry that contain `text`, as JSON text in the order of their members."""
    documents = ecr_backends[ACCOUNT][HOME].replication_config["rules"]
    return [json.dumps(rule) for rule in documents if text in json.dumps(rule)]


def test_merged_rules_keep_the_rules_of_other_owners(aws: LocalAws) -> None:
    ecr_backends[ACCOUNT][HOME].put_replication_configuration({"rules": OTHERS})
    before = rules()
    deploy(aws)
    (own_rule,) = rules("fairlane-rules/")
    assert rules() == [*before, own_rule]
    assert f'"region": "{REPLICA_REGION}"' in own_rule
    for name in ("plain", "training/pytorch"):
        assert f'"filter": "{name}"' in own_rule

    new_rules = [{"destinations": [{"region": "eu-west-1", "registryId": ACCOUNT}]}]
    new_rules[0]["repositoryFilters"] = [{"filter": "other/", "filterType": "PREFIX_MATCH"}]
    changed = edited(IMAGES, "Custom::FairlaneRegistryRules", Rules=new_rules)
    cloudformation(aws, IMAGES).update_stack(StackName=IMAGES, TemplateBody=changed)
    assert status(aws, IMAGES) == "UPDATE_COMPLETE"
    (own_rule,) = rules("fairlane-rules/")
    assert rules() == [*before, own_rule]
    assert '"filter": "other/"' in own_rule

    cloudformation(aws, IMAGES).delete_stack(StackName=IMAGES)
    assert rules() == before


def test_too_many_merged_rules_are_rolled_back_with_the_reason(aws: LocalAws) -> None:
    ecr_backends[ACCOUNT][HOME].put_replication_configuration({"rules": OTHERS})
    deploy(aws)
    before = rules()
    many = [
        {
            "destinations": [{"region": "eu-west-1", "registryId": ACCOUNT}],
            "repositoryFilters": [{"filter": f"other{number}", "filterType": "PREFIX_MATCH"}],
        }
        for number in range(8)
    ]
    broken = edited(IMAGES, "Custom::FairlaneRegistryRules", Rules=many)
    cloudformation(aws, IMAGES).update_stack(StackName=IMAGES, TemplateBody=broken)
    assert status(aws, IMAGES) == "UPDATE_ROLLBACK_COMPLETE"
    assert "11 rules, including 8 of this resource, and ECR allows 10" in reasons(aws, IMAGES)
    assert rules() == before


def test_repositories_have_their_settings_and_are_retained(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws, "own")
    table = """
Image replication
Repository        Home Region  Replicated to  Immutable tags
────────────────────────────────────────────────────────────
plain             us-east-1    us-west-2      all
training/pytorch  us-east-1    us-west-2      all but dev-*
"""
    monkeypatch.setenv("COLUMNS", "80")
    print_tables(aws.port)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == table.splitlines()
    for stack in (IMAGES, REPLICAS):
        cloudformation(aws, stack).delete_stack(StackName=stack)
    for region, names in ((HOME, {"plain", "training/pytorch"}), (REPLICA_REGION, {"plain"})):
        repositories = client("ecr", aws.port, ACCOUNT, region).describe_repositories()["repositories"]
        assert {repository["repositoryName"] for repository in repositories} == names
        assert all(repository["imageScanningConfiguration"] == {"scanOnPush": True} for repository in repositories)
        assert all(repository["encryptionConfiguration"] == {"encryptionType": "AES256"} for repository in repositories)


def test_mode_own_replaces_and_deletes_all_rules(aws: LocalAws) -> None:
    ecr_backends[ACCOUNT][HOME].put_replication_configuration({"rules": OTHERS})
    deploy(aws, "own")
    assert [rule for rule in rules() if "serving/" in rule] == []
    (own_rule,) = client("ecr", aws.port, ACCOUNT, HOME).describe_registry()["replicationConfiguration"]["rules"]
    assert own_rule["destinations"] == [{"region": REPLICA_REGION, "registryId": ACCOUNT}]
    assert [prefix["filter"] for prefix in own_rule["repositoryFilters"]] == ["plain", "training/pytorch"]
    kind = "AWS::ECR::ReplicationConfiguration"
    for region, status_ in ((HOME, "UPDATE_ROLLBACK_COMPLETE"), ("eu-west-1", "UPDATE_COMPLETE")):
        to = [{"Region": region, "RegistryId": ACCOUNT}]
        changed = edited(IMAGES, kind, "own", ReplicationConfiguration={"Rules": [{"Destinations": to}]})
        cloudformation(aws, IMAGES).update_stack(StackName=IMAGES, TemplateBody=changed)
        assert status(aws, IMAGES) == status_
        assert ("eu-west-1" in str(rules())) is (status_ == "UPDATE_COMPLETE")
    cloudformation(aws, IMAGES).delete_stack(StackName=IMAGES)
    assert rules() == []


@pytest.mark.slow
def test_both_regions_are_deployed_by_the_cdk_cli_and_destroyed(aws: LocalAws, tmp_path: Path) -> None:
    out = synth(ENVIRONMENT.replace("MODE", "merge"), tmp_path)
    ecr_backends[ACCOUNT][HOME].put_replication_configuration({"rules": OTHERS})
    before = rules()

    def run(*command: str) -> str:
        process = subprocess.run(
            [CDK, *command, "--all", "--app", out],
            env=tools_environment(aws.endpoint_url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stdout
        return process.stdout

    run("deploy", "--require-approval", "never")
    assert status(aws, IMAGES) == status(aws, REPLICAS) == "CREATE_COMPLETE"
    assert rules()[:-1] == before
    assert run("deploy", "--require-approval", "never").count("(no changes)") == 2
    run("destroy", "--force")
    assert rules() == before
