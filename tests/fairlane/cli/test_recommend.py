"""Command `fairlane recommend`: answer, tables, YAML, JSON, page and mistakes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fairlane.cli import main
from fairlane.rehearsal import Trace, write_trace
from tests.fairlane.rehearsal.recommend.test_recommendation import TWO

FILE = """
region: us-east-1
queues:
  training:
    capacity: 24
    instance_type: ml.p4d.24xlarge
    scheduling: {policy: fair-share, weight_factors: {a: 1, b: 500}}
  quota:
    capacity: {ml.p4d.24xlarge: 24}
    scheduling:
      policy: quota-management
      shares:
        a: {capacity: {ml.p4d.24xlarge: 4}, sharing: RESERVE, in_share_preemption: true}
        b: {capacity: {ml.p4d.24xlarge: 20}, sharing: LEND}
  fifo:
    capacity: 24
    scheduling: {policy: fifo}
"""
SHORT = ["--trials", "7", "--seconds", "1e6", "--bootstrap", "2", "--seed", "1"]


@pytest.fixture(autouse=True)
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("team.yaml").write_text(FILE)
    write_trace(TWO, "jobs.csv")


def run(queue: str, *options: str) -> int:
    return main(["recommend", "team.yaml", "--queue", queue, "--trace", "jobs.csv", *SHORT, *options])


def test_the_winner_is_printed_as_yaml_that_an_environment_file_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("training", "--json", "result.json", "--html", "page.html") == 0
    out, err = capsys.readouterr()
    assert (
        "Use the policy below: on jobs that the search did not see, its p95 wait of the share that waits longest"
        in (" ".join(out.split()))
    )
    text = out[out.index("scheduling:") : out.index("Policies without a better one")]
    printed = YAML(typ="safe").load(text)
    result = json.loads(Path("result.json").read_text())
    assert printed["scheduling"] == result["found"]["scheduling"]
    assert result["better"] is True
    assert result["policies"] == 8
    data = YAML(typ="safe").load(FILE)
    data["queues"]["training"] |= printed
    with Path("team.yaml").open("w") as file:
        YAML(typ="safe").dump(data, file)
    assert run("training", "--json", "again.json") == 0
    again = json.loads(Path("again.json").read_text())
    assert again["held_out"]["worst-p95"]["given"] == result["held_out"]["worst-p95"]["found"]
    page = Path("page.html").read_text()
    assert "Use the policy below" in page
    assert err == ""


def test_quotas_are_printed_with_their_sharing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quota", "--objective", "mean-wait", "--keep", "b=2") == 0
    out, _ = capsys.readouterr()
    text = out[out.index("scheduling:") : out.index("Policies without a better one")]
    shares = YAML(typ="safe").load(text)["scheduling"]["shares"]
    assert sum(share["capacity"]["ml.p4d.24xlarge"] for share in shares.values()) == 24
    assert (shares["a"]["in_share_preemption"], "in_share_preemption" in shares["b"]) == (True, False)
    assert "(found)" in out


def test_the_yaml_is_whole_with_names_longer_than_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    names = {"a": "a" * 200, "b": "b" * 128 + "-x" * 40}
    text = FILE.replace("{a: 1, b: 500}", f"{{{names['a']}: 1, {names['b']}: 500}}")
    Path("team.yaml").write_text(text)
    write_trace(Trace.of(replace(job, share=names[job.share]) for job in TWO), "jobs.csv")
    assert run("training", "--bootstrap", "0", "--trials", "4") == 0
    out, _ = capsys.readouterr()
    text = out[out.index("scheduling:") : out.index("Policies without a better one")]
    assert set(YAML(typ="safe").load(text)["scheduling"]["weight_factors"]) == set(names.values())


def test_bad_rows_are_left_out_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with Path("jobs.csv").open("a") as file:
        file.write("a,0,1,,5,,,,\n")
    assert run("training", "--bootstrap", "0", "--trials", "1") == 1
    assert "run: missing" in capsys.readouterr().err
    assert run("training", "--bootstrap", "0", "--trials", "1", "--skip-bad-rows") == 0
    assert f"1 of {len(TWO) + 1:,} rows are left out: run missing (1)" in capsys.readouterr().out


def test_no_better_policy_is_said_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("training", "--where", "a.p95<1s") == 0
    out, _ = capsys.readouterr()
    assert "No better than what you have: on the first part of the trace, none of 8 policies keeps a.p95<1s." in (
        " ".join(out.split())
    )
    assert "Policies without a better one" not in out
    assert "scheduling:" not in out


@pytest.mark.parametrize(
    ("queue", "options", "messages"),
    [
        ("fifo", [], ["policy: FIFO has no settings to search: use a policy with shares"]),
        (
            "training",
            ["--where", "a.p99<1h", "--keep", "a", "--where", "c.p95<1h", "--hold-out", "1", "--keep", "b=1"],
            [
                "fairlane recommend: 5 problems",
                "--where.c: got 'c', allowed: a share of the jobs: a, b",
                "--hold-out: got 1.0, allowed: a number above 0 and below 1",
                "--keep: only quota shares own capacity: remove the minimum",
                "--where: got 'a.p99<1h', allowed: SHARE.STATISTIC<TIME",
                "--keep: got 'a', allowed: SHARE=MIN with a number of instances, for example prod=8",
            ],
        ),
        (
            "training",
            ["--hold-out", "0", "--objective", "impossible"],
            [
                "--hold-out: got 0.0, allowed: a number above 0 and below 1",
                "--objective: got 'impossible', allowed: worst-p95",
            ],
        ),
        ("quota", ["--keep", "c=3"], ["--keep.c: got 'c', allowed: a quota share of the policy: a, b"]),
        ("nope", [], ["queues: got 'nope', allowed: a queue of the file: training, quota, fifo"]),
    ],
)
def test_mistakes_are_named(
    capsys: pytest.CaptureFixture[str], queue: str, options: list[str], messages: list[str]
) -> None:
    assert run(queue, *options) == 1
    out, err = capsys.readouterr()
    assert out == ""
    for message in messages:
        assert message in err
