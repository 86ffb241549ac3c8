"""YAML language server of editors, driven over stdio."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from tests.support import REPOSITORY

PROGRAM: Final = REPOSITORY / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
_SETTINGS: Final = {"yaml": {"schemaStore": {"enable": False}, "validate": True, "completion": True}}


class LanguageServer:
    """Running language server."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._requests = 0
        self._documents = 0

    @classmethod
    @contextmanager
    def start(cls) -> Iterator[Self]:
        """Start a server, and end it at exit."""
        command = ["node", str(PROGRAM), "--stdio"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            server = cls(process)
            try:
                capabilities = {"workspace": {"configuration": True}, "textDocument": {"completion": {}}}
                server._ask("initialize", processId=None, rootUri=None, capabilities=capabilities)
                server._send("initialized")
                yield server
            finally:
                process.kill()

    def diagnostics(self, folder: Path, text: str) -> list[tuple[int, str]]:
        """Return the line, from 1, and the message of each mistake that an editor underlines in a file."""
        uri = self._open(folder, text)
        while True:
            message = self._receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                found = message["params"]["diagnostics"]
                return [(item["range"]["start"]["line"] + 1, item["message"]) for item in found]

    def completions(self, folder: Path, text: str) -> list[str]:
        """Return what an editor offers at the mark `|` in a file, which stands for the cursor."""
        before, _, after = text.partition("|")
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        document = {"uri": self._open(folder, before + after)}
        answer = self._ask("textDocument/completion", textDocument=document, position=position)
        return [item["label"] for item in answer["items"]]

    def _open(self, folder: Path, text: str) -> str:
        self._documents += 1
        uri = (folder / f"file{self._documents}.yaml").as_uri()
        self._send("textDocument/didOpen", textDocument={"uri": uri, "languageId": "yaml", "version": 1, "text": text})
        return uri

    def _ask(self, method: str, **params: Any) -> Any:
        self._requests += 1
        self._write({"id": self._requests, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == self._requests and "method" not in message:
                return message["result"]

    def _send(self, method: str, **params: Any) -> None:
        self._write({"method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        """Return the next message, after an answer to the server if the message is a request of the server."""
        assert self._process.stdout
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the language server ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if "id" in message and "method" in message:
            items = message["params"].get("items", []) if message["method"] == "workspace/configuration" else None
            sections = items and [_SETTINGS.get(item["section"], {}) for item in items]
            self._write({"id": message["id"], "result": sections})
        return message
