"""`fairlane rehearse` and `fairlane trace`: what they print and write, and what they say of wrong inputs."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlane.cli import main
from fairlane.rehearsal import read_trace
from tests.support import REPOSITORY

EXAMPLE = REPOSITORY / "environments" / "example.yaml"
JOBS = "submit,share,instances,run,checkpoint\n0,ProdExp1,100,7200,600\n600,ProdExp2,40,3600,600\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("jobs.csv").write_text(JOBS)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([*map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def rehearse(run: Run, *more: object, environment: object = EXAMPLE, queue: str = "training-p4") -> dict[str, Any]:
    code, _, err = run("rehearse", environment, "--queue", queue, "--trace", "jobs.csv", "--json", "result.json", *more)
    assert (code, err) == (0, "")
    result: dict[str, Any] = json.loads(Path("result.json").read_text())
    return result


def refused(run: Run, *more: object, environment: object = EXAMPLE, queue: str = "training-p4") -> str:
    code, out, err = run("rehearse", environment, "--queue", queue, "--trace", "jobs.csv", *more)
    assert (code, out) == (1, "")
    return err


def test_a_queue_of_the_example(run: Run) -> None:
    result = rehearse(run)["rehearsals"]["training-p4"]
    assert result["policy"] == "quota management"
    assert result["strategies"]["stop_seconds"] == 20
    assert result["shares"]["ProdExp2"]["wait_seconds"]["max"] == 20
    assert result["shares"]["ProdExp1"]["preemptions"] == 1
    assert result["total"]["jobs"] == 2


def test_the_table_has_every_share_and_what_was_assumed(run: Run) -> None:
    code, out, _ = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", "--against", "fifo")
    assert code == 0
    for word in (
        "all",
        "ProdExp1",
        "ProdExp2",
        "with fifo",
        "GPU-hours",
        "20 s",
        "head_of_line",
        "stop_seconds",
        "in the busiest hour",
    ):
        assert word in out


def test_seconds_to_stop(run: Run) -> None:
    result = rehearse(run, "--stop-seconds", 90)["rehearsals"]["training-p4"]
    assert result["shares"]["ProdExp2"]["wait_seconds"]["max"] == 90


def test_against_others(run: Run) -> None:
    other = Path("other.yaml")
    other.write_text(EXAMPLE.read_text().replace("ml.p4d.24xlarge: 100", "ml.p4d.24xlarge: 140"))
    result = rehearse(run, "--against", "fifo", "--against", "fair-share", "--against", other)["rehearsals"]
    policies = {name: one["policy"] for name, one in result.items()}
    assert policies == {
        "training-p4": "quota management",
        "with fifo": "first in, first out",
        "with fair-share": "fair share",
        "with other.yaml": "quota management",
    }
    waits = {name: one["shares"]["ProdExp2"]["wait_seconds"]["max"] for name, one in result.items()}
    assert waits["with fifo"] == waits["with fair-share"] == 6600
    assert waits["training-p4"] == 20


def test_a_queue_that_counts_instances(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,instances,run\n0,HIGHPRI,16,60\n1,LOWPRI,1,60\n2,MIDPRI,1,60\n")
    result = rehearse(run, queue="training-g6")["rehearsals"]["training-g6"]
    assert result["policy"] == "fair share"
    assert result["shares"]["LOWPRI"]["wait_seconds"]["max"] == 59


def test_gpus_of_training_jobs_are_whole_machines(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,gpus,run\n0,ProdExp1,9,3600\n")
    result = rehearse(run)["rehearsals"]["training-p4"]
    assert result["total"]["mean_use"] == 2


def test_a_queue_of_containers_counts_gpus(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,gpus,run\n0,production,90,3600\n0,research,7,3600\n")
    result = rehearse(run, queue="gpu-g5")["rehearsals"]["gpu-g5"]  # of 32 and 64
    assert result["total"]["wait_seconds"]["max"] == 3600
    Path("jobs.csv").write_text("submit,share,instances,run\n0,production,2,3600\n")
    assert rehearse(run, queue="gpu-g5")["rehearsals"]["gpu-g5"]["total"]["mean_use"] == 8


def test_machines_of_a_queue_of_containers(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,gpus,run\n" + 20 * "0,production,4,3600\n")
    arguments = ("rehearse", EXAMPLE, "--queue", "gpu-g5", "--trace", "jobs.csv")
    untold = "machines start at once and none is reclaimed"
    assert untold in run(*arguments)[1]
    code, out, _ = run(*arguments, "--start-up-seconds", 60, "--reclaims-per-hour", 2, "--attempts", 3)
    assert (code, untold in out) == (0, False)
    assert "start_up_seconds=60" in out
    result = rehearse(run, "--reclaims-per-hour", 2, "--attempts", 3, queue="gpu-g5")["rehearsals"]["gpu-g5"]
    assert result["machines"]["reclaims_per_hour"] == 0.5, "of one of the 4 GPUs of a machine"
    assert result["total"]["preemptions"] > 0


def test_reclaims_are_of_machines_of_one_size(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,gpus,run\n0,production,4,3600\n")
    text = EXAMPLE.read_text()
    Path("other.yaml").write_text(text.replace("[g5.12xlarge]", "[g5.12xlarge, g5.48xlarge]"))
    assert Path("other.yaml").read_text() != text
    said = refused(run, "--reclaims-per-hour", "2", environment="other.yaml", queue="gpu-g5")
    assert (
        "--reclaims-per-hour: got 2.0, allowed: none with machines of which the GPUs are not known, or differ" in said
    )


def test_a_report(run: Run) -> None:
    rehearse(run, "--html", "report.html", "--against", "fifo")
    page = Path("report.html").read_text()
    for word in ("ProdExp1", "with fifo", "head_of_line"):
        assert word in page


def test_what_a_trace_does_not_mean_is_told(run: Run) -> None:
    Path("jobs.csv").write_text("user,submit,share,instances,run\nme,5,ProdExp1,1,60\nme,0,ProdExp1,101,60\n")
    advice = " ".join(rehearse(run)["rehearsals"]["training-p4"]["advice"])
    for word in ("ignored: user", "were sorted", "never"):
        assert word in advice


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"queue": "nothing"}, "queues: got 'nothing', allowed: training-p4, training-p5, training-g6, cpu, gpu-g5"),
        ({"environment": "none.yaml"}, "none.yaml: 1 problem\n  - got 'No such file or directory'"),
        ({"more": ["--stop-seconds", "-1"]}, "stop_seconds: got -1, allowed: a whole number of seconds, 0 or more"),
        ({"more": ["--trace", "none.csv"]}, "none.csv: 1 problem\n  - got 'No such file or directory'"),
        (
            {"more": ["--start-up-seconds", "60"]},
            "--start-up-seconds: got 60, allowed: none with a queue of training jobs, as SageMaker brings its own",
        ),
        ({"more": ["--attempts", "11"], "queue": "gpu-g5"}, "machines.attempts: got 11"),
        ({"more": ["--against", "lottery"]}, "got 'lottery', allowed: fifo, fair-share, or an environment file"),
    ],
    ids=str,
)
def test_wrong_inputs_are_told(more: dict[str, Any], said: str, run: Run) -> None:
    assert said in refused(run, *more.pop("more", ()), **more)


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_file_that_cannot_be_written_is_told(option: str, run: Run) -> None:
    code, out, err = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", option, "no/file")
    assert code == 1
    assert "ProdExp1" in out  # what took long to find out is not lost
    assert err == "no/file: 1 problem\n  - got 'No such file or directory', allowed: a file that can be written\n"


def test_jobs_of_shares_that_the_policy_does_not_have_are_told(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,instances,run\n0,ProdExp3,1,60\n0,prodexp1,1,60\n")
    said = refused(run)
    assert "ProdExp3" in said
    assert "prodexp1" in said


def test_a_queue_of_several_types_is_not_compared_with_policies_that_count_none(run: Run) -> None:
    other = Path("other.yaml")
    capacity = "ml.p4d.24xlarge: {}\n{}ml.p5.48xlarge: {}"
    text = EXAMPLE.read_text().replace("ml.p4d.24xlarge: 100", capacity.format(100, 6 * " ", 10))
    other.write_text(text.replace("ml.p4d.24xlarge: 60", capacity.format(60, 12 * " ", 10)))
    Path("jobs.csv").write_text("submit,share,instances,run,instance_type\n0,ProdExp1,1,60,ml.p5.48xlarge\n")
    said = refused(run, "--against", "fifo", environment=other)
    assert "allowed: a queue of one instance type" in said
    assert rehearse(run, environment=other)["rehearsals"]["training-p4"]["total"]["jobs"] == 1


def test_a_queue_of_containers_is_not_compared_with_one_of_training_jobs(run: Run) -> None:
    other = Path("other.yaml")
    swapped = (
        EXAMPLE.read_text().replace("gpu-p5:", "cpu2:").replace("  cpu:", "  gpu-p5:").replace("[gpu-p5]", "[cpu2]")
    )
    other.write_text(swapped)
    Path("jobs.csv").write_text("submit,gpus,run\n0,1,60\n")
    assert "a queue of instances', allowed: one of gpus" in refused(run, "--against", other, queue="gpu-p5")


def test_a_queue_is_not_compared_with_one_of_machines_of_another_size(run: Run) -> None:
    Path("other.yaml").write_text(EXAMPLE.read_text().replace("ml.p4d.24xlarge", "ml.g5.12xlarge"))
    said = refused(run, "--against", "other.yaml")
    assert "queues.training-p4: got 'instances of 4 GPUs', allowed: instances of 8, by which the jobs are sized" in said


def test_without_the_extra_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert 'pip install "fairlane[report]"' in refused(run)


def test_bars_are_for_people_and_long_rehearsals(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlane.cli.rehearse._LONG", 1)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    code, _, err = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv")
    assert code == 0
    assert "training-p4" in err
    monkeypatch.setattr("fairlane.cli.rehearse._LONG", 3)
    assert run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv")[2] == ""


def listed(**more: Any) -> str:
    usage = [{"capacityUnit": "ml.p4d.24xlarge", "quantity": 2}]
    job = {"jobId": "a", "createdAt": 0, "startedAt": 1000, "stoppedAt": 61_000, "capacityUsage": usage, **more}
    return json.dumps({"jobSummaryList": [job, {"jobId": "b", "createdAt": 0}]})


def test_a_trace_of_history(run: Run) -> None:
    Path("list.json").write_text(listed(quotaShareName="ProdExp1"))
    code, out, err = run("trace", "history", "list.json", "--output", "jobs.csv")
    assert (code, out) == (0, "Wrote 1 jobs: jobs.csv\n")
    assert err == "list.json: left out: jobs that never ran (1)\n"
    assert rehearse(run)["rehearsals"]["training-p4"]["total"]["mean_use"] == 2


def test_a_trace_of_containers(run: Run) -> None:
    usage = [{"capacityUnit": "VCPU", "quantity": 36}]
    Path("list.json").write_text(listed(shareIdentifier="research", capacityUsage=usage))
    assert run("trace", "history", "list.json", "--vcpus-per-gpu", 12)[0] == 0
    assert rehearse(run, queue="gpu-g5")["rehearsals"]["gpu-g5"]["shares"]["research"]["mean_use"] == 3


def test_a_trace_that_is_made_up(run: Run) -> None:
    share = "ProdExp1:jobs_per_day=40,instances=4,run=600,tail=1.5,instance_type=ml.p4d.24xlarge"
    arguments = ("trace", "generate", "--seed", 7, "--days", 2, "--share", share, "--share", "b:jobs_per_day=1")
    code, out, err = run(*arguments, "--output", "made.csv")
    assert (code, err) == (0, "")
    trace = read_trace("made.csv")
    assert out == f"Wrote {len(trace)} jobs: made.csv\n"
    assert trace[0].instance_type == "ml.p4d.24xlarge"
    run(*arguments, "--output", "again.csv")
    assert Path("again.csv").read_text() == Path("made.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["history", "none.json"], "none.json: 1 problem\n  - got 'No such file or directory'"),
        (["history", "jobs.csv"], "jobs.csv: 1 problem\n"),
        (["generate", "--seed", "1", "--share", "a:jobs_per_day=-1"], "shares.a.jobs_per_day: got -1"),
        (["generate", "--seed", "1", "--share", "a:jobs_per_day=1", "--output", "no/x.csv"], "no/x.csv: 1 problem"),
        (
            ["generate", "--seed", "1", "--share", "a:jobs_per_day=1", "--output", "x.jsonl"],
            "x.jsonl: 1 problem\n  - got 'x.jsonl', allowed: a name that ends in .csv",
        ),
    ],
)
def test_what_makes_no_trace_is_told(arguments: list[str], said: str, run: Run) -> None:
    code, out, err = run("trace", *arguments)
    assert (code, out) == (1, "")
    assert said in err


@pytest.mark.parametrize(
    "share", ["a", "a:jobs=1", "a:jobs_per_day=many", "a:run=5", ":jobs_per_day=1", "jobs_per_day=1"]
)
def test_a_share_that_says_no_load_is_told(share: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("trace", "generate", "--seed", "1", "--share", share)
    assert ended.value.code == 2
    assert "allowed: " in capsys.readouterr().err


def test_a_share_submits_one_load(run: Run) -> None:
    shares = ("--share", "a:jobs_per_day=1", "--share", "a:jobs_per_day=2")
    code, out, err = run("trace", "generate", "--seed", 1, *shares)
    assert (code, out) == (1, "")
    assert "a: got 'two loads', allowed: one for each share" in err


def test_traces_need_no_extra(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(['rich', 'plotly', 'jinja2', 'pyarrow', 'aws_cdk'])\n"
        "from fairlane.cli import main\n"
        "sys.exit(main(['trace', 'generate', '--seed', '1', '--share', 'a:jobs_per_day=1']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
