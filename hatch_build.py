"""Build hook of the wheels for a platform: compiles the engine with mypyc. The pure-Python wheel does not use it."""

import shutil
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path(__file__).parent / "constructs"
MODULES = (
    "engine",
    "environment",
    "event_loop",
    "fair_share",
    "fifo",
    "instance_choice",
    "instance_pool",
    "job_table",
    "lane",
    "placement",
    "queue",
    "queue_set",
    "quota_management",
    "record",
    "waiting",
)
"""Modules of `fairlane.scheduler` in which a rehearsal spends its time."""


def compile_engine(folder: Path, *, optimization: int = 3) -> None:
    """Compile the engine into extension modules in a folder, at their paths in a wheel.

    Args:
        folder: Folder that exists. The modules come into its folder `wheel`.
        optimization: Optimization level of the C compiler, 0 to 3. Default: 3.
    """
    from mypyc.build import mypycify  # noqa: PLC0415 (only the wheels for a platform need it)
    from setuptools import Distribution  # noqa: PLC0415

    arguments = [
        "--config-file=",
        f"--cache-dir={folder / 'cache'}",
        "--no-site-packages",
        "--follow-imports=silent",
        "--ignore-missing-imports",
        *(f"fairlane/scheduler/{module}.py" for module in MODULES),
    ]
    with chdir(SOURCES):
        extensions = mypycify(
            arguments,
            group_name="fairlane",
            opt_level=str(optimization),
            debug_level="0",
            target_dir=str(folder / "c"),
        )
        command: Any = Distribution({"name": "fairlane", "ext_modules": extensions}).get_command_obj("build_ext")
        command.build_lib, command.build_temp = str(folder / "wheel"), str(folder / "objects")
        command.ensure_finalized()
        command.run()


class EngineBuildHook(BuildHookInterface[Any]):
    """Hook that adds the compiled engine to a wheel, beside its Python source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the engine."""
        self._folder = Path(tempfile.mkdtemp())
        compile_engine(self._folder)
        wheel = self._folder / "wheel"
        build_data["force_include"] |= {str(path): str(path.relative_to(wheel)) for path in wheel.rglob("*.*")}
        build_data["pure_python"], build_data["infer_tag"] = False, True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the folder of the compiler."""
        shutil.rmtree(self._folder)
