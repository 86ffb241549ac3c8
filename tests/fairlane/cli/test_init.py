"""`fairlane init`: the files of a new app, and what the app synthesizes and deploys."""

import io
import json
import os
import subprocess
import sys
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fairlane.cli import main
from fairlane.environment import environment_json_schema, load_environment
from tests.support import CDK, REPOSITORY, without_network

FILES = {
    ".github/workflows/fairlane.yml",
    ".gitignore",
    "README.md",
    "app.py",
    "cdk.json",
    "environments/dev.lock",
    "environments/dev.yaml",
    "environments/partial-schema.json",
    "environments/schema.json",
    "package.json",
    "requirements.txt",
}


@pytest.fixture
def new_app(tmp_path: Path) -> Path:
    directory = tmp_path / "gpu-platform"
    assert main(["init", str(directory)]) == 0
    return directory


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def run(directory: Path, *command: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [*without_network(), *command],
        cwd=directory,
        env=environment | {"HOME": str(directory), "CI": "true"} | changes,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_app_has_all_files_and_no_placeholders(new_app: Path) -> None:
    assert files(new_app) == FILES
    assert (new_app / "README.md").read_text().startswith("# gpu-platform\n")
    for name in FILES - {".github/workflows/fairlane.yml"}:
        assert "$requirement" not in (text := (new_app / name).read_text())
        assert "$name" not in text
        assert "$$" not in text
    assert "${{ vars.DEPLOY_ROLE_ARN }}" in (new_app / ".github" / "workflows" / "fairlane.yml").read_text()


def test_the_environment_has_no_mistakes_and_its_schema_is_that_of_the_installed_version(new_app: Path) -> None:
    assert load_environment(new_app / "environments" / "dev.yaml").queues
    schemas = [json.loads((new_app / "environments" / f"{name}schema.json").read_text()) for name in ("", "partial-")]
    assert schemas == [environment_json_schema(), environment_json_schema(partial=True)]


@pytest.mark.parametrize(
    ("answers", "runbooks"),
    [
        ([""], "docs/runbooks"),
        (["https://wiki.example.com/gpu#runbooks"], "https://wiki.example.com/gpu#runbooks"),
        (["our wiki", "https://wiki.example.com/$x:'{"], "https://wiki.example.com/$x:'{"),
        ([], "docs/runbooks"),
    ],
)
def test_the_folder_of_the_runbooks_is_asked_for_until_the_answer_is_valid(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answers: list[str],
    runbooks: str,
) -> None:
    terminal = io.StringIO("".join(f"{answer}\n" for answer in answers))
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert main(["init", str(tmp_path / "app")]) == 0
    environment = load_environment(tmp_path / "app" / "environments" / "dev.yaml")
    assert environment.alarms is not None
    assert environment.alarms.runbooks == runbooks
    captured = capsys.readouterr()
    assert "URL of the folder with your runbooks" in captured.out
    assert ("got 'our wiki', allowed: an address" in captured.err) == ("our wiki" in answers)


def test_without_a_terminal_the_folder_of_the_runbooks_is_an_argument(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "app"), "--runbooks", "https://wiki.example.com"]) == 0
    assert 'runbooks: "https://wiki.example.com"' in (tmp_path / "app" / "environments" / "dev.yaml").read_text()
    with pytest.raises(SystemExit):
        main(["init", str(tmp_path / "other"), "--runbooks", "our wiki"])
    assert "--runbooks: got 'our wiki', allowed: an address of at most 500 characters" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_the_lock_file_is_current_and_refuses_a_renamed_queue(
    new_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(new_app)
    assert main(["environment", "lock", "--check"]) == 0
    file = new_app / "environments" / "dev.yaml"
    file.write_text(file.read_text().replace("  training:", "  research:"))
    assert main(["environment", "lock", "--check"]) == 1
    assert "queues.training: AWS ends the jobs of a removed queue" in capsys.readouterr().err


def test_the_app_has_the_feature_flags_and_the_cdk_cli_of_this_repository(new_app: Path) -> None:
    def context(directory: Path) -> object:
        return json.loads((directory / "cdk.json").read_text())["context"]

    def cli(directory: Path) -> object:
        return json.loads((directory / "package.json").read_text())["devDependencies"]["aws-cdk"]

    assert context(new_app) == context(REPOSITORY)
    assert cli(new_app) == f"^{cli(REPOSITORY)}"


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (None, f"~={version('fairlane')}"),
        ({"url": "file:///src/fairlane", "dir_info": {"editable": True}}, " @ file:///src/fairlane"),
        (
            {"url": "https://example.com/fairlane.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            " @ git+https://example.com/fairlane.git@abc",
        ),
    ],
)
def test_the_requirement_is_the_installed_version_and_its_origin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: object, requirement: str
) -> None:
    kind = type(distribution("fairlane"))
    texts = {
        "METADATA": distribution("fairlane").read_text("METADATA"),
        "direct_url.json": origin and json.dumps(origin),
    }
    monkeypatch.setattr(kind, "read_text", lambda self, name: texts[name])
    assert main(["init", str(tmp_path / "app")]) == 0
    assert (tmp_path / "app" / "requirements.txt").read_text() == f"fairlane[cdk,local,nag,node,report]{requirement}\n"


