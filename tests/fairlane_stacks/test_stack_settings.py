"""Settings of all stacks in an environment file: names, permissions boundary, log retention, bootstrap qualifier."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from fairlane_stacks import build_stacks
from tests.cfn_lint import findings
from tests.support import REPOSITORY, recommended_flags, template_of

BOUNDARY = "arn:aws:iam::123456789012:policy/ml/boundary"
SETTINGS = f"""
stack_prefix: acme-ml
permissions_boundary: {BOUNDARY}
log_retention_days: 90
qualifier: acme
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "prod.yaml") -> Path:
        path = tmp_path / name
        path.write_text(f"region: us-east-1\nqueues: {{q: {{capacity: 1, scheduling: {{policy: fifo}}}}}}\n{text}")
        return path

    return write


def built(name: str, tmp_path: Path, settings: str = SETTINGS) -> tuple[cdk.App, list[cdk.Stack]]:
    folder = REPOSITORY / "environments"
    text = (folder / f"{name}.yaml").read_text().replace("template: fan", f"template: {folder}/fan")
    path = tmp_path / f"{name}.yaml"
    path.write_text(settings + text.replace("query: fan", f"query: {folder}/fan"))
    app = cdk.App(context=recommended_flags())
    return app, build_stacks(app, name, load_environment(path))


def properties(stacks: list[cdk.Stack], resource_type: str) -> list[dict[str, Any]]:
    resources = [entry for stack in stacks for entry in template_of(stack).get("Resources", {}).values()]
    return [entry.get("Properties", {}) for entry in resources if entry["Type"] == resource_type]


@pytest.mark.parametrize(
    "name", ["fan-out", *(pytest.param(name, marks=pytest.mark.slow) for name in ("example", "hyperpod"))]
)
def test_all_roles_and_log_groups_have_the_settings_of_the_file(name: str, tmp_path: Path) -> None:
    app, stacks = built(name, tmp_path)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    roles = properties(stacks, "AWS::IAM::Role")
    assert roles
    assert {json.dumps(role.get("PermissionsBoundary")) for role in roles} == {json.dumps(BOUNDARY)}
    log_groups = properties(stacks, "AWS::Logs::LogGroup")
    assert log_groups
    assert {group["RetentionInDays"] for group in log_groups} == {90}
    assert [finding for stack in stacks for finding in findings(template_of(stack))] == []


def test_the_prefix_starts_the_names_of_stacks_and_dashboards(tmp_path: Path) -> None:
    _, stacks = built("example", tmp_path)
    assert stacks
    assert all(stack.stack_name.startswith("acme-ml-example-") for stack in stacks)
    names = [dashboard["DashboardName"] for dashboard in properties(stacks, "AWS::CloudWatch::Dashboard")]
    assert names
    assert all(name.startswith("acme-ml-example") for name in names)


def test_the_prefix_starts_the_names_of_sweep_stores(write: Write) -> None:
    (stack, *_) = build_stacks(
        cdk.App(), "prod", load_environment(write("stack_prefix: acme-ml\nsweeps: {search: {}}"))
    )
    (workgroup,) = properties([stack], "AWS::Athena::WorkGroup")
    (database,) = properties([stack], "AWS::Glue::Database")
    (parameter,) = properties([stack], "AWS::SSM::Parameter")
    assert (workgroup["Name"], database["DatabaseInput"]["Name"]) == ("acme-ml-search", "acme_ml_search")
    assert parameter["Name"] == "/fairlane/sweep-store/acme-ml/search"


def test_the_qualifier_selects_the_bootstrap_stack(tmp_path: Path) -> None:
    app, stacks = built("example", tmp_path)
    assembly = app.synth()
    for stack in stacks:
        artifact = assembly.get_stack_artifact(stack.artifact_id)
        assert artifact.bootstrap_stack_version_ssm_parameter == "/cdk-bootstrap/acme/version"
        assert "cdk-acme-deploy-role" in str(artifact.assume_role_arn)


