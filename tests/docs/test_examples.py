"""Examples, links and the error text of the README and the docs."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from tests.support import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def blocks(language: str) -> list[object]:
    return [
        pytest.param(dedent(block), id=f"{page.name}-{number}")
        for page in PAGES
        for number, block in enumerate(
            re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE), start=1
        )
    ]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples_run(code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path))
    exec(compile(code, "example", "exec"), {"__name__": "example"})


@pytest.mark.parametrize("text", blocks("yaml"))
def test_yaml_examples_load(text: str, tmp_path: Path) -> None:
    (tmp_path / "fan-outs").symlink_to(REPOSITORY / "environments" / "fan-outs")
    path = tmp_path / "example.yaml"
    path.write_text(text)
    load_environment(path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_have_existing_targets(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.exists(), target
        headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}, target


def test_the_readme_shows_the_actual_error(tmp_path: Path) -> None:
    example = (REPOSITORY / "environments" / "example.yaml").read_text()
    broken = (
        example.replace("ml.p4d.24xlarge: 60", "ml.p4d.24xlarge: 160")
        .replace("in_share_preemption", "in_share_premption", 1)
        .replace("priority: 2", "priority: 1001")
    )
    path = tmp_path / "prod.yaml"
    path.write_text(broken)
    with pytest.raises(ConfigurationError) as raised:
        load_environment(path)
    shown = re.search(r"```text\n(environments/prod.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    assert str(raised.value).replace(str(path), "environments/prod.yaml") + "\n" == shown[1]
