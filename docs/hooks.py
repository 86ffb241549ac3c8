"""MkDocs hooks: pages of the API reference, pages for files of the repository, pictures for both color schemes."""

import ast
import json
import logging
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
SOURCES: Final = ("constructs", "stacks", "local", "client")

# Packages without a page. The package above exports all their names; fairlane.cli has none but the command's function.
INTERNAL: Final = {
    "fairlane.cli",
    "fairlane.hyperpod.monitoring",
    "fairlane.monitoring.alarms.kinds",
    "fairlane.rehearsal.report",
    "fairlane.rehearsal.traces",
}

_EXPORT: Final = re.compile(r"^from (\S+) import (\w+) as \2$", re.MULTILINE)
_LINK: Final = re.compile(r"(?<=\]\()(?!\w+:|[#<])[^)#\s]+")
_PICTURE: Final = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">'
    r'\s*<img src="(?P<light>[^"]+)" alt="(?P<alt>[^"]*)">\s*</picture>'
)
_CODE: Final = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_RAW_LINK: Final = re.compile(r"<(?:a|img|picture)\s[^>]*>|<picture>")
_log: Final = logging.getLogger("mkdocs.hooks")


def reference_pages() -> dict[str, str]:
    """Return the Markdown of each public package's page, by the package's name.

    A page has every name that the `__init__.pyi` of its package exports. A name from another public package is a link
    to that package's page.
    """
    pages = {}
    exports = _exports()
    public = {package: names for package, names in exports.items() if package not in INTERNAL}
    for package, names in public.items():
        homes = {name: _home(public, package, name) for name in names}
        rows = [
            f"| [`{name}`][{home}.{name}] | `{home}` | {_summary(exports, home, name)} |"
            for name, home in homes.items()
            if home != package
        ]
        table = ["| Name | Package | Description |", "|---|---|---|", *rows]
        own = [f"::: {package}.{name}" for name, home in homes.items() if home == package]
        module = f"::: {package}\n    options: {{members: false, show_root_heading: false, show_root_toc_entry: false}}"
        pages[package] = "\n\n".join([f"# {package}", module, _names("\n".join(table)) if rows else "", *own])
    return pages


def keys_page() -> str:
    """Return the Markdown of the reference of environment files, from their JSON schema."""
    schema = json.loads((ROOT / "environments" / "schema.json").read_text())
    models = {name: model for name, model in sorted(schema["$defs"].items()) if "properties" in model}
    page = "`environments/schema.json` has the same content for editors and checks.\n"
    for name, model in {"keys": schema, **models}.items():
        heading = _words(name)
        page += f"\n## {heading[0].upper()}{heading[1:]}\n\n{model.get('description', '')}\n"
        page += "\n| Key | Type | Default | Description |\n|---|---|---|---|\n"
        for key, value in model["properties"].items():
            is_required = key in model.get("required", ()) or "default" not in value
            default = "required" if is_required else f"`{json.dumps(value['default'])}`".replace("`null`", "none")
            cells = f"`{key}`", _type(value, schema["$defs"]), default, value.get("description", "")
            page += f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"
    return f"# Reference of environment files\n\n{_names(page)}"


def on_files(files: "Files", config: "MkDocsConfig") -> None:
    """Add the pages of the API reference, and a page for each file outside docs/ that a page links to."""
    from mkdocs.structure.files import File  # noqa: PLC0415 (tests use this module without MkDocs)

    for name, markdown in {**reference_pages(), "environment-file": keys_page()}.items():
        content = f"---\nsearch: {{boost: 0.1}}\n---\n\n{markdown}"  # in search results, guides come first
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    unread = [*files.documentation_pages()]
    while unread:
        page = unread.pop()
        for link in _LINK.findall(page.content_string):
            path = _linked_file(link, page.src_uri)
            if path and (uri := _uri(path)) not in files.src_uris:
                files.append(File.generated(config, uri, content=_content(path)))
                unread.append(files.src_uris[uri])


