"""Root directory of a job: a private, size-limited file system over read-only directories of the host.

The module uses the standard library only, because it runs in an isolated interpreter.
"""

import ctypes
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_READ_ONLY, _BIND, _RECURSIVE, _PRIVATE, _DETACH = 1, 0x1000, 0x4000, 1 << 18, 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_SETATTR, _PIVOT_ROOT = 442, {"x86_64": 155, "aarch64": 41}
_STAGE = Path("/proc")
"""Directory of the host that the new root is mounted on until it is the root."""
_OWN = ("/proc", "/tmp", "/opt", "/mnt")
_COVERED = {"/dev/shm": ".shm", "/var/tmp": ".tmp"}
_PRIVATE_DIRECTORIES = (*_OWN, *_COVERED)

_libc = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace")]


def call(name: str, *arguments: Any) -> None:
    """Call a function of the C library.

    Raises:
        OSError: If the call fails. The error names the function and its first arguments.
    """
    if getattr(_libc, name)(*arguments) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}", *[os.fsdecode(a) for a in arguments[:2] if a][:1])


def enter_root(
    size: int, files: Mapping[str, str], image: str | None, visible: Iterable[str], volumes: Mapping[str, str]
) -> None:
    """Make a new root directory, and enter it. The caller is in its own user, mount and PID namespace.

    Args:
        size: Size of the private file system in bytes.
        files: Contents of files by path. A file replaces one of the host.
        image: Directory that the job sees as writable. Its changes are in the private file system.
        visible: Directories that the job needs, also below directories that are private.
        volumes: Writable directories of the host by path. An empty text is a new directory.
    """
    _mount("none", "/", "", _RECURSIVE | _PRIVATE)
    _mount("tmpfs", _STAGE, "tmpfs", 0, f"size={size},mode=755")
    for path, mode in (
        (".shm", 0o1777),
        (".tmp", 0o1777),
        ("tmp", 0o1777),
        ("opt/ml", 0o755),
        ("proc", 0o755),
        ("mnt", 0o755),
    ):
        directory = _STAGE / path
        directory.mkdir(parents=True)
        directory.chmod(mode)
    _bind_entries(Path("/"), [*map(Path, _OWN)])
    _bind_entries(Path("/opt"), [Path("/opt/ml")])
    for path, own in _COVERED.items():
        if _inside(path).is_dir():
            _mount(_STAGE / own, _inside(path), "", _BIND)
    for path in visible:
        if _is_private(path):
            _inside(path).mkdir(parents=True, exist_ok=True)
            _bind_read_only(Path(path))
    if image is not None:
        _overlay(image)
    for number, (path, source) in enumerate(volumes.items()):
        _bind_volume(path, source, number)
    for number, (path, content) in enumerate(files.items()):
        _write(path, content, number)
    _mount("proc", _STAGE / "proc", "proc", 0)
    os.chdir(_STAGE)
    machine = os.uname().machine
    call("syscall", _PIVOT_ROOT[machine], b".", b".")
    call("umount2", b".", _DETACH)
    os.chdir("/")


def _bind_entries(directory: Path, left_out: list[Path]) -> None:
    for entry in directory.iterdir() if directory.is_dir() else ():
        if entry in left_out:
            continue
        if entry.is_symlink():
            _inside(entry).symlink_to(entry.readlink())
        elif entry.is_dir():
            _inside(entry).mkdir()
            _bind_read_only(entry)


def _bind_read_only(path: Path) -> None:
    _mount(path, _inside(path), "", _BIND | _RECURSIVE)
    attributes = _Attributes(_READ_ONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    target = os.fsencode(_inside(path))
    call("syscall", _MOUNT_SETATTR, _AT_FDCWD, target, _AT_RECURSIVE, ctypes.byref(attributes), size)


def _overlay(image: str) -> None:
    upper, work = _STAGE / ".image", _STAGE / ".work"
    upper.mkdir()
    work.mkdir()
    _inside(image).mkdir(parents=True, exist_ok=True)
    lower = image.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
    options = f"lowerdir={lower},upperdir={upper},workdir={work},userxattr"
    _mount("overlay", _inside(image), "overlay", 0, options)


def _bind_volume(path: str, source: str, number: int) -> None:
    directory = Path(source) if source else _STAGE / f".volume{number}"
    if not source:
        directory.mkdir()
    _inside(path).mkdir(parents=True, exist_ok=True)
    _mount(directory, _inside(path), "", _BIND)


def _write(path: str, content: str, number: int) -> None:
    target = _inside(path)
    if target.is_file():
        own = _STAGE / f".file{number}"
        own.write_text(content)
        _mount(own, target, "", _BIND)
    elif _is_private(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


def _is_private(path: str) -> bool:
    """Return True if a path is below a directory of which the job does not see the host's."""
    return any(Path(path).is_relative_to(directory) for directory in _PRIVATE_DIRECTORIES) and not (
        Path(path).is_relative_to("/opt") and not path.startswith("/opt/ml") and Path(path).exists()
    )


def _inside(path: str | Path) -> Path:
    return _STAGE / str(path).lstrip("/")


def _mount(source: str | Path, target: str | Path, kind: str, flags: int, options: str = "") -> None:
    encoded = [os.fsencode(source), os.fsencode(target), os.fsencode(kind)]
    call("mount", *encoded, ctypes.c_ulong(flags), os.fsencode(options))
