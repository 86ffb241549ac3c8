"""Layout of the repository, and the imports between its packages."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import constructs
import pytest

from tests.support import REPOSITORY

LIBRARY = REPOSITORY / "constructs" / "fairlane"
CDK = {"aws_cdk", "constructs", "jsii", "cdk_nag"}
ROOMS_WITHOUT_CDK = {
    "catalog",
    "cli",
    "cloudwatch",
    "environment",
    "preview",
    "rehearsal",
    "scheduler",
    "scheduling",
    "_charts",
    "errors.py",
}
RULES = re.compile(r"\w*rules\.py|\w*limits\.py|fit\.py|names\.py|retries\.py|volumes\.py|lustre\.py")
ROOTS = {
    "fairlane": REPOSITORY / "constructs",
    "fairlane_client": REPOSITORY / "client",
    "fairlane_lambda": REPOSITORY / "lambda",
    "fairlane_local": REPOSITORY / "local",
    "fairlane_run": REPOSITORY / "client",
    "fairlane_stacks": REPOSITORY / "stacks",
}
MAY_IMPORT = {
    "fairlane": {"fairlane", "fairlane_lambda"},
    "fairlane_client": {"fairlane", "fairlane_client", "fairlane_lambda", "fairlane_run"},
    "fairlane_lambda": {"fairlane_lambda"},
    "fairlane_local": {"fairlane", "fairlane_client", "fairlane_lambda", "fairlane_local"},
    "fairlane_run": {"fairlane_run"},
    "fairlane_stacks": {"fairlane", "fairlane_stacks"},
}
COMMANDS_MAY_IMPORT = {"fairlane_client", "fairlane_local", "fairlane_stacks"}


def modules(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)


def module_name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, functions: bool = True) -> set[str]:
    """Return the modules that a file imports, without the imports for type checkers."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
        if isinstance(node, ast.FunctionDef) and not functions:
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_without_cdk(path: Path) -> bool:
    first = path.relative_to(LIBRARY).parts[0]
    return first in ROOMS_WITHOUT_CDK or path.name == "__init__.py" or RULES.fullmatch(path.name) is not None


WITHOUT_CDK = [
    *[(path, module_name(path, ROOTS["fairlane"])) for path in modules(LIBRARY) if is_without_cdk(path)],
    *[
        (path, module_name(path, ROOTS[name]))
        for name in ("fairlane_client", "fairlane_local")
        for path in modules(ROOTS[name])
    ],
]
WITHOUT_CDK = [(path, name) for path, name in WITHOUT_CDK if not name.endswith("__main__")]


@cache
def import_errors() -> dict[str, str]:
    """Import all modules without CDK in a process that refuses the CDK, and return the errors by module."""
    code = f"""
import importlib, json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {CDK!r}:
            raise ModuleNotFoundError(f"refused: {{name}}", name=name)

sys.meta_path.insert(0, Refuse())
errors = {{}}
for name in {[name for _, name in WITHOUT_CDK]!r}:
    try:
        importlib.import_module(name)
    except ImportError as error:
        errors[name] = str(error)
print(json.dumps(errors))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_no_source_root_is_a_package() -> None:
    for root in ROOTS.values():
        assert not (root / "__init__.py").exists()
    assert "site-packages" in str(constructs.__file__)


@pytest.mark.parametrize(("path", "name"), WITHOUT_CDK, ids=[name for _, name in WITHOUT_CDK])
def test_modules_without_cdk_can_be_imported_without_the_cdk(path: Path, name: str) -> None:
    assert name not in import_errors()
    assert not {module.partition(".")[0] for module in imports(path)} & CDK


def test_a_module_with_cdk_cannot_be_imported_without_the_cdk() -> None:
    code = "import sys; sys.modules['aws_cdk'] = None; import fairlane.queues.training_queue"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    ("package", "path"), [(name, path) for name, root in ROOTS.items() for path in modules(root / name)], ids=str
)
def test_packages_import_only_the_allowed_packages(package: str, path: Path) -> None:
    imported = {name.partition(".")[0] for name in imports(path) if name.startswith("fairlane")}
    allowed = MAY_IMPORT[package]
    if path.is_relative_to(LIBRARY / "cli"):
        at_start = {name.partition(".")[0] for name in imports(path, functions=False) if name.startswith("fairlane")}
        assert at_start <= allowed
        allowed = allowed | COMMANDS_MAY_IMPORT
    assert imported <= allowed


def test_only_internal_folders_start_with_an_underscore() -> None:
    for name in ("fairlane", "fairlane_local", "fairlane_stacks"):
        for path in modules(ROOTS[name]):
            inner = [part for part in path.relative_to(ROOTS[name]).parts if part.startswith("_")]
            assert set(inner) <= {"_internal", "_charts", "__init__.py", "__main__.py"}, path


def test_no_public_name_equals_the_name_of_a_module_of_its_package() -> None:
    for stub in LIBRARY.rglob("__init__.pyi"):
        names = set(re.findall(r" as (\w+)", stub.read_text()))
        modules_beside = {path.stem for path in stub.parent.glob("*.py")} | {
            path.name for path in stub.parent.iterdir()
        }
        assert not names & modules_beside, stub