def test_no_settings_change_nothing(tmp_path: Path) -> None:
    _, stacks = built("example", tmp_path, "")
    assert {group["RetentionInDays"] for group in properties(stacks, "AWS::Logs::LogGroup")} == {30}
    assert all("PermissionsBoundary" not in role for role in properties(stacks, "AWS::IAM::Role"))
    assert all(stack.stack_name.startswith("fairlane-example-") for stack in stacks)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        (
            "stack_prefix: 1acme",
            "got '1acme', allowed: 1 to 32 letters, digits and hyphens that start with a letter and do not end with",
        ),
        ("stack_prefix: acme-", "got 'acme-', allowed: 1 to 32 letters"),
        ("stack_prefix: acme_ml", "got 'acme_ml', allowed: 1 to 32 letters"),
        ("stack_prefix: ''", "got '', allowed: 1 to 32 letters"),
        (f"stack_prefix: {'a' * 33}", f"got '{'a' * 33}', allowed: 1 to 32 letters"),
        (
            "permissions_boundary: boundary",
            "got 'boundary', allowed: the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/boundary",
        ),
        ("permissions_boundary: arn:aws:iam::123456789012:role/a", "got 'arn:aws:iam::123456789012:role/a', allowed"),
        ("permissions_boundary: arn:aws:iam::123456789012:policy/*", "got 'arn:aws:iam::123456789012:policy/*'"),
        (
            "account: '444455556666'\npermissions_boundary: arn:aws:iam::123456789012:policy/a",
            "the policy is in account 123456789012: use a policy in account 444455556666, where the roles are",
        ),
        ("log_retention_days: 31", "got 31, allowed: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, "),
        ("log_retention_days: 0", "got 0, allowed: 1, 3, 5"),
        (
            "qualifier: Acme",
            "got 'Acme', allowed: 1 to 10 lowercase letters, digits and hyphens, as given to cdk bootstrap --qualifier",
        ),
        ("qualifier: abcdefghijk", "got 'abcdefghijk', allowed: 1 to 10 lowercase letters"),
    ],
)
def test_a_wrong_setting_is_reported(write: Write, setting: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_environment(write(setting))
    (found,) = error.value.problems
    key = setting.splitlines()[-1].partition(":")[0]
    assert str(found).startswith(f"line {3 + setting.count(chr(10))}, {key}: {problem}")


def test_policies_of_aws_and_of_the_account_are_boundaries(write: Write) -> None:
    for arn in ("arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws-us-gov:iam::123456789012:policy/a/b"):
        path = write(f"account: '123456789012'\npermissions_boundary: {arn}")
        assert load_environment(path).permissions_boundary == arn


def test_stack_names_are_at_most_128_characters(tmp_path: Path) -> None:
    prefix, name, cluster = "a" * 32, "b" * 44, "c" * 30
    text = f"stack_prefix: {prefix}\n" + (REPOSITORY / "environments" / "hyperpod.yaml").read_text()
    path = tmp_path / f"{name}.yaml"
    path.write_text(text.replace("  training:", f"  {cluster}:", 1))
    load_environment(path)
    path.write_text(text.replace("  training:", f"  {cluster}c:", 1))
    with pytest.raises(ConfigurationError) as error:
        load_environment(path)
    (problem,) = error.value.problems
    assert str(problem).startswith(
        f"line 1, stack_prefix: the stack name {prefix}-{name}-hyperpod-{cluster}c-monitoring "
    )
    assert "has 129 characters, but AWS CloudFormation accepts 128: use a shorter stack_prefix" in str(problem)


REGION = "regions: {eu-west-1: {queues: {q: {capacity: 1, scheduling: {policy: fifo}}}}}"


@pytest.mark.parametrize(
    ("file", "settings", "other", "other_settings"),
    [
        ("b-prod.yaml", "stack_prefix: a", "prod.yaml", "stack_prefix: a-b"),
        ("b-prod.yaml", "", "prod.yaml", "stack_prefix: fairlane-b"),
        ("prod.yaml", "stack_prefix: a", "eu-west-1.yaml", "stack_prefix: a-prod"),
    ],
)
def test_files_with_stacks_of_the_same_names_are_refused(
    write: Write, file: str, settings: str, other: str, other_settings: str
) -> None:
    path = write(f"{settings}\n{REGION}", file)
    load_environment(path)
    write(other_settings, other)
    with pytest.raises(ConfigurationError, match=f"stack_prefix: {other} has stacks of the same names"):
        load_environment(path)
    write(f"account: '123456789012'\n{other_settings}", other)
    load_environment(write(f"account: '444455556666'\n{settings}\n{REGION}", file))


@pytest.mark.parametrize(
    "other", ["region: [", "extends: no.yaml", "region: us-east-1\naccount: [1]\nstack_prefix: [a]"]
)
def test_mistakes_in_another_file_do_not_matter(write: Write, tmp_path: Path, other: str) -> None:
    path = write("", "eu-prod.yaml")
    (tmp_path / "prod.yaml").write_text(other)
    load_environment(path)


def test_files_without_a_prefix_are_not_compared(write: Write) -> None:
    path = write(REGION)
    write("", "prod-eu-west-1.yaml")
    load_environment(path)
