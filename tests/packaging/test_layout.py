"""What must hold of the repository's layout, and who may import whom."""

import ast
from pathlib import Path

import constructs
import pytest

from tests.support import REPOSITORY

LIBRARY = REPOSITORY / "constructs" / "fairlane"
WITHOUT_CDK = ("_ecr", "_gpu", "alarms", "scheduling", "catalog", "environment", "rehearsal", "preview", "costs", "cli")
WITHOUT_CDK_MODULES = (
    "__init__",
    "_checks",
    "_exporter",
    "_lambda_package",
    "_problems",
    "_tokens",
    "_training_permissions",
)


def modules(root: Path) -> list[Path]:
    return [path for path in root.rglob("*.py") if "__pycache__" not in path.parts]


def imports(path: Path) -> set[str]:
    """Every module that a file imports, those for type checkers left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_without_cdk(path: Path) -> bool:
    first = path.relative_to(LIBRARY).parts[0]
    return first in WITHOUT_CDK or first.removesuffix(".py") in WITHOUT_CDK_MODULES


def test_no_package_of_ours_shadows_constructs() -> None:
    for root in ("constructs", "stacks", "lambda", "local"):
        assert not (REPOSITORY / root / "__init__.py").exists()
    assert "site-packages" in str(constructs.__file__)


@pytest.mark.parametrize("path", [path for path in modules(LIBRARY) if is_without_cdk(path)], ids=str)
def test_rooms_without_cdk_import_nothing_that_has_it(path: Path) -> None:
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert top not in {"aws_cdk", "constructs", "jsii", "cdk_nag", "fairlane_stacks", "fairlane_lambda"}, name
        if top == "fairlane" and rest:
            room = rest.partition(".")[0]
            assert room in WITHOUT_CDK or room in WITHOUT_CDK_MODULES, name


def test_the_library_knows_neither_stacks_nor_lambdas() -> None:
    for path in modules(LIBRARY):
        assert not any(name.startswith(("fairlane_stacks", "fairlane_lambda")) for name in imports(path)), path


def test_the_local_aws_needs_no_cdk() -> None:
    for path in modules(REPOSITORY / "local"):
        for name in imports(path):
            top, _, rest = name.partition(".")
            assert top not in {"aws_cdk", "constructs", "jsii", "fairlane_stacks"}, name
            assert top != "fairlane" or not rest or rest.partition(".")[0] in WITHOUT_CDK, name


def test_rooms_are_entered_by_their_door() -> None:
    for path in [*modules(LIBRARY), *modules(REPOSITORY / "stacks"), *modules(REPOSITORY / "local")]:
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "fairlane" and len(parts) > 2 and parts[2].startswith("_"):
                assert path.parent == LIBRARY / parts[1], f"{path}: {name}"
