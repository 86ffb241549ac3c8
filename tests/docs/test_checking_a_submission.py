"""The page about checks: its payload, its output, its tests and its warnings."""

import re
from pathlib import Path

import pytest

from fairlane.cli import main
from tests.support import REPOSITORY

pytest_plugins = ["pytester"]

PAGE = (REPOSITORY / "docs" / "checking-a-submission.md").read_text()


def test_the_payload_has_the_mistakes_of_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (payload,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    command, output = re.findall(r"```console\n\$ (fairlane check [^\n]*)\n(job\.json.*?)```", PAGE, re.DOTALL)[0]
    (tmp_path / "environments").symlink_to(REPOSITORY / "environments")
    (tmp_path / "job.json").write_text(payload)
    monkeypatch.chdir(tmp_path)
    assert main(command.split()[1:]) == 1
    assert capsys.readouterr().err == output


def test_the_tests_of_the_page_pass(pytester: pytest.Pytester) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (pytester.path / "environments").symlink_to(REPOSITORY / "environments")
    pytester.makepyfile(code)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_the_page_names_all_warnings() -> None:
    folder = REPOSITORY / "client" / "fairlane_client" / "checks"
    names = {name for path in folder.glob("*.py") for name in re.findall(r'Advice\(\s*"([a-z-]+)"', path.read_text())}
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == names
