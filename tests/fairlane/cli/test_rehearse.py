"""Output and errors of `fairlane rehearse` and `fairlane trace`."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlane.cli import main
from fairlane.rehearsal import read_trace
from fairlane.rehearsal.report.table import duration
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
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def rehearse(run: Run, *options: object, environment: object = EXAMPLE, queue: str = "training-p4") -> dict[str, Any]:
    code, _, err = run(
        "rehearse", environment, "--queue", queue, "--trace", "jobs.csv", "--json", "result.json", *options
    )
    assert (code, err) == (0, "")
    result: dict[str, Any] = json.loads(Path("result.json").read_text())
    return result


def rehearse_error(run: Run, *options: object, environment: object = EXAMPLE, queue: str = "training-p4") -> str:
    code, out, err = run("rehearse", environment, "--queue", queue, "--trace", "jobs.csv", *options)
    assert (code, out) == (1, "")
    return err


def test_a_queue_of_the_example_environment_is_rehearsed(run: Run) -> None:
    result = rehearse(run)["rehearsals"]["training-p4"]
    assert result["policy"] == "quota management"
    assert result["strategies"]["stop_seconds"] == 20
    assert result["shares"]["ProdExp2"]["wait_seconds"]["max"] == 20
    assert result["shares"]["ProdExp1"]["preemptions"] == 1
    assert result["total"]["jobs"] == 2


def test_the_output_has_every_share_and_the_strategies(run: Run) -> None:
    code, out, _ = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", "--against", "fifo")
    assert code == 0
    for word in (
        "all",
        "ProdExp1",
        "ProdExp2",
        "with fifo",
        "hours",
        "Never",
        "Failed",
        "20 s",
        "head_of_line",
        "stop_seconds",
        "in the busiest hour",
    ):
        assert word in out


def test_bad_rows_are_left_out_and_counted(run: Run) -> None:
    Path("jobs.csv").write_text(JOBS + "700,ProdExp1,4,,600\n800,Typo,4,60,\n")
    error = rehearse_error(run)
    assert "line 4, run: missing; use seconds, more than 0" in error
    assert "line 5, share: got 'Typo', allowed: an enabled quota share: ProdExp1, ProdExp2" in error
    numbers = rehearse(run, "--skip-bad-rows")["rehearsals"]["training-p4"]
    assert numbers["total"]["jobs"] == 2
    assert numbers["advice"] == ["jobs.csv: 2 of 4 rows are left out: run missing (1), share not allowed (1)"]
    arguments = ("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", "--skip-bad-rows")
    _, out, _ = run(*arguments, "--against", "fifo")
    assert out.count("jobs.csv: 2 of 4 rows are left out: run missing (1), share not allowed (1)") == 1


def test_a_share_that_another_file_does_not_have_names_its_rows(run: Run) -> None:
    Path("other.yaml").write_text(EXAMPLE.read_text().replace("ProdExp2", "Other"))
    error = rehearse_error(run, "--against", "other.yaml")
    assert "trace.share: got 'ProdExp2', allowed: an enabled quota share: ProdExp1, Other (row 1)" in error


def test_environment_files_can_have_any_name(run: Run) -> None:
    for name in ("prod_2026.yaml", "what if.yaml", f"{'long-' * 30}.yaml"):
        Path(name).write_text(EXAMPLE.read_text())
        assert rehearse(run, "--against", name, environment=name)["rehearsals"][f"with {name}"]["total"]["jobs"] == 2


def test_all_shares_are_shown_on_demand(run: Run) -> None:
    names = [f"team{number}" for number in range(12)]
    Path("jobs.csv").write_text("submit,share,instances,run\n" + "".join(f"0,{name},1,60\n" for name in names))
    arguments = ("rehearse", EXAMPLE, "--queue", "training-g6", "--trace", "jobs.csv", "--html", "report.html")
    for options, others in (((), 1), (("--all-shares",), 0)):
        code, out, _ = run(*arguments, *options)
        page = Path("report.html").read_text()
        assert code == 0
        assert ("others (" in out) == ("<td>others (" in page) == bool(others)
        shown = sum(f"\n{name} " in out for name in names)
        assert shown == sum(f"<td>{name}</td>" in page for name in names)
        assert (shown == 12) == (not others)


def test_stop_seconds_delay_the_owner(run: Run) -> None:
    result = rehearse(run, "--stop-seconds", 90)["rehearsals"]["training-p4"]
    assert result["shares"]["ProdExp2"]["wait_seconds"]["max"] == 90


def test_strategies_are_set_by_name(run: Run) -> None:
    options = ("victims=newest", "stop_seconds=90", "rank_seconds=none", "start_charge=0")
    result = rehearse(run, *(word for option in options for word in ("--strategy", option)))["rehearsals"][
        "training-p4"
    ]
    chosen = {name: result["strategies"][name] for name in ("victims", "stop_seconds", "rank_seconds", "start_charge")}
    assert chosen == {"victims": "newest", "stop_seconds": 90, "rank_seconds": None, "start_charge": 0}
    assert result["shares"]["ProdExp2"]["wait_seconds"]["max"] == 90


def test_one_error_lists_all_mistakes_of_strategies(run: Run) -> None:
    texts = ["head_of_lin=skip", "decay", "victims=oldest", "stop_seconds=3", "rank_seconds=0", "start_charge=none"]
    error = rehearse_error(run, *(word for text in texts for word in ("--strategy", text)), "--stop-seconds", 5)
    subject, *problems = error.splitlines()
    assert subject == "--strategy: 6 problems"
    assert problems[0].endswith("(did you mean head_of_line?)")
    assert problems[1:] == [
        "  - decay: missing; use NAME=VALUE, for example head_of_line=skip",
        "  - stop_seconds: the strategy is set twice: set it once",
        "  - victims: got 'oldest', allowed: lowest-priority or newest",
        "  - rank_seconds: got 0, allowed: a whole number of seconds, 1 or more, or None",
        "  - start_charge: got 'none', allowed: a whole number of seconds, 0 or more",
    ]


def test_time_limits_of_the_environment_file_end_jobs_that_block_a_queue(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,instances,run\n0,ProdExp1,101,60\n10,ProdExp1,4,60\n0,ProdExp2,1,60\n")
    options = ("--strategy", "unrunnable=block")
    blocked = rehearse(run, *options)["rehearsals"]["training-p4"]["shares"]
    assert {name: share["never_ran"] for name, share in blocked.items()} == {"ProdExp1": 2, "ProdExp2": 0}
    printed = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", *options)[1]
    assert "jobs that wait at the end behind a job that can never run: 1" in printed
    action = "{reason: MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE, max_time_seconds: 3600}"
    queue = "  training-p4:\n"
    Path("other.yaml").write_text(EXAMPLE.read_text().replace(queue, f"{queue}    time_limit_actions: [{action}]\n", 1))
    result = rehearse(run, *options, environment="other.yaml")["rehearsals"]["training-p4"]
    assert "jobs that can never run and that a time limit of the queue ended: 1" in result["advice"]
    ended = result["shares"]["ProdExp1"]
    assert (ended["never_ran"], ended["failed"]) == (1, 1)
    assert ended["wait_seconds"]["p50"] == 3590


def test_sensitivity_names_the_choices_on_which_the_order_depends(run: Run) -> None:
    """A first job of 100 instances waits until 7,200. Under FIFO the jobs behind it wait too, unless they skip it."""
    rows = ["0,ProdExp1,60,7200", "0,ProdExp1,100,7200", *[f"{n},ProdExp2,1,60" for n in range(1, 30)]]
    Path("jobs.csv").write_text("\n".join(["submit,share,instances,run", *rows]))
    arguments = ("--against", "fifo", "--sensitivity")
    result = rehearse(run, *arguments)["sensitivity"]
    lowest, highest = result["ranges"]["with fifo"]["wait_mean"]
    assert lowest["choice"] == "head_of_line=skip"
    assert highest["choice"] is None
    assert lowest["number"] < 500 < highest["number"]
    assert {"head_of_line=skip", "victims=newest", "stop_seconds=0", "unrunnable=block"} <= set(result["choices"])
    files = ("--html", "report.html", "--json", "numbers.json")
    out = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", *arguments, *files)[1]
    assert "other choices, one at a time" in out
    assert "head_of_line=skip" in out
    table = re.search(r'<div class="numbers ranges">(.*?)</table>', Path("report.html").read_text(), re.DOTALL)
    assert table is not None
    lines = [re.findall(r"<td>(.*?)</td>", row) for row in table[1].split("<tr")[2:]]
    assert [row[0] for row in lines if row[0]] == ["training-p4", "with fifo"]
    shown = [row[2:] for row in lines if row[1] == "mean wait"]
    numbers = json.loads(Path("numbers.json").read_text())["sensitivity"]
    for name, cells in zip(["training-p4", "with fifo"], shown, strict=True):
        extremes = [(duration(each["number"]), each["choice"] or "") for each in numbers["ranges"][name]["wait_mean"]]
        expected = [duration(numbers["chosen"][name]["wait_mean"]), *(cell for each in extremes for cell in each)]
        assert cells == expected


def test_the_sensitivity_of_lost_work_is_in_gpu_hours(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,instances,run\n0,ProdExp2,80,7200\n90,ProdExp1,60,60\n")
    files = ("--sensitivity", "--json", "numbers.json")
    _, out, _ = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", *files)
    lost = [line.split() for line in out.splitlines() if "GPU-hours lost" in line]
    assert [row[:4] for row in lost] == [["GPU-hours", "lost", "16.0", "16.0"]]
    numbers = json.loads(Path("numbers.json").read_text())["sensitivity"]
    assert numbers["chosen"]["training-p4"]["lost_gpu_hours"] == 16
    assert numbers["ranges"]["training-p4"]["lost_gpu_hours"][0] == {"number": 16, "choice": None}
    assert "instance-hours" not in out


def test_a_queue_is_compared_with_policies_and_environment_files(run: Run) -> None:
    other = Path("other.yaml")
    other.write_text(EXAMPLE.read_text().replace("ml.p4d.24xlarge: 100", "ml.p4d.24xlarge: 140"))
    result = rehearse(run, "--against", "fifo", "--against", "fair-share", "--against", other)["rehearsals"]
    policies = {name: numbers["policy"] for name, numbers in result.items()}
    assert policies == {
        "training-p4": "quota management",
        "with fifo": "first in, first out",
        "with fair-share": "fair share",
        "with other.yaml": "quota management",
    }
    waits = {name: numbers["shares"]["ProdExp2"]["wait_seconds"]["max"] for name, numbers in result.items()}
    assert waits["with fifo"] == waits["with fair-share"] == 6600
    assert waits["training-p4"] == 20


def test_a_fair_share_queue_counts_instances(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,instances,run\n0,HIGHPRI,16,60\n1,LOWPRI,1,60\n2,MIDPRI,1,60\n")
    result = rehearse(run, queue="training-g6")["rehearsals"]["training-g6"]
    assert result["policy"] == "fair share"
    assert result["shares"]["LOWPRI"]["wait_seconds"]["max"] == 59


def test_gpus_of_training_jobs_are_rounded_up_to_instances(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,gpus,run\n0,ProdExp1,9,3600\n")
    result = rehearse(run)["rehearsals"]["training-p4"]
    assert result["total"]["mean_use"] == 2


def test_a_queue_of_containers_counts_gpus(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,gpus,run,nodes\n0,production,90,3600,30\n0,research,7,3600,2\n")
    result = rehearse(run, queue="gpu-g5")["rehearsals"]["gpu-g5"]  # the compute environments have 32 and 64
    assert result["total"]["wait_seconds"]["max"] == 3600
    Path("jobs.csv").write_text("submit,share,instances,run\n0,production,2,3600\n")
    assert rehearse(run, queue="gpu-g5")["rehearsals"]["gpu-g5"]["total"]["mean_use"] == 8


def test_ec2_instances_of_a_queue_of_containers(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,gpus,run\n" + 20 * "0,production,4,3600\n")
    arguments = ("rehearse", EXAMPLE, "--queue", "gpu-g5", "--trace", "jobs.csv")
    advice = "instances start at once and are never reclaimed"
    assert advice in run(*arguments)[1]
    code, out, _ = run(*arguments, "--start-up-seconds", 60, "--reclaims-per-hour", 2, "--attempts", 3)
    assert (code, advice in out) == (0, False)
    assert "start_up_seconds=60" in out
    result = rehearse(run, "--reclaims-per-hour", 2, "--attempts", 3, queue="gpu-g5")["rehearsals"]["gpu-g5"]
    assert result["ec2_instances"]["reclaims_per_hour"] == 0.5, (
        "each of the 4 GPUs of an instance has a quarter of its reclaims"
    )
    assert result["total"]["preemptions"] > 0


def test_reclaims_need_instances_of_one_size(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,gpus,run\n0,production,4,3600\n")
    text = EXAMPLE.read_text()
    Path("other.yaml").write_text(text.replace("[g5.12xlarge]", "[g5.12xlarge, g5.48xlarge]"))
    assert Path("other.yaml").read_text() != text
    error = rehearse_error(run, "--reclaims-per-hour", "2", environment="other.yaml", queue="gpu-g5")
    assert "--reclaims-per-hour: the option needs instances that have the same known number of GPUs" in error


def test_a_report_is_written(run: Run) -> None:
    rehearse(run, "--html", "report.html", "--against", "fifo")
    page = Path("report.html").read_text()
    for word in ("ProdExp1", "with fifo", "head_of_line"):
        assert word in page


def test_advice_about_the_trace_is_in_the_result(run: Run) -> None:
    Path("jobs.csv").write_text("user,submit,share,instances,run\nme,5,ProdExp1,1,60\nme,0,ProdExp1,101,60\n")
    advice = " ".join(rehearse(run)["rehearsals"]["training-p4"]["advice"])
    for word in ("ignored: user", "were sorted", "never"):
        assert word in advice


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            {"queue": "nothing"},
            "queues: got 'nothing', allowed: a queue of the file: training-p4, training-p5, training-g6, cpu, gpu-g5",
        ),
        ({"environment": "none.yaml"}, "none.yaml: 1 problem\n  - the file cannot be read: No such file or directory"),
        ({"options": ["--stop-seconds", "-1"]}, "stop_seconds: got -1, allowed: a whole number of seconds, 0 or more"),
        (
            {"options": ["--trace", "none.csv"]},
            "none.csv: 1 problem\n  - the file cannot be read: No such file or directory",
        ),
        (
            {"options": ["--start-up-seconds", "60"]},
            "--start-up-seconds: the option applies to queues of containers only, because SageMaker manages",
        ),
        ({"options": ["--attempts", "11"], "queue": "gpu-g5"}, "ec2_instances.attempts: got 11"),
        (
            {"options": ["--against", "lottery"]},
            "got 'lottery', allowed: fifo, fair-share, or the path of an environment file",
        ),
    ],
    ids=str,
)
def test_invalid_inputs_are_refused(arguments: dict[str, Any], problem: str, run: Run) -> None:
    assert problem in rehearse_error(run, *arguments.pop("options", ()), **arguments)


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_file_that_cannot_be_written_is_reported_after_the_table(option: str, run: Run) -> None:
    code, out, err = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", option, "no/file")
    assert code == 1
    assert "ProdExp1" in out  # the numbers, which can take long, are not lost
    assert err == "no/file: 1 problem\n  - there is no folder no: create it, or name a file in another folder\n"


def test_jobs_of_unknown_shares_are_refused(run: Run) -> None:
    Path("jobs.csv").write_text("submit,share,instances,run\n0,ProdExp3,1,60\n0,prodexp1,1,60\n")
    error = rehearse_error(run)
    assert "ProdExp3" in error
    assert "prodexp1" in error


def test_a_queue_of_several_instance_types_is_not_compared_with_fifo(run: Run) -> None:
    other = Path("other.yaml")
    capacity = "ml.p4d.24xlarge: {}\n{}ml.p5.48xlarge: {}"
    text = EXAMPLE.read_text().replace("ml.p4d.24xlarge: 100", capacity.format(100, 6 * " ", 10))
    other.write_text(text.replace("ml.p4d.24xlarge: 60", capacity.format(60, 12 * " ", 10)))
    Path("jobs.csv").write_text("submit,share,instances,run,instance_type\n0,ProdExp1,1,60,ml.p5.48xlarge\n")
    error = rehearse_error(run, "--against", "fifo", environment=other)
    assert "the queue has several instance types, ml.p4d.24xlarge and ml.p5.48xlarge, and fifo does not count" in error
    assert rehearse(run, environment=other)["rehearsals"]["training-p4"]["total"]["jobs"] == 1


def test_a_queue_of_containers_is_not_compared_with_one_of_training_jobs(run: Run) -> None:
    other = Path("other.yaml")
    swapped = (
        EXAMPLE.read_text().replace("gpu-p5:", "cpu2:").replace("  cpu:", "  gpu-p5:").replace("[gpu-p5]", "[cpu2]")
    )
    other.write_text(swapped)
    Path("jobs.csv").write_text("submit,gpus,run\n0,1,60\n")
    error = rehearse_error(run, "--against", other, queue="gpu-p5")
    assert "queues.gpu-p5: the capacity counts instances, but the capacity of the rehearsed queue counts gpus" in error


def test_a_queue_is_not_compared_with_a_queue_of_instances_of_another_size(run: Run) -> None:
    Path("other.yaml").write_text(EXAMPLE.read_text().replace("ml.p4d.24xlarge", "ml.g5.12xlarge"))
    error = rehearse_error(run, "--against", "other.yaml")
    assert "queues.training-p4: instances have 4 GPUs, but the jobs are sized for instances with 8: compare" in error


def test_without_the_extra_the_error_names_the_command_to_install_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert 'pip install "fairlane[report]"' in rehearse_error(run)


def test_progress_bars_are_for_terminals_and_long_rehearsals(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlane.cli.rehearse_output._MIN_JOBS_WITH_PROGRESS", 1)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    code, _, err = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv")
    assert code == 0
    assert "training-p4" in err
    monkeypatch.setattr("fairlane.cli.rehearse_output._MIN_JOBS_WITH_PROGRESS", 3)
    assert run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv")[2] == ""


def job_list(**fields: Any) -> str:
    usage = [{"capacityUnit": "ml.p4d.24xlarge", "quantity": 2}]
    job = {"jobId": "a", "createdAt": 0, "startedAt": 1000, "stoppedAt": 61_000, "capacityUsage": usage, **fields}
    return json.dumps({"jobSummaryList": [job, {"jobId": "b", "createdAt": 0}]})


def test_a_trace_is_created_from_job_history(run: Run) -> None:
    Path("list.json").write_text(job_list(quotaShareName="ProdExp1"))
    code, out, err = run("trace", "history", "list.json", "--output", "jobs.csv")
    assert (code, out) == (0, "Wrote 1 jobs: jobs.csv\n")
    assert err == "list.json: left out: jobs that never ran (1)\n"
    assert rehearse(run)["rehearsals"]["training-p4"]["total"]["mean_use"] == 2


def test_a_trace_is_created_from_container_jobs(run: Run) -> None:
    usage = [{"capacityUnit": "VCPU", "quantity": 36}]
    Path("list.json").write_text(job_list(shareIdentifier="research", capacityUsage=usage))
    assert run("trace", "history", "list.json", "--vcpus-per-gpu", 12)[0] == 0
    assert rehearse(run, queue="gpu-g5")["rehearsals"]["gpu-g5"]["shares"]["research"]["mean_use"] == 3


def test_a_trace_is_generated(run: Run) -> None:
    share = "ProdExp1:jobs_per_day=40,instances=4,run=600,tail=1.5,instance_type=ml.p4d.24xlarge"
    arguments = ("trace", "generate", "--seed", 7, "--days", 2, "--share", share, "--share", "b:jobs_per_day=1")
    code, out, err = run(*arguments, "--output", "first.csv")
    assert (code, err) == (0, "")
    trace = read_trace("first.csv")
    assert out == f"Wrote {len(trace)} jobs: first.csv\n"
    assert trace[0].instance_type == "ml.p4d.24xlarge"
    run(*arguments, "--output", "second.csv")
    assert Path("second.csv").read_text() == Path("first.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["history", "none.json"], 2, "none.json: 1 problem\n  - the file cannot be read: No such file or directory"),
        (["history", "jobs.csv"], 2, "jobs.csv: 1 problem\n"),
        (["generate", "--seed", "1", "--share", "a:jobs_per_day=-1"], 1, "shares.a.jobs_per_day: got -1"),
        (["generate", "--seed", "1", "--share", "a:jobs_per_day=1", "--output", "no/x.csv"], 1, "no/x.csv: 1 problem"),
        (
            ["generate", "--seed", "1", "--share", "a:jobs_per_day=1", "--output", "x.jsonl"],
            1,
            "x.jsonl: 1 problem\n  - got 'x.jsonl', allowed: a file name that ends in .csv",
        ),
    ],
)
def test_invalid_arguments_of_trace_are_refused(arguments: list[str], code: int, problem: str, run: Run) -> None:
    result, out, err = run("trace", *arguments)
    assert (result, out) == (code, "")
    assert problem in err


@pytest.mark.parametrize(
    "share", ["a", "a:jobs=1", "a:jobs_per_day=many", "a:run=5", ":jobs_per_day=1", "jobs_per_day=1"]
)
def test_an_invalid_load_is_refused(share: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("trace", "generate", "--seed", "1", "--share", share)
    assert ended.value.code == 2
    assert "allowed: " in capsys.readouterr().err


def test_two_loads_of_a_share_are_refused(run: Run) -> None:
    shares = ("--share", "a:jobs_per_day=1", "--share", "a:jobs_per_day=2")
    code, out, err = run("trace", "generate", "--seed", 1, *shares)
    assert (code, out) == (1, "")
    assert "a: the share has several loads: use --share once for each share" in err


def test_trace_needs_no_extra(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(['rich', 'plotly', 'jinja2', 'pyarrow', 'aws_cdk'])\n"
        "from fairlane.cli import main\n"
        "sys.exit(main(['trace', 'generate', '--seed', '1', '--share', 'a:jobs_per_day=1']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_resampled_traces_give_ranges_and_paired_comparisons(run: Run) -> None:
    rows = [
        f"{600 * index},ProdExp{1 + index % 2},{10 + 7 * index % 31},{3000 + 370 * index % 9000},600"
        for index in range(60)
    ]
    Path("jobs.csv").write_text("\n".join([JOBS.splitlines()[0], *rows]))
    result = rehearse(run, "--against", "fifo", "--bootstrap", 6)
    totals = {name: numbers["total"] for name, numbers in result["rehearsals"].items()}
    for name, numbers in totals.items():
        chance = result["bootstrap"]["mean-wait"][name]
        assert chance["number"] == numbers["wait_seconds"]["mean"]
        low, high = chance["range"]
        assert low <= high
        assert chance["traces"] == 6
        assert result["bootstrap"]["lost-gpu-hours"][name]["number"] == numbers["lost_gpu_hours"]
    first, second = (result["bootstrap"]["mean-wait"][name] for name in totals)
    assert first["better"] == first["worse"] == 0
    assert 0 < second["better"] + second["worse"] <= 6
    _, out, _ = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", "--bootstrap", 2)
    assert "2 resampled traces; each is made of weeks, days or hours of the trace" in out


def test_resampled_traces_in_which_no_job_runs_have_no_numbers(run: Run) -> None:
    Path("jobs.csv").write_text(f"{JOBS.splitlines()[0]}\n0,ProdExp1,3000000,60,600\n")
    result = rehearse(run, "--bootstrap", 2)
    assert result["bootstrap"]["mean-wait"]["training-p4"]["number"] is None
    assert result["bootstrap"]["slowdown"]["training-p4"]["range"] == [None, None]
    assert result["bootstrap"]["never-ran"]["training-p4"]["range"] == [1, 1]
    _, out, _ = run("rehearse", EXAMPLE, "--queue", "training-p4", "--trace", "jobs.csv", "--bootstrap", 2)
    assert ["jobs", "that", "never", "run", "training-p4", "1", "1", "to", "1"] in [
        line.split()[:9] for line in out.splitlines()
    ]


@pytest.mark.parametrize("number", [0, -1, 1001])
def test_a_wrong_number_of_resampled_traces_is_refused(run: Run, number: int) -> None:
    message = f"--bootstrap: got {number}, allowed: a whole number, 1 to 1000"
    assert message in rehearse_error(run, "--bootstrap", number)


SHARED = """region: us-east-1
account: "123456789012"
service_environments: {shared: {capacity: 4}, other: {capacity: 4}}
queues:
  prod: {service_environment: shared, priority: 10, instance_type: ml.p5.48xlarge, scheduling: {policy: fifo}}
  research:
    service_environment: shared
    instance_type: ml.p5.48xlarge
    scheduling: {policy: fair-share, weight_factors: {a: 1, b: 2}}
  sweeps: {service_environment: shared, scheduling: {policy: fifo}}
