"""Process of a Lambda function, which runs one invocation after another: a program without imports of this package.

Arguments: handler, file of standard output, file of standard error. Each line of standard input is an invocation, and
each line of standard output is its result. `time` and `datetime` have the clock of the local AWS.
"""

import datetime
import importlib
import json
import os
import sys
import time
import traceback
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Self

_monotonic = time.monotonic


class Clock:
    """Clock of the local AWS. It stands during an invocation, or runs at the speed of real time; sleeping moves it."""

    start = 0.0
    origin = 0.0
    rate = 0.0
    slept = 0.0
    lock = Lock()

    @classmethod
    def time(cls) -> float:
        """Return the seconds since the epoch."""
        return cls.start + cls.slept + (_monotonic() - cls.origin) * cls.rate

    @classmethod
    def sleep(cls, seconds: float) -> None:
        """Move the clock."""
        with cls.lock:
            cls.slept += seconds


class _Kind(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.__mro__[1])


class Datetime(datetime.datetime, metaclass=_Kind):
    """Dates and times of the clock."""

    @classmethod
    def now(cls, tz: Any = None) -> Self:
        """Return the current time in a time zone."""
        return cls.fromtimestamp(Clock.time(), tz)

    @classmethod
    def utcnow(cls) -> Self:
        """Return the current time in UTC."""
        return cls.fromtimestamp(Clock.time(), datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Self:
        """Return the current local date."""
        return cls.now()


class Date(datetime.date, metaclass=_Kind):
    """Dates of the clock."""

    @classmethod
    def today(cls) -> Self:
        """Return the current local date."""
        return cls.fromtimestamp(Clock.time())


def set_clock() -> None:
    """Replace the functions of the standard library that return the current time."""
    gmtime, localtime, strftime = time.gmtime, time.localtime, time.strftime
    time.time = Clock.time
    time.sleep = Clock.sleep  # type: ignore[assignment]
    time.time_ns = lambda: int(Clock.time() * 1e9)
    time.gmtime = lambda seconds=None: gmtime(Clock.time() if seconds is None else seconds)
    time.localtime = lambda seconds=None: localtime(Clock.time() if seconds is None else seconds)
    time.strftime = lambda form, when=None: strftime(form, time.localtime() if when is None else when)
    datetime.datetime, datetime.date = Datetime, Date  # type: ignore[misc]


class Context:
    """Context of an invocation."""

    function_version = "$LATEST"

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id = request["id"]
        self.invoked_function_arn = request["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._end = request["time"] + request["timeout"]

    def get_remaining_time_in_millis(self) -> Any:
        """Return the milliseconds until the timeout, by the clock."""
        return round(1000 * max(0, self._end - Clock.time()))


def find_handler(path: str) -> tuple[Any, Any]:
    """Return the handler at a path, for example `index.handler`, or the error of Lambda's runtime."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module.replace("/", ".")), name), None
    except ImportError as error:
        return None, failure(error, "Runtime.ImportModuleError", f"Unable to import module '{module}': {error}")
    except AttributeError as error:
        return None, failure(error, "Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module}'")
    except SyntaxError as error:
        return None, failure(error, "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}")
    except Exception as error:
        return None, failure(error)


def failure(error: Exception, kind: str | None = None, message: str | None = None) -> dict[str, Any]:
    """Print an error as Lambda's runtime does, and return it."""
    result = {
        "errorMessage": str(error) if message is None else message,
        "errorType": kind or type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__)[1:],
    }
    text = "".join(["Traceback (most recent call last):\n", *result["stackTrace"]]) if result["stackTrace"] else ""
    print(f"[ERROR] {result['errorType']}: {result['errorMessage']}\n{text}".rstrip(), file=sys.stderr)
    return result


def invoke(handler: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return the result of an invocation."""
    Clock.start, Clock.rate, Clock.origin, Clock.slept = request["time"], request["rate"], _monotonic(), 0.0
    try:
        answer = handler(request["event"], Context(request))
    except Exception as error:
        return {"error": failure(error)}
    try:
        return {"answer": json.loads(json.dumps(answer))}
    except (TypeError, ValueError) as error:
        return {"error": failure(error, "Runtime.MarshalError", f"Unable to marshal response: {error}")}


def read_requests(requests: SimpleQueue[Any]) -> None:
    """Read invocations, and end the process with the end of the input: the local AWS has ended."""
    for line in sys.stdin:
        requests.put(json.loads(line))
    os._exit(1)


def main() -> None:
    """Run invocations until the input ends."""
    requests: SimpleQueue[Any] = SimpleQueue()
    Thread(target=read_requests, args=(requests,), daemon=True).start()
    results = os.fdopen(os.dup(1), "w")
    for number, path in ((1, sys.argv[2]), (2, sys.argv[3])):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    set_clock()
    handler = error = None
    while True:
        request = requests.get()
        Clock.start, Clock.rate, Clock.origin = request["time"], request["rate"], _monotonic()
        if handler is None:
            handler, error = find_handler(sys.argv[1])
        result = {"error": error} if handler is None else invoke(handler, request) | {"slept": Clock.slept}
        sys.stdout.flush()
        sys.stderr.flush()
        print(json.dumps(result), file=results, flush=True)


if __name__ == "__main__":
    main()
