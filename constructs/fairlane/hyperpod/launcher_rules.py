"""Arguments of `hyperpodrun`, the launcher of elastic jobs, and their rules. Imports no aws_cdk.

Options are those of hyperpod-elastic-agent 1.1.3 and of `torchrun` of PyTorch below 2.12. An option can be abbreviated,
and its words can be joined by - or _.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

AGENT_PORT: Final = 8080
"""Port on which the training operator reaches the agent of each pod."""
DEFAULT_SHUTDOWN_SECONDS: Final = 15
"""Default of `--shutdown-timeout`."""

_RENDEZVOUS: Final = frozenset(("rdzv-endpoint", "rdzv-id", "node-rank", "master-addr", "master-port", "local-addr"))
_FLAGS: Final = frozenset(("standalone", "module", "no-python", "run-path", "virtual-local-rank", "inprocess-restart"))
_VALUES: Final = _RENDEZVOUS | frozenset(
    (
        *("nnodes", "nproc-per-node", "rdzv-backend", "rdzv-conf", "max-restarts", "monitor-interval"),
        *("start-method", "event-log-handler", "role", "log-dir", "redirects", "tee", "local-ranks-filter"),
        *("duplicate-stdout-filters", "duplicate-stderr-filters", "logs-specs", "numa-binding", "signals-to-handle"),
        *("shutdown-signal", "shutdown-timeout", "inprocess-timeout", "server-host", "server-port"),
        *("server-log-level", "server-shutdown-timeout"),
        *("pre-train-script", "pre-train-args", "post-train-script", "post-train-args"),
    )
)
_SHORT: Final = {"r": "redirects", "t": "tee", "m": "module"}
_OWN: Final = {
    "log-dir": "the job sets --log-dir: remove it",
    "nproc-per-node": "the job sets --nproc-per-node: use processes_per_replica",
    "rdzv-backend": "the job sets --rdzv-backend: remove it",
    "server-host": "the job sets --server-host: remove it",
    "shutdown-signal": "the job sets --shutdown-signal: remove it",
    "shutdown-timeout": "the job sets --shutdown-timeout: use graceful_shutdown_timeout_seconds",
    "tee": "the job sets --tee: remove it",
}


@dataclass(frozen=True, slots=True)
class LauncherOption:
    """Option of a call of `hyperpodrun`.

    Attributes:
        index: Position among the arguments.
        name: Name without dashes at the start, words joined by -. Not abbreviated if the option is known.
        value: Value. None for flags, and for options whose value is missing.
    """

    index: int
    name: str
    value: str | None

    @property
    def is_known(self) -> bool:
        """True if `hyperpodrun` has the option."""
        return self.name in _FLAGS or self.name in _VALUES


@dataclass(frozen=True, slots=True)
class LauncherCall:
    """Arguments of `hyperpodrun`.

    Attributes:
        options: Options in front of the script.
        script: Position of the script. None without.
    """

    options: tuple[LauncherOption, ...]
    script: int | None

    def option(self, name: str) -> LauncherOption | None:
        """Return the last option of a name, which is the one that applies."""
        return next((option for option in reversed(self.options) if option.name == name), None)

    @property
    def writes_log_files(self) -> bool:
        """True if the output of the first process of a pod is in a file, where the agent looks for log rules."""
        return any(_writes_output(option.value) for option in map(self.option, ("tee", "redirects")) if option)


def read_call(arguments: Sequence[object]) -> LauncherCall:
    """Return the options and the script of a call of `hyperpodrun`.

    Args:
        arguments: Arguments without the name of the program.
    """
    options: list[LauncherOption] = []
    texts = [str(argument) for argument in arguments]
    index = 0
    while index < len(texts) and texts[index].startswith("-") and texts[index] != "--":
        name, value = _name_and_value(texts[index])
        start = index
        if name in _VALUES and value is None and index + 1 < len(texts):
            index += 1
            value = texts[index]
        options.append(LauncherOption(start, name, value))
        index += 1
    return LauncherCall(tuple(options), index if index < len(texts) else None)


def added_argument_problems(field: Path, arguments: Sequence[object]) -> Iterator[Problem]:
    """Yield the mistakes in arguments that are added to those that a job sets itself.

    Args:
        field: Path to the arguments.
        arguments: Further arguments of `hyperpodrun`, without the script. Values known only at deployment pass.
    """
    call = read_call(arguments)
    yield from call_problems(field, call)
    for option in call.options:
        if option.name in _OWN:
            yield Problem.relation((*field, option.index), _OWN[option.name])
        elif option.name in _VALUES and option.value is None:
            sentence = f"--{option.name} has no value, and would take the script as its value: add the value"
            yield Problem.relation((*field, option.index), sentence)
    if call.script is not None and not is_token(arguments[call.script]):
        sentence = f"{arguments[call.script]} is no option of hyperpodrun: use script and arguments"
        yield Problem.relation((*field, call.script), sentence)


def call_problems(field: Path, call: LauncherCall) -> Iterator[Problem]:
    """Yield the options that break an elastic job, or that `hyperpodrun` does not have.

    Args:
        field: Path to the arguments.
        call: Options and script.
    """
    for option in call.options:
        path = (*field, option.index)
        if not option.is_known:
            yield Problem.relation(path, f"--{option.name} is no option of hyperpodrun: remove it")
        elif option.name == "nnodes":
            yield Problem.relation(path, _nodes_sentence(option.value))
        elif option.name in _RENDEZVOUS or option.name == "standalone":
            sentence = f"the training operator gives ranks and addresses with each start: remove --{option.name}"
            yield Problem.relation(path, sentence)
        elif option.name == "rdzv-backend" and option.value not in ("hyperpod", None):
            yield Problem(path, option.value, "hyperpod, the only rendezvous of hyperpodrun")
        elif option.name == "inprocess-restart":
            sentence = (
                "restarts within the process are part of checkpointless training, which elastic training does not "
                "support: remove --inprocess-restart"
            )
            yield Problem.relation(path, sentence)
        elif option.name == "server-port" and option.value != str(AGENT_PORT):
            sentence = f"the training operator calls the agent on port {AGENT_PORT}: remove --server-port"
            yield Problem.relation(path, sentence)


def _nodes_sentence(value: str | None) -> str:
    if value is not None and ":" in value:
        return (
            f"hyperpodrun refuses a range of nodes such as {value}: the training operator changes the size of the job: "
            "remove --nnodes"
        )
    return (
        "a fixed number of nodes is wrong at all other sizes, and the training operator gives the number of nodes with "
        "each start: remove --nnodes"
    )


def _name_and_value(text: str) -> tuple[str, str | None]:
    if not text.startswith("--"):
        name, rest = _SHORT.get(text[1:2], text[1:]), text[2:]
        return (name, rest.removeprefix("=") or None) if text[1:2] in _SHORT else (text.lstrip("-"), None)
    name, sign, value = text[2:].partition("=")
    name = name.replace("_", "-")
    if name not in _VALUES | _FLAGS:
        longer = [known for known in _VALUES | _FLAGS if known.startswith(name)]
        name = longer[0] if len(longer) == 1 and name else name
    return name, value if sign else None


def _writes_output(value: str | None) -> bool:
    """Return True if the value of --tee or --redirects writes the output of local rank 0: 1, 3, 0:1 or 0:3."""
    return any(part.removeprefix("0:") in ("1", "3") for part in (value or "").split(","))