def test_no_file_is_overwritten_and_none_is_written_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.py").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["init", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "these files exist already: app.py; move them away or use another directory" in error
    assert files(tmp_path) == {"app.py", "notes.txt"}
    assert (tmp_path / "app.py").read_text() == "mine"


def test_a_directory_with_other_files_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["init", str(tmp_path)]) == 0
    assert files(tmp_path) == FILES | {"notes.txt"}


@pytest.mark.parametrize("blocked", ["", "environments", ".github", ".github/workflows"])
def test_a_file_in_place_of_a_directory_is_reported_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], blocked: str
) -> None:
    file = tmp_path / "app" / blocked
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")
    assert main(["init", str(tmp_path / "app")]) == 1
    assert f"{file} is not a directory: move it away" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_a_dangling_link_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.py").symlink_to(tmp_path / "missing")
    assert main(["init", str(tmp_path)]) == 1
    assert "exist already: app.py" in capsys.readouterr().err
    assert files(tmp_path) == set()


@pytest.mark.parametrize("failing", ["README.md", "environments/schema.json"])
def test_a_failed_write_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failing: str
) -> None:
    write = Path.write_text

    def fail(path: Path, text: str, **options: str) -> int:
        if path.match(failing):
            raise OSError(28, "No space left on device")
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", fail)
    assert main(["init", str(tmp_path / "app")]) == 1
    assert "the app cannot be written: No space left on device" in capsys.readouterr().err
    assert files(tmp_path) == set()


def test_an_empty_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["init", ""])
    assert files(tmp_path) == set()


def test_a_requirement_from_this_computer_is_reported(new_app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(new_app.parent / "other")]) == 0
    is_local = "file:" in (new_app / "requirements.txt").read_text()
    assert ("for CI, use a release or git+URL@COMMIT" in capsys.readouterr().err) == is_local


def test_the_workflow_pins_each_action_by_digest(new_app: Path) -> None:
    workflow = YAML(typ="safe").load(new_app / ".github" / "workflows" / "fairlane.yml")
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    digests = [step["uses"].partition("@")[2] for step in steps if "uses" in step]
    assert digests
    assert all(len(digest) == 40 for digest in digests)


@pytest.mark.slow
def test_a_missing_environment_ends_with_one_sentence(new_app: Path) -> None:
    done = run(new_app, sys.executable, "app.py", CDK_CONTEXT_JSON="{}")
    assert done.returncode == 1
    assert done.stderr.endswith("missing; use dev\n")
    assert "Traceback" not in done.stderr


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"fairlane {version('fairlane')}\n"


@pytest.mark.slow
def test_the_app_deploys_to_a_local_aws(new_app: Path) -> None:
    (new_app / "node_modules").symlink_to(CDK.parents[1])
    done = run(new_app, sys.executable, "-m", "fairlane.cli", "local", "demo", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "production" in done.stdout
    assert "research" in done.stdout
