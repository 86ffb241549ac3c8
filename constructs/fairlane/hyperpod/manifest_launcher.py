"""Call of `hyperpodrun` in a container of a manifest, and its rules. Imports no aws_cdk."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fairlane.errors import Path, Problem
from fairlane.hyperpod.elastic_job import is_whole
from fairlane.hyperpod.launcher_rules import DEFAULT_SHUTDOWN_SECONDS, LauncherCall, call_problems, read_call
from fairlane.hyperpod.manifest_fields import LOG_RULES, sequence

LAUNCHER: Final = "hyperpodrun"
RAY_SENTENCE: Final = (
    "task governance admits and preempts a RayCluster as a whole, and the training operator does not resize it: use "
    "hyperpodrun in a HyperPodPyTorchJob, or remove elasticPolicy"
)

_SHELLS: Final = frozenset(("sh", "bash", "dash", "ash", "zsh"))
_EXECUTED: Final = re.compile(rf"\bexec\s+(\S*/)?{LAUNCHER}\b")
_COMMAND: Final = re.compile(rf"(?:^|[;&|({{]|\b(?:exec|then|do|else)\b|\w=\S*)\s*(?:\S*/)?{LAUNCHER}\b", re.MULTILINE)
"""Launcher as a command of a shell, not as a word of a comment or of another command."""
_OTHER_LAUNCHER: Final = re.compile(
    r"(?:\A|\A(?:\S*/)?(?:ba|da|z)?sh\n.*?(?:^|[;&|]|exec)\s*)(?:\S*/)?"
    r"(torchrun|accelerate|deepspeed|mpirun|python[0-9.]*\s+-m\s+torch\.distributed\.\w+)\b",
    re.DOTALL | re.MULTILINE,
)
"""Launchers without the agent as the program, or as a command of a shell."""
_NEW_LINE: Final = re.compile(r"\\\n")


@dataclass(frozen=True, slots=True)
class ContainerCall:
    """Program of a container.

    Attributes:
        path: Path to `command`, or to `args` without a command.
        items: Path and text of each item of `command` and `args`.
        call: Options and script of `hyperpodrun`. None if neither `command` nor `args` names it.
        paths: Path of each argument of `hyperpodrun`.
        is_first: True if `hyperpodrun` is the first process of the container, so that it receives SIGTERM.
    """

    path: Path
    items: Sequence[tuple[Path, str]]
    call: LauncherCall | None
    paths: Sequence[Path]
    is_first: bool

    @property
    def program(self) -> str:
        """Name of the first program. Empty if the image says which it is."""
        return _name(self.items[0][1]) if self.items else ""


def read_container(path: Path, container: Mapping[str, Any]) -> ContainerCall:
    """Return the program of a container.

    Args:
        path: Path to the container.
        container: Container of a manifest.
    """
    items = [
        ((*path, key, index), item if isinstance(item, str) else str(item))
        for key in ("command", "args")
        for index, item in enumerate(sequence(container.get(key)))
    ]
    place = (*path, "command" if sequence(container.get("command")) else "args")
    names = [_name(text) for _, text in items]
    if items and names[0] in _SHELLS:
        for item_path, text in items[1:]:
            if LAUNCHER in text:
                arguments = _shell_arguments(text)
                first = _EXECUTED.search(text) is not None
                return ContainerCall(place, items, read_call(arguments), [item_path] * len(arguments), first)
    elif LAUNCHER in names:
        after = items[names.index(LAUNCHER) + 1 :]
        call = read_call([text for _, text in after])
        return ContainerCall(place, items, call, [item_path for item_path, _ in after], is_first=True)
    return ContainerCall(place, items, None, (), is_first=False)


def trainer_index(containers: Sequence[Mapping[str, Any]]) -> int:
    """Return the position of the container that runs `hyperpodrun`. 0 if none names it."""
    return next((index for index, each in enumerate(containers) if read_container((), each).call), 0)


def container_call_problems(
    container: ContainerCall, elastic_policy: Mapping[str, Any], *, log_rules: bool
) -> Iterator[Problem]:
    """Yield the mistakes in the program of a container.

    Args:
        container: Program of the container.
        elastic_policy: Elastic policy of the job. Empty if it is not elastic.
        log_rules: True if the job has log rules.
    """
    call = container.call
    if container.program == "ray" and elastic_policy:
        yield Problem.relation(container.path, RAY_SENTENCE)
    elif call is None and (found := _OTHER_LAUNCHER.search("\n".join(text for _, text in container.items))):
        sentence = (
            f"{' '.join(found[1].split())} does not start the agent, which the training operator needs: use {LAUNCHER}"
        )
        yield Problem.relation(container.path, sentence)
    if call is None:
        return
    if not container.is_first:
        sentence = f"the shell receives SIGTERM instead of {LAUNCHER}: use exec {LAUNCHER}"
        yield Problem.relation(container.path, sentence)
    for problem in call_problems((), call) if elastic_policy else ():
        index = problem.field[0]
        yield replace(problem, field=container.paths[index] if isinstance(index, int) else container.path)
    if log_rules and not call.writes_log_files:
        sentence = (
            f"the agent reads the lines in log files, and {LAUNCHER} writes none: add --tee=3 and "
            "--log-dir=/tmp/hyperpod to its arguments"
        )
        yield Problem.relation(LOG_RULES, sentence)
    if elastic_policy:
        yield from _signal_problems(container.path, call, elastic_policy.get("gracefulShutdownTimeoutInSeconds"))
    if call.script is None:
        yield Problem.relation(container.path, "the script is missing: add it after the options")


def _signal_problems(path: Path, call: LauncherCall, graceful_shutdown_seconds: object) -> Iterator[Problem]:
    signal, seconds = call.option("shutdown-signal"), shutdown_seconds(call)
    if signal is None or signal.value != "SIGTERM":
        sentence = (
            f"{LAUNCHER} kills the processes of an evicted pod by SIGKILL, without a checkpoint: add "
            "--shutdown-signal=SIGTERM and --shutdown-timeout"
        )
        yield Problem.relation(path, sentence)
    elif is_whole(graceful_shutdown_seconds) and seconds < graceful_shutdown_seconds:
        sentence = (
            f"{LAUNCHER} kills the processes of an evicted pod after {seconds} seconds, and "
            f"gracefulShutdownTimeoutInSeconds is {graceful_shutdown_seconds}: use --shutdown-timeout="
            f"{graceful_shutdown_seconds}"
        )
        yield Problem.relation(path, sentence)


def shutdown_seconds(call: LauncherCall) -> int:
    """Return the number of seconds that `hyperpodrun` waits for its processes after SIGTERM."""
    option = call.option("shutdown-timeout")
    return int(option.value) if option and option.value and option.value.isdecimal() else DEFAULT_SHUTDOWN_SECONDS


def _shell_arguments(text: str) -> list[str]:
    """Return the words after the name of the launcher, up to the end of its command."""
    found = _COMMAND.search(text)
    start = found.end() if found else text.index(LAUNCHER) + len(LAUNCHER)
    after = _NEW_LINE.sub(" ", text[start:]).partition("\n")[0]
    lexer = shlex.shlex(after, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    words = []
    try:
        for word in lexer:
            if set(word) <= set(";&|"):
                break
            words.append(word)
    except ValueError:
        return after.split()
    return words


def _name(text: str) -> str:
    return text.rpartition("/")[2]
