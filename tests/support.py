"""Helpers of tests: templates as plain data, and problems of a refused configuration."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from fairlane import ConfigurationError

REPOSITORY = Path(__file__).parents[1]
CDK = REPOSITORY / "node_modules" / ".bin" / "cdk"

_LOOPBACK_ONLY = """
import fcntl, os, socket, struct, sys
with socket.socket() as any_socket:
    up = struct.pack("16sh14x", b"lo", 1)  # IFF_UP
    fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS
os.execvp(sys.argv[1], sys.argv[1:])
"""


def template_of(stack: Stack) -> dict[str, Any]:
    return cast(dict[str, Any], Template.from_stack(stack).to_json())


def resources(stack: Stack, kind: str) -> list[dict[str, Any]]:
    """Return the properties of all resources of a kind in AWS::Batch."""
    all_resources = template_of(stack).get("Resources", {}).values()
    return [resource["Properties"] for resource in all_resources if resource["Type"] == f"AWS::Batch::{kind}"]


def resource(stack: Stack, kind: str) -> dict[str, Any]:
    (only,) = resources(stack, kind)
    return only


def problems_of(build: Callable[[], object]) -> list[str]:
    """Return the problems of the `ConfigurationError` that `build` must raise."""
    with pytest.raises(ConfigurationError) as raised:
        build()
    return [str(problem) for problem in raised.value.problems]


def recommended_flags() -> dict[str, Any]:
    return cast(dict[str, Any], json.loads((REPOSITORY / "cdk.json").read_text())["context"])


def app_with(flags: dict[str, Any]) -> App:
    return App(context=flags)


def without_network() -> list[str]:
    """Return a command prefix that isolates a command from the network except localhost, if the system allows it."""
    prefix = ["unshare", "--net", "--map-root-user", sys.executable, "-c", _LOOPBACK_ONLY]
    allowed = shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if allowed and allowed.returncode == 0 else []


@contextmanager
def default_signals() -> Iterator[None]:
    """Let SIGINT, SIGHUP and SIGQUIT end child processes, also if the tests run in the background or under nohup."""
    handlers: dict[int, Any] = dict.fromkeys((signal.SIGHUP, signal.SIGQUIT), signal.SIG_DFL)
    handlers[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
