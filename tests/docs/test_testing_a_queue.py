"""Tests on the page about tests of queues."""

import re

import pytest

from fairlane_local import LocalBatch, LocalJob
from fairlane_local.testing import plugin
from tests.support import REPOSITORY

pytest_plugins = ["pytester"]

PAGE = (REPOSITORY / "docs" / "testing-a-queue.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=lambda code: re.findall(r"def (test_\w+)", code)[0])
def test_the_tests_of_the_page_pass(code: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.mkdir("environments")
    example = (REPOSITORY / "environments" / "example.yaml").read_text()
    (pytester.path / "environments" / "example.yaml").write_text(example)
    pytester.makepyfile(code)
    pytester.runpytest_inprocess("-p", plugin.__name__).assert_outcomes(passed=1)


def test_the_page_names_the_calls_of_the_fixture() -> None:
    calls = set(re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE))
    assert calls == {name for name in vars(LocalBatch) if not name.startswith("_")}
    (sentence,) = re.findall(r"A job has (.*?)\.", PAGE, re.DOTALL)
    attributes = {name for name in vars(LocalJob) if not name.startswith("_")}
    assert set(re.findall(r"`(\w+)`", sentence)) == attributes - {"wait_reason"}
