"""Examples, tables and pictures of the page about elastic training."""

import re
from dataclasses import MISSING, fields
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import fairlane.scheduler.kueue
from fairlane.cli import main
from fairlane.environment import load_environment
from fairlane.errors import ConfigurationError
from fairlane.hyperpod import ElasticPolicy, RestartPolicy, job_manifest, manifest_problems
from fairlane.hyperpod.elastic_job import MARGIN_SECONDS
from fairlane.hyperpod.manifest_fields import POLICY_FIELDS, RESTART_FIELDS
from fairlane.hyperpod.team_objects import PART_PRIORITIES
from tests.docs.elastic_pictures import changes, changes_chart
from tests.docs.test_elastic_scenario import COMMAND
from tests.fairlane.rehearsal.hyperpod.clusters import HOUR, elastic, job, one_team, rehearse
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "elastic-training.md").read_text()
ENVIRONMENT = REPOSITORY / "environments" / "hyperpod.yaml"
JOB, MANIFEST, PARTS = re.findall(r"^```yml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
TEXTS = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def errors(folder: Path, job: str = JOB, **changes: Any) -> list[str]:
    """Return the mistakes in the example environment with a job of the page and changes of it, without their lines."""
    yaml = YAML()
    data = yaml.load(ENVIRONMENT.read_text())
    settings = YAML(typ="safe").load(job)["jobs"]["llama"] | changes
    data["hyperpod"]["training"]["jobs"] = {"llama": {key: each for key, each in settings.items() if each is not None}}
    text = StringIO()
    yaml.dump(data, text)
    path = folder / "hyperpod.yaml"
    path.write_text(text.getvalue())
    try:
        load_environment(path)
    except ConfigurationError as error:
        return [re.sub(r"^line \d+, hyperpod.training.", "", str(problem)) for problem in error.problems]
    return []


def parts() -> dict[str, Any]:
    """Return the settings of the page for a job with parts."""
    return dict(YAML(typ="safe").load("job:\n" + PARTS)["job"])


@pytest.fixture(autouse=True)
def example_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("environments").symlink_to(REPOSITORY / "environments")
    Path("docs").symlink_to(REPOSITORY / "docs")


def output(command: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(command.split()[1:]) == 0
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_the_job_has_ten_lines_and_no_mistakes(tmp_path: Path) -> None:
    assert len(JOB.splitlines()) == 10
    assert errors(tmp_path) == []


def test_the_ten_lines_give_the_manifest_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = re.sub(r"  # \d+$", "", MANIFEST, flags=re.MULTILINE).splitlines()
    assert lines == output("fairlane hyperpod job llama -c environment=hyperpod", capsys)
    errors(tmp_path)
    (llama,) = load_environment(tmp_path / "hyperpod.yaml").hyperpod["training"].jobs
    assert job_manifest(llama) == YAML(typ="safe").load(MANIFEST)


def test_each_number_of_the_manifest_has_an_explanation() -> None:
    numbers = re.findall(r"  # (\d+)$", MANIFEST, re.MULTILINE)
    explained = PAGE.partition("## The manifest, line by line")[2].partition("\n## ")[0]
    assert numbers == re.findall(r"^(\d+)\. \*\*", explained, re.MULTILINE) == [str(n) for n in range(1, 15)]


@pytest.mark.parametrize(
    ("numbers", "change", "field"),
    [
        ("1", lambda manifest: manifest["metadata"]["labels"].pop("kueue.x-k8s.io/queue-name"), "queue-name"),
        ("3", lambda manifest: manifest["spec"]["elasticPolicy"].update(replicaDiscreteValues=[4, 16]), "Step"),
        ("5", lambda manifest: pod(manifest).pop("terminationGracePeriodSeconds"), "terminationGracePeriodSeconds"),
        ("6", lambda manifest: trainer(manifest).update(command=["sh", "-c", "hyperpodrun x.py | tee log"]), "command"),
        ("7", lambda manifest: trainer(manifest)["args"].insert(0, "--nnodes=4"), "args"),
        ("8", lambda manifest: trainer(manifest).pop("ports"), "ports"),
        ("10", lambda manifest: trainer(manifest)["args"].remove("--shutdown-signal=SIGTERM"), "command"),
        ("11", lambda manifest: trainer(manifest).pop("env"), "HYPERPOD_SIGNAL_COORDINATION"),
        ("12", lambda manifest: trainer(manifest)["resources"]["requests"].pop("memory"), "requests"),
    ],
)
def test_check_finds_the_faults_that_the_numbers_name(numbers: str, change: Any, field: str) -> None:
    manifest = YAML(typ="safe").load(MANIFEST)
    assert manifest_problems(manifest) == []
    change(manifest)
    assert any(field in str(problem) for problem in manifest_problems(manifest)), numbers


def pod(manifest: Any) -> Any:
    return manifest["spec"]["replicaSpecs"][0]["template"]["spec"]


def trainer(manifest: Any) -> Any:
    return pod(manifest)["containers"][0]


@pytest.mark.parametrize("action", ["sizes", "rehearse"])
def test_the_outputs_of_the_commands_are_those_of_the_page(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (block,) = [text for text in blocks if re.match(rf"\$ fairlane (hyperpod )?{action} ", text)]
    command, *printed = block.splitlines()
    assert printed == output(command.removeprefix("$ "), capsys)[: len(printed)]
    assert action == "sizes" or command == f"$ {COMMAND}"


def test_the_mistakes_are_those_of_the_page(tmp_path: Path) -> None:
    batch = {"global_batch": 512, "micro_batch": 4, "learning_rate": 0.0003}
    assert errors(tmp_path, batch=batch) == TEXTS[0].splitlines()
    assert errors(tmp_path, **parts()) == TEXTS[1].splitlines()


def test_a_job_with_parts_has_their_classes(tmp_path: Path) -> None:
    assert errors(tmp_path, **parts(), priority_class=None) == []
    (llama,) = load_environment(tmp_path / "hyperpod.yaml").hyperpod["training"].jobs
    manifest = job_manifest(llama)
    names = [spec["template"]["spec"]["priorityClassName"] for spec in manifest["spec"]["replicaSpecs"]]
    assert names == [*PART_PRIORITIES] == ["base", "elastic"]
    assert "with the priorities 100 and 0" in PAGE
    assert [*PART_PRIORITIES.values()] == [100, 0]


def test_the_default_borrow_limit_ends_where_the_page_says() -> None:
    own = 32
    assert f"reaches {own + own // 2} GPUs: to reach {own + 3 * own}, it needs 300" in re.sub(r"\s+", " ", PAGE)


def test_the_table_of_timeouts_has_all_times_with_their_defaults() -> None:
    rows = re.findall(r"^\| `([\w.]+)`<br>`(\w+)` \| (.*?) \|", PAGE, re.MULTILINE)
    table = {key: (name, default) for key, name, default in rows}
    for prefix, kind, names in (("policy", ElasticPolicy, POLICY_FIELDS), ("restart", RestartPolicy, RESTART_FIELDS)):
        for field in fields(kind):
            key = f"{prefix}.{field.name}"
            if field.name.endswith("_seconds") and field.name != "evaluation_seconds":
                default = "of the operator" if field.default in (None, MISSING) else str(field.default)
                assert table.pop(key) == (names[field.name], default)
    default = f"graceful shutdown + {MARGIN_SECONDS}"
    assert table == {"termination_grace_seconds": ("terminationGracePeriodSeconds", default)}


def test_a_graceful_shutdown_that_is_too_short_loses_work() -> None:
    short, long = (
        rehearse(one_team(2), elastic(1, 2, run=HOUR, checkpoint_seconds=100, graceful_shutdown_seconds=seconds))
        for seconds in (99, 100)
    )
    assert (short.total.lost > 0, long.total.lost) == (True, 0)


def test_a_scaling_timeout_makes_one_change_of_several_admissions() -> None:
    others = [job(instances=1, run=1000 + 40 * number) for number in range(3)]
    moves = [
        rehearse(one_team(4), *others, elastic(1, 2, 3, 4, run=HOUR * 4, scaling_timeout_seconds=seconds)).total.moves
        for seconds in (0, 120)
    ]
    assert moves[0] > moves[1] == 1


def test_a_snooze_keeps_a_job_from_short_gaps() -> None:
    others = [job(instances=3, submit=1000 * number, run=700, priority=1) for number in range(1, 10)]
    moves = [
        rehearse(one_team(4), *others, elastic(1, 2, 3, 4, run=HOUR * 4, scale_up_snooze_seconds=seconds)).total.moves
        for seconds in (0, 3600)
    ]
    assert moves[0] > 2 * moves[1]


def test_the_base_part_stays_when_a_job_of_the_team_needs_more() -> None:
    urgent = job(instances=4, submit=HOUR, run=HOUR, priority=99)
    whole, split = (
        rehearse(one_team(4), elastic(1, 2, 3, 4, run=HOUR * 8, parts=parts), urgent) for parts in (False, True)
    )
    assert whole.size_of(0).value_at(HOUR + 600) == 0
    assert whole.size_of(1).value_at(HOUR + 600) == 4
    assert split.size_of(0).value_at(HOUR + 600) >= 1
    assert split.outcomes[1].waited > HOUR


def test_the_model_leaves_out_what_the_page_lists() -> None:
    text = fairlane.scheduler.kueue.__doc__
    assert text
    assert text[text.index("| Left out") :].rstrip() in PAGE


def test_the_picture_shows_the_changes_of_the_rehearsal() -> None:
    grown, shrunk = changes()
    assert (grown.before, grown.after, shrunk.before, shrunk.after) == (32, 128, 128, 32)
    assert (grown.waits, shrunk.waits) == (60, 0)
    (alternative,) = re.findall(r'elastic-changes-light.png" alt="(.*?)"', PAGE)
    for change in (grown, shrunk):
        assert f"for {change.saves} seconds" in alternative
        assert f"for {change.restarts} seconds" in alternative
        assert f"at {change.after} GPUs" in alternative
    figure = changes_chart().figure
    assert figure
    assert [bar["x"] for bar in figure["data"]] == [[60, 0], [270, 270], [300, 300]]
