"""Examples of the page about fan-outs, against a simulated account."""

import csv
import json
import re
from argparse import ArgumentParser
from pathlib import Path

import boto3
import duckdb
import pytest
import sqlglot
from aws_cdk import Stack
from ruamel.yaml import YAML

from fairlane.cli import fanout
from fairlane.fan_out.fan_out_rules import FanOutSpec
from fairlane_client.fan_out import fan_out
from fairlane_client.sweeps import Clock
from fairlane_lambda.fan_out.lines import FIELDS, Line, parse_line
from tests.fairlane.fan_out.fan_outs import full_fan_out
from tests.fairlane_client.fan_out.world import REGIONS, World, jsonl, lines
from tests.support import REPOSITORY, template_of

PAGE = (REPOSITORY / "docs" / "fan-out.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_starts_a_manifest_and_retries_its_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World()

    def sleep(seconds: float) -> None:
        world.set_jobs("FAILED", only="RUNNING")
        world.set_jobs("RUNNING")
        world.sleep(seconds)

    monkeypatch.setattr(boto3, "Session", lambda **_: world)
    monkeypatch.setattr(fan_out, "Clock", lambda now: Clock(lambda: world.now, sleep))
    monkeypatch.chdir(tmp_path)
    Path("drives.jsonl").write_text(jsonl(lines(8)))
    code, _ = blocks("py")
    exec(compile(code, "example", "exec"), {})
    assert "drives: 8 lines: 8 new" in capsys.readouterr().out
    world.sleep(30)
    assert set(world.jobs().values()) == {1}
    assert len(world.jobs()) == 16


def test_the_manifests_are_lines() -> None:
    (text,), (table,) = blocks("json"), blocks("csv")
    rows = [json.loads(line) for line in text.splitlines()]
    parsed = [parse_line(number, row, is_csv=False) for number, row in enumerate(rows, 1)]
    parsed += [parse_line(number, row, is_csv=True) for number, row in enumerate(csv.DictReader(table.splitlines()), 1)]
    assert [mistakes for _, mistakes in parsed] == 4 * [[]]
    found = [line for line, _ in parsed if isinstance(line, Line)]
    assert [line.id for line in found] == ["munich-17", "detroit-4", "munich-17", "detroit-4"]
    assert [dict(line.parameters) for line in found[1:]] == [{"epochs": 20}, {"epochs": "10"}, {"epochs": "20"}]
    assert found[1].candidates[1].copy_to == "s3://example-campaigns-eu-west-1/copies/"


def test_the_page_lists_all_fields_and_commands() -> None:
    section = PAGE.partition("| Field | Value |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(.+?)`", row)} == set(FIELDS)
    parser = ArgumentParser()
    commands = parser.add_subparsers()
    fanout.add_to(commands)
    (verbs,) = [action for action in commands.choices["fanout"]._actions if action.choices]
    assert {*re.findall(r"^\| `fairlane fanout (\w+)", PAGE, re.MULTILINE)} == {*(verbs.choices or ())}


def test_the_settings_are_yaml() -> None:
    settings, sources = (YAML(typ="safe").load(text)["fan_outs"]["campaigns"] for text in blocks("yml"))
    assert set(settings["queues"]) <= set(REGIONS)
    assert list(settings["residency"].values()) == [["eu-west-1"]]
    spec = FanOutSpec(**(settings | sources | {"query": "SELECT 1"}))
    assert [problem for problem in spec.problems("campaigns", "us-east-1") if problem.field[0] != "template"] == []


def test_the_page_lists_all_sources_of_a_query() -> None:
    section = PAGE.partition("### Sources of the query")[2].partition("```")[0]
    named = {name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall("`(.+?)`", row)}
    assert named == {name for name in FanOutSpec.__slots__ if name.startswith("query_")}


def test_the_role_of_the_plan_gets_the_permissions_of_a_query(stack: Stack) -> None:
    _, code = blocks("py")
    exec(compile(code, "example", "exec"), {"stack": stack, "fan_out": full_fan_out(stack)})
    (policy,) = (
        entry["Properties"]
        for entry in template_of(stack)["Resources"].values()
        if entry["Type"] == "AWS::IAM::RolePolicy"
    )
    assert policy["RoleName"]["Ref"].startswith("FanOutFunctionsPlanRole")


def test_the_queries_run() -> None:
    manifest, outcomes = (sqlglot.transpile(text, read="athena", write="duckdb")[0] for text in blocks("sql"))
    database = duckdb.connect()
    database.execute("CREATE SCHEMA drives")
    database.execute(
        "CREATE TABLE drives.campaigns AS SELECT * FROM (VALUES "
        "('munich-17', 'eu-west-1', 's3://b/17/', 'cars', 12000, NULL), "
        "('detroit-4', 'us-east-1', 's3://a/4/', 'trucks', 90000, NULL), "
        "('osaka-1', 'ap-northeast-3', 's3://c/1/', 'cars', 0, NULL), "
        "('detroit-5', 'us-east-1', 's3://a/5/', 'trucks', 90000, 's3://a/model')) "
        "AS rows (id, region, data, fleet, gigabytes, model)"
    )
    database.execute(
        "CREATE TABLE capacity AS SELECT * FROM (VALUES ('us-east-1', 'ml.p4d.24xlarge', 2), "
        "('eu-west-1', 'ml.p4d.24xlarge', 15), ('eu-west-1', 'ml.p4d.24xlarge', 3), ('eu-west-1', 'ml.g5.xlarge', 99)) AS rows (region, instance_type, idle)"
    )
    assert database.execute(manifest).fetchall() == [
        ("munich-17", "eu-west-1", "s3://b/17/", "cars", "ml.p4d.24xlarge", 6),
        ("detroit-4", "us-east-1", "s3://a/4/", "trucks", "ml.p4d.24xlarge", 15),
        ("osaka-1", "ap-northeast-3", "s3://c/1/", "cars", "ml.p4d.24xlarge", 1),
    ]
    database.execute(
        "CREATE TABLE outcomes AS SELECT * FROM (VALUES ('drives', 'us-east-1', 'SUCCEEDED', 1.5), "
        "('drives', 'us-east-1', 'SUCCEEDED', 2.0), ('other', 'us-east-1', 'FAILED', 9.0)) "
        "AS rows (manifest, region, state, gpu_hours)"
    )
    assert database.execute(outcomes).fetchall() == [("us-east-1", "SUCCEEDED", 2, 3.5)]
