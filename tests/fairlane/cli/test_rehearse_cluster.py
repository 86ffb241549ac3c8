"""Output and errors of `fairlane rehearse --cluster`."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fairlane.cli import main
from fairlane.rehearsal.hyperpod import cluster_table, summarize_clusters
from tests.fairlane.rehearsal.hyperpod.clusters import cluster, elastic
from tests.fairlane.rehearsal.hyperpod.clusters import rehearse as rehearse_jobs
from tests.support import REPOSITORY

EXAMPLE = REPOSITORY / "environments" / "hyperpod.yaml"
JOBS = """submit,team,class,instances,run,sizes,tokens_per_second,checkpoint_seconds,restart_seconds,name
0,inference,inference,4,86400,,,,,service
0,pretraining,training,12,86400,,,,,base-model
0,research,experiments,,216000,4;8;12;16,4:8000;16:28000,60,120,llama
36000,inference,inference,12,50400,,,,,day
"""


@pytest.fixture(autouse=True)
def _trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jobs.csv").write_text(JOBS)


def rehearse(*options: object, environment: Path = EXAMPLE, cluster: str = "training") -> int:
    return main(["rehearse", str(environment), "--cluster", cluster, "--trace", "jobs.csv", *map(str, options)])


def numbers(*options: object) -> dict[str, Any]:
    assert rehearse("--json", "result.json", *options) == 0
    result: dict[str, Any] = json.loads(Path("result.json").read_text())["rehearsals"]
    return result


def test_elastic_jobs_are_compared_with_static_ones(capsys: pytest.CaptureFixture[str]) -> None:
    result = numbers("--against", "static")
    elastic, static = result["training"], result["with static"]
    assert elastic["capacity_gpus"] == static["capacity_gpus"] == 256
    assert elastic["idle_gpu_hours"] < static["idle_gpu_hours"]
    assert elastic["utilization"] > static["utilization"]
    assert elastic["total"]["tokens"] == static["total"]["tokens"] == 216_000 * 8000
    assert (elastic["teams"]["research"]["moves"], static["teams"]["research"]["moves"]) == (3, 0)
    assert elastic["teams"]["research"]["borrowed_gpu_hours"] > 900
    assert elastic["teams"]["inference"]["lent_gpu_hours"] > 900
    assert elastic["teams"]["inference"]["wait_seconds"]["max"] == 60
    printed = capsys.readouterr().out
    for text in ("research", "with static", "Idle, borrowed, lent and lost are GPU-hours.", "of 256 GPUs in use"):
        assert text in printed


def test_a_rehearsal_of_jobs_that_never_run_has_no_utilization(capsys: pytest.CaptureFixture[str]) -> None:
    Path("jobs.csv").write_text("submit,team,instances,run\n0,research,30,60\n")
    assert rehearse() == 0
    printed = capsys.readouterr().out
    assert "training: 0 s from the first submission to the end; 256 GPUs\n" in printed
    assert "jobs that never run: 1; the first is row 0 of team research: it needs 30 instances" in printed


def test_bad_rows_are_left_out_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    Path("jobs.csv").write_text("submit,team,instances,run\n0,research,1,60\n0,typo,1,60\n0,research,1,\n")
    assert rehearse() == 1
    assert "line 3, team: got 'typo'" in capsys.readouterr().err
    training = numbers("--skip-bad-rows")["training"]
    assert training["total"]["jobs"] == 1
    assert training["advice"] == ["jobs.csv: 2 of 3 rows are left out: team not allowed (1), run missing (1)"]


def test_environment_files_can_have_any_name() -> None:
    other = Path("with_underscore.yaml")
    other.write_text(EXAMPLE.read_text())
    assert rehearse("--against", other, environment=other) == 0


def test_waits_are_those_of_the_jobs_that_started(capsys: pytest.CaptureFixture[str]) -> None:
    Path("jobs.csv").write_text("submit,team,instances,run\n0,research,30,60\n0,research,1,60\n")
    total = numbers()["training"]["total"]
    assert (total["jobs"], total["never_ran"], total["wait_seconds"]["mean"]) == (2, 1, 0)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["all", "training", "2", "1", "0", "s", "0", "s", "0", "s"] in [cells[:10] for cells in lines]


def test_a_narrow_terminal_cuts_no_number_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = {"training": rehearse_jobs(cluster(), elastic(4, 8, 12, 16, run=360_000), hours=48)}
    Console(width=80, force_terminal=False).print(cluster_table(summarize_clusters(numbers)))
    printed = capsys.readouterr().out
    for word in ("pretraining", "research", "training", "Never", "Idle", "Lost"):
        assert word in printed
    assert "too narrow for: Wait, max; Preempted" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed


def test_the_page_has_use_waits_and_sizes() -> None:
    assert rehearse("--html", "report.html", "--against", "static") == 0
    page = Path("report.html").read_text()
    for text in ('id="chart-0-use"', 'id="chart-0-waits"', 'id="chart-0-sizes"', "llama (row 2)", "model of Kueue"):
        assert text in page
    assert 'id="chart-1-sizes"' not in page
    assert "No elastic job started." in page


def test_another_file_has_the_same_teams() -> None:
    more = EXAMPLE.read_text().replace("instance_count: 32", "instance_count: 40")
    Path("more.yaml").write_text(more)
    assert numbers("--against", "more.yaml")["with more.yaml"]["capacity_gpus"] == 320


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--against", "fifo"], "--against: 1 problem\n  - got 'fifo', allowed: static, or the path of an environment"),
        (["--attempts", "2"], "--attempts: the option applies to queues only: remove it"),
        (["--all-shares"], "--all-shares: the option applies to queues only: remove it"),
    ],
)
def test_options_of_queues(options: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(*options) == 1
    assert expected in capsys.readouterr().err


def test_a_file_without_the_team_of_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.yaml").write_text(EXAMPLE.read_text().replace("research", "physics"))
    assert rehearse("--against", "other.yaml") == 1
    assert "trace[2].team: got 'research', allowed: a team of the cluster" in capsys.readouterr().err


def test_a_cluster_that_the_file_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(cluster="other") == 1
    assert "hyperpod: got 'other', allowed: a cluster of the file: training" in capsys.readouterr().err
    assert rehearse(environment=REPOSITORY / "environments" / "example.yaml") == 1
    assert "hyperpod: the file has no HyperPod clusters: add training" in capsys.readouterr().err


def test_either_a_queue_or_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    for options in ([], ["--queue", "a", "--cluster", "b"]):
        with pytest.raises(SystemExit):
            main(["rehearse", str(EXAMPLE), "--trace", "jobs.csv", *options])
    assert "--cluster" in capsys.readouterr().err