def on_page_markdown(markdown: str, page: "Page", **_: object) -> str:
    """Return the page with links to the site's pages of repository files, and with pictures that the theme switches."""
    uri = page.file.src_uri

    def site_link(match: re.Match[str]) -> str:
        path = _linked_file(match[0], uri)
        return posixpath.relpath(_uri(path), posixpath.dirname(uri)) if path else match[0]

    markdown = _PICTURE.sub(r"![\g<alt>](\g<light>#only-light) ![\g<alt>](\g<dark>#only-dark)", markdown)
    for tag in _RAW_LINK.findall(_CODE.sub("", markdown)):
        _log.warning("%s: %s is not checked; use a Markdown link or image, or <picture> with a dark <source>", uri, tag)
    return _LINK.sub(site_link, markdown)


def _exports() -> dict[str, dict[str, str]]:
    """Return, for each package that has an `__init__.pyi`, the module of each name that the package exports."""
    return {
        ".".join(stub.parent.relative_to(ROOT / source).parts): {
            name: module for module, name in _EXPORT.findall(stub.read_text())
        }
        for source in SOURCES
        for stub in (ROOT / source).rglob("__init__.pyi")
    }


def _home(exports: dict[str, dict[str, str]], package: str, name: str) -> str:
    """Return the package that exports a name from a module of its own, starting at `package`."""
    source = exports[package][name]
    return _home(exports, source, name) if name in exports.get(source, ()) else package


def _summary(exports: dict[str, dict[str, str]], package: str, name: str) -> str:
    """Return the first line of the docstring of a name; empty for a constant."""
    module = exports[_home(exports, package, name)][name].replace(".", "/")
    paths = (path for source in SOURCES if (path := ROOT / source / f"{module}.py").is_file())
    nodes = (node for path in paths for node in ast.parse(path.read_text()).body)
    definitions = (node for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name)
    return next(((ast.get_docstring(node) or "").partition("\n")[0] for node in definitions), "")


def _names(markdown: str) -> str:
    """Return the Markdown inside an element where names in the first column of tables do not wrap."""
    return f'<div class="names" markdown>\n\n{markdown}\n\n</div>'


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return the type of a key in words, with links to the mappings that have keys of their own."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            has_keys = "properties" in definitions[name]
            return f"[{_words(name)}](#{name})" if has_keys else _type(definitions[name], definitions)
        case {"pattern": str(), "title": str(title)}:
            return title
        case {"anyOf": list(options)} | {"oneOf": list(options)}:
            return " or ".join(_type(option, definitions) for option in options if option != {"type": "null"})
        case {"enum": list(values)}:
            return ", ".join(f"`{value}`" for value in values)
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items, definitions)}"
        case {"type": "object", "additionalProperties": dict(items)}:
            return f"mapping of names to {_type(items, definitions)}"
    return f"`{schema['const']}`" if "const" in schema else str(schema.get("type", "any value"))


def _words(name: str) -> str:
    return re.sub(r"\b(efs|gpu)\b", lambda match: match[0].upper(), name.replace("-", " "))


def _linked_file(link: str, page_uri: str) -> str | None:
    """Return the path in the repository of the file that a link on a page names, or None if there is no such file."""
    page = page_uri.removeprefix("repository/") if page_uri.startswith("repository/") else f"docs/{page_uri}"
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    is_inside = not path.startswith("../")
    return path if is_inside and (ROOT / page).is_file() and (ROOT / path).is_file() else None


def _uri(path: str) -> str:
    """Return the URI, in the site's sources, of a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"repository/{path}" if path.endswith(".md") else f"repository/{path}.md"


def _content(path: str) -> str:
    """Return the Markdown of the page for a file of the repository."""
    text = (ROOT / path).read_text()
    if path.endswith(".md"):
        return text
    return f"---\nsearch: {{exclude: true}}\n---\n\n# {path}\n\n`````{Path(path).suffix[1:]}\n{text}\n`````\n"