"""
QUEUE_JOBS = "queue,submit,run,instances,share\nresearch,0,60,4,a\nprod,0,60,4,\nresearch,0,60,2,b\n"


def test_several_queues_are_compared_each_with_its_own_comparison(run: Run) -> None:
    Path("env.yaml").write_text(SHARED)
    Path("jobs.csv").write_text(QUEUE_JOBS)
    options = ("--trace", "jobs.csv", "--against", "fifo", "--json", "result.json", "--html", "page.html")
    code, out, err = run("rehearse", "env.yaml", "--queue", "prod", "--queue", "research", *options)
    assert (code, err) == (0, "")
    found = json.loads(Path("result.json").read_text())["rehearsals"]
    assert list(found) == ["prod", "prod with fifo", "research", "research with fifo"]
    assert found["prod"]["total"]["wait_seconds"]["max"] == 0
    assert found["research"]["shares"]["a"]["wait_seconds"]["max"] == 60
    for text in ("prod: the mean wait is 0 s in all", "research: the mean wait", "not rehearsed use the same"):
        assert text in " ".join(out.split())
        assert text in " ".join(Path("page.html").read_text().split())


def test_a_queue_whose_environment_others_use_gets_a_note(run: Run) -> None:
    Path("env.yaml").write_text(SHARED)
    Path("jobs.csv").write_text("submit,run,instances\n0,60,4\n")
    found = rehearse(run, environment="env.yaml", queue="prod")["rehearsals"]["prod"]
    assert found["advice"] == [
        "queues that are not rehearsed use the same environments, as if they had no jobs: research, sweeps"
    ]


def test_capacity_changes_of_a_file(run: Run) -> None:
    Path("capacity.csv").write_text("at,instance_type,capacity\n60,ml.p4d.24xlarge,60\n9000,ml.p4d.24xlarge,100\n")
    options = ("--capacity", "capacity.csv", "--against", "fifo", "--html", "page.html")
    found = rehearse(run, *options)["rehearsals"]
    assert found["training-p4"]["capacity_over_time"] == [[0, 100], [60, 60], [9000, 100]]
    assert found["with fifo"]["total"]["wait_seconds"]["max"] == 7200 - 600
    assert "that changes 2 times" in Path("page.html").read_text()
    Path("capacity.csv").write_text("at,capacity\n-5,3\n")
    assert "line 2, at: got '-5', allowed: seconds, 0 or more" in rehearse_error(run, "--capacity", "capacity.csv")
    assert "--seed: got -1" in rehearse_error(run, "--seed", -1)
    sentence = "--bootstrap: resampled jobs come at other times than the changes of --capacity"
    assert sentence in rehearse_error(run, "--capacity", "capacity.csv", "--bootstrap", 2)


def test_options_of_one_queue_are_refused_for_several(run: Run) -> None:
    Path("env.yaml").write_text(SHARED)
    error = rehearse_error(
        run, "--queue", "research", "--sensitivity", "--bootstrap", 3, environment="env.yaml", queue="prod"
    )
    for name in ("sensitivity", "bootstrap"):
        assert f"--{name}: the option applies to one queue only: remove it" in error
    Path("jobs.csv").write_text(QUEUE_JOBS.replace("queue", "other"))
    error = rehearse_error(run, "--queue", "research", environment="env.yaml", queue="prod")
    assert "queue: missing; use a column with this name, because several queues are rehearsed" in error


@pytest.mark.parametrize("option", [("--capacity", "c.csv"), ("--seed", 1)])
def test_capacity_and_seed_are_options_of_queues(option: tuple[Any, ...], run: Run) -> None:
    code, _, err = run("rehearse", EXAMPLE, "--cluster", "x", "--trace", "jobs.csv", *option)
    assert code == 1
    assert f"{option[0]}: the option applies to queues only: remove it" in err
