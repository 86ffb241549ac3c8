"""The documentation site's generated pages, without a build of the site."""

import importlib
import importlib.util
import json
import re
from types import ModuleType, SimpleNamespace

import pytest

from tests.support import REPOSITORY


def load_hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hooks", REPOSITORY / "docs" / "hooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOKS = load_hooks()
PAGES: dict[str, str] = HOOKS.reference_pages()
DOCUMENTED = re.findall(r"^::: (\S+\.\w+)$", "\n".join(PAGES.values()), re.MULTILINE)


def exported(package: str) -> set[str]:
    return set(importlib.import_module(package).__all__)


def on_page(markdown: str, page: str = "faq.md") -> str:
    return str(HOOKS.on_page_markdown(markdown, SimpleNamespace(file=SimpleNamespace(src_uri=page))))


def test_each_public_package_is_in_the_navigation() -> None:
    navigation = re.findall(r"- reference/(fairlane[\w.]*)\.md$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(navigation) == sorted(PAGES)


def test_each_page_is_in_the_navigation_once() -> None:
    navigation = re.findall(r"([\w./-]+\.md)$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)
    docs = REPOSITORY / "docs"
    pages = [path.relative_to(docs).as_posix() for path in docs.rglob("*.md")]
    assert sorted(page for page in navigation if not page.startswith(("reference/", "repository/"))) == sorted(pages)


@pytest.mark.parametrize("package", sorted(HOOKS.INTERNAL - {"fairlane.cli"}))
def test_names_of_a_package_without_a_page_are_exported_by_the_package_above(package: str) -> None:
    assert exported(package) <= exported(package.rpartition(".")[0])


@pytest.mark.parametrize("package", sorted(PAGES))
def test_each_exported_name_is_documented_or_a_link_to_its_documentation(package: str) -> None:
    own = set(re.findall(rf"^::: {package}\.(\w+)$", PAGES[package], re.MULTILINE))
    links = dict(re.findall(r"^\| \[`(\w+)`\]\[(\S+?)\]", PAGES[package], re.MULTILINE))
    assert own | links.keys() == exported(package)
    assert not own & links.keys()
    assert {*links.values()} <= {f"{home}.{name}" for home in PAGES for name in exported(home)} & {*DOCUMENTED}


def test_each_name_is_documented_at_one_package() -> None:
    homes = [path.rpartition(".") for path in DOCUMENTED]
    objects = [getattr(importlib.import_module(package), name) for package, _, name in homes]
    classes = [documented for documented in objects if isinstance(documented, type)]
    assert len(classes) == len(set(classes))


def test_links_of_the_top_level_page_have_descriptions() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\S+ \| `[\w.]+` \| (.+) \|$", PAGES["fairlane"], re.MULTILINE)
    assert "GpuQueue" in dict(rows)
    assert len(rows) == PAGES["fairlane"].count("\n| [")


def test_the_page_of_keys_has_each_key_of_environment_files() -> None:
    schema = json.loads((REPOSITORY / "environments" / "schema.json").read_text())
    sections = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", HOOKS.keys_page(), re.MULTILINE | re.DOTALL))
    assert all(f"\n| `{key}` | " in sections["Keys"] for key in schema["properties"])
    shares = sections["Quota management policy"]
    assert "| `shares` | mapping of names to [quota share](#quota-share) | required |" in shares
    assert "`RESERVE`, `LEND`, `LEND_AND_BORROW`" in sections["Quota share"]
    assert sum("properties" in model for model in schema["$defs"].values()) + 1 == len(sections)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("../environments/example.yaml", "repository/environments/example.yaml.md"),
        ("../examples/train/README.md#data", "repository/examples/train/README.md#data"),
        ("glossary.md#share", "glossary.md#share"),
        ("../no-such-file.yaml", "../no-such-file.yaml"),
        ("https://example.com/a.md", "https://example.com/a.md"),
        ("#share", "#share"),
    ],
)
def test_links_to_files_of_the_repository_lead_to_pages_of_the_site(link: str, target: str) -> None:
    assert on_page(f"See [this]({link}).") == f"See [this]({target})."


def test_links_of_repository_files_lead_back_to_the_documentation() -> None:
    assert on_page("[FAQ](docs/faq.md)", "repository/CHANGELOG.md") == "[FAQ](../faq.md)"


def test_pictures_follow_the_color_scheme_of_the_site(caplog: pytest.LogCaptureFixture) -> None:
    picture = (
        '<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="a-dark.png">\n'
        '  <img src="a.png" alt="A chart">\n</picture>'
    )
    assert on_page(picture) == "![A chart](a.png#only-light) ![A chart](a-dark.png#only-dark)"
    assert not caplog.records


@pytest.mark.parametrize("tag", ['<img src="a.png">', '<a href="a.html">', "<picture>"])
def test_raw_html_that_the_build_cannot_check_is_reported(tag: str, caplog: pytest.LogCaptureFixture) -> None:
    on_page(f"`{tag}`\n\n```html\n{tag}\n```\n")
    assert not caplog.records
    on_page(f"Text {tag}")
    assert tag in caplog.text


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CONTRIBUTING.md", "docs"])
def test_lists_look_the_same_on_the_site_and_in_the_repository(name: str) -> None:
    """Python-Markdown, unlike GitHub, needs a blank line before a list, and four spaces before an inner list."""
    path = REPOSITORY / name
    for page in sorted(path.rglob("*.md")) if path.is_dir() else [path]:
        text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        item = r"(?:[-*+]|\d+\.) "
        assert not re.findall(rf"^(?! |{item}).+\n{item}.*", text, re.MULTILINE), page
        assert not re.findall(rf"^ {{1,3}}{item}.*", text, re.MULTILINE), page
