"""Launcher of one process of a job: `python -I -S launcher PARENT`.

Standard input is a Unix socket with one JSON object a line in each direction. The server sends `root`, the arguments of
the root directory; the launcher sends the descriptor of the root directory. The server sends `run`, the command; the
launcher runs it as the only job of new namespaces, and sends its exit code. In between, `signal` sends a signal.

The process that starts the command is the first one of a PID namespace. The kernel kills it when the launcher dies, the
launcher when the server dies, and all processes of the namespace with their first one.
"""

import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from fairlane_local.processes.launcher.mounts import call, enter_root
else:
    from mounts import call, enter_root

_PR_SET_PDEATHSIG = 1
_NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x08000000 | 0x04000000
"""User, mount, PID, IPC and UTS namespace."""
_TICK_MILLISECONDS = 100
_BLOCK = 1 << 16
_BAD_LIFE = 1000
"""Highest `oom_score_adj`: a computer without memory stops jobs before anything else."""


def main() -> None:
    """Run one command in new namespaces."""
    control = socket.socket(fileno=0)
    request = json.loads(_line(control))
    uid, gid = os.geteuid(), os.getegid()
    try:
        call("unshare", _NEW_NAMESPACES)
        for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path("/proc/self", file).write_text(text)
        socket.sethostname(request["host"])
    except OSError as error:
        _fail(control, error)
    _die_with_parent()
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
    alive, lives = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(lives)
        _be_first(control, request, alive)
    os.close(alive)
    os.write(lives, b"1")
    control.close()
    os.waitpid(child, 0)


def _be_first(control: socket.socket, request: dict[str, Any], alive: int) -> NoReturn:
    """Run the command as the first process of the namespaces."""
    _die_with_parent()
    if not os.read(alive, 1):
        os._exit(1)  # the launcher died before the kernel knew what to do then
    try:
        enter_root(request["size"], request["files"], request["image"], request["visible"], request["volumes"])
        Path("/proc/self/oom_score_adj").write_text(str(_BAD_LIFE))
    except OSError as error:
        _fail(control, error)
    root = os.open("/", os.O_PATH | os.O_DIRECTORY)
    socket.send_fds(control, [b'{"ready": true}\n'], [root])
    os.close(root)
    line = _line(control)
    if not line:
        os._exit(1)
    command = json.loads(line)
    main_process = os.fork()
    if main_process == 0:
        _execute(command)
    _tell(control, _watch(control, main_process, command))
    os._exit(0)


def _execute(command: dict[str, Any]) -> NoReturn:
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(command["directory"])
        os.execvpe(command["arguments"][0], command["arguments"], command["environment"])
    except (OSError, ValueError, TypeError) as error:  # also names and values that the kernel does not take
        print(f"{command['arguments'][0]}: {getattr(error, 'strerror', None) or error}", file=sys.stderr, flush=True)
    finally:
        os._exit(127)


def _watch(control: socket.socket, main_process: int, command: dict[str, Any]) -> dict[str, Any]:
    """Forward signals to the command, end it at its memory limit, and return its end."""
    poll = select.poll()
    main_descriptor = os.pidfd_open(main_process)
    poll.register(main_descriptor, select.POLLIN)
    poll.register(control, select.POLLIN)
    peak, full = 0, False
    while True:
        for descriptor, _ in poll.poll(_TICK_MILLISECONDS):
            if descriptor == control.fileno():
                line = _line(control)
                if not line:
                    os._exit(1)
                _signal(main_process, json.loads(line)["signal"], is_init=command["init"])
        status = _reap(main_process)
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            return {"exit_code": 128 - code if code < 0 else code, "peak": peak, "out_of_memory": full}
        used = _memory()
        peak = max(peak, used)
        if used > command["memory"] and not full:
            full = True
            os.kill(main_process, signal.SIGKILL)


def _signal(process: int, number: int, *, is_init: bool) -> None:
    """Send a signal. The first process of a container gets only signals that it handles."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "SigCgt" and (is_init or int(value, 16) >> (number - 1) & 1):
            os.kill(process, number)


def _reap(main_process: int) -> int | None:
    """Wait for all processes that have ended, and return the status of the main process if it is one of them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                break
            if process == main_process:
                found = status
    return found


def _memory() -> int:
    """Return the number of bytes of private memory that all processes of the namespace use, except this one."""
    used = 0
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and entry.name != "1":
            with contextlib.suppress(OSError), Path("/proc", entry.name, "status").open() as status:
                used += sum(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
    return used * 1024


def _die_with_parent() -> None:
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)


def _line(control: socket.socket) -> bytes:
    """Read a line, or nothing at the end. The next line stays in the socket, so that `poll` sees it."""
    line = b""
    while not line.endswith(b"\n"):
        waiting = control.recv(_BLOCK, socket.MSG_PEEK)
        if not waiting:
            return b""
        line += control.recv(waiting.find(b"\n") + 1 or len(waiting))
    return line


def _tell(control: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        control.sendall(json.dumps(message).encode() + b"\n")


def _fail(control: socket.socket, error: OSError) -> NoReturn:
    _tell(control, {"error": str(error)})
    os._exit(1)


main()
