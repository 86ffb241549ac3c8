"""Program that loads mutated environment files, each in a process with limits, and prints one JSON line for each.

Two thirds of the files are mutated base files, or mutated files that extend a base file.

Usage: python mutations.py FOLDER SEED COUNT FILE...
"""

import json
import os
import random
import re
import resource
import sys
import traceback
from pathlib import Path

from fairlane import ConfigurationError
from fairlane.environment import load_environment

CPU_SECONDS = 5
MEMORY = 512 * 1024 * 1024
"""Bytes above those of this program."""

_TOKEN = re.compile(rb"[^\s:,\[\]{}]+")
_VALUES = [
    *(b"", b"~", b"null", b"true", b"yes", b"0", b"-1", b"1.5", b".nan", b"-.inf", b"1e999999", b"0x" + b"f" * 9000),
    *(b"9" * 300, b"9" * 9000, b"-" + b"9" * 5000, b"0b" + b"1" * 9000, b"1_000_000", b"-_", b"012345670123"),
    *("١٢٣٤٥٦٧٨٩٠١٢".encode(), "１".encode(), "é".encode(), "日本".encode(), "\u2028".encode()),  # noqa: RUF001
    *(b"'x'", b'"', b"'", b'"\\0"', b'"\\ud800"', b'"\\x1b[2J"', b'"\\x7bToken[TOKEN.1]}"', b"${Token[TOKEN.1]}"),
    *(b"[]", b"{}", b"[[1]]", b"{a: 0}", b"{1: 2}", b"[" * 60, b"{a: " * 60, b"- " * 60, b"x" * 2000, b"a b"),
    *(b"&a", b"*a", b"&a [*a]", b"<<: *a", b"<<", b"!!int x", b"!!binary x", b"!!python/object:os.system x", b"!x y"),
    *(b"? x", b"|", b">", b"%YAML 1.1", b"%TAG ! x", b"---", b"...", b"#", b"@", b"`", b"2026-13-45", b"=", b"\t"),
    *(b"us-east-1", b"eu-west-1", b"p5.48xlarge", b"ml.p5.48xlarge", b"fifo", b"quota-management", b"Default"),
]
_BYTES = [b"\0", b"\x1b", b"\x7f", b"\x80", b"\xff", b"\xef\xbb\xbf", b"\xc2\x85", b"\xed\xa0\x80", b"\r", b"\n", b"\t"]


def mutated(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        content = chance.choice([_change_bytes, _change_lines, _change_tokens, _change_tokens])(content, chance)
    return content


def _change_bytes(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content) + 1)
    end = min(len(content), start + chance.choice([0, 1, 1, 5, 100]))
    flipped = bytes([chance.randrange(256)])
    new = chance.choice([b"", flipped, chance.choice(_BYTES), content[start:end] * chance.choice([2, 500])])
    return content[:start] if chance.random() < 0.1 else content[:start] + new + content[end:]


def _change_lines(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            lines[first], lines[second] = lines[second], lines[first]
        case 1:
            del lines[first]
        case 2:
            lines.insert(second, lines[first])
        case 3:
            lines[first] = b" " * chance.randrange(1, 4) + lines[first]
        case _:
            lines[first:first] = [lines[second]] * chance.choice([2, 1000])
    return b"\n".join(lines)


def _change_tokens(content: bytes, chance: random.Random) -> bytes:
    tokens = list(_TOKEN.finditer(content)) or list(re.finditer(b"^", content))
    old, other = chance.choice(tokens), chance.choice(tokens)
    new = chance.choice([chance.choice(_VALUES), other[0], b"&a " + old[0], old[0] + b" " + chance.choice(_VALUES)])
    return content[: old.start()] + new + content[old.end() :]


def answer(path: Path) -> tuple[int, str]:
    """Return the exit status and the text of a program that loads a file."""
    try:
        load_environment(path)
    except ConfigurationError as error:
        return 1, str(error)
    except BaseException:
        return 2, traceback.format_exc()
    return 0, ""


def run(path: Path, output: Path) -> dict[str, object]:
    """Load a file in a process of its own, and return what it used and what it answered."""
    process = os.fork()
    if process == 0:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        status, text = answer(path)
        output.write_text(text, errors="backslashreplace")
        os._exit(status)
    _, status, usage = os.wait4(process, 0)
    seconds = usage.ru_utime + usage.ru_stime
    return {"status": os.waitstatus_to_exitcode(status), "seconds": seconds, "text": output.read_text()}


def main(folder: Path, seed: int, count: int, files: list[Path]) -> None:
    contents = [file.read_bytes() for file in files]
    for file in files:
        load_environment(file)  # builds the models, which every process then has
    for number in range(seed, seed + count):
        chance = random.Random(number)
        path, output = folder / "mutated.yaml", folder / "output"
        content, base = mutated(chance.choice(contents), chance), chance.choice(contents)
        if number % 3:
            extends = b"extends: other.base.yaml\n"
            content, base = (extends, content) if number % 3 == 1 else (content + b"\n" + extends, base)
            (folder / "other.base.yaml").write_bytes(base)
        path.write_bytes(content)
        output.write_text("")
        print(json.dumps({"seed": number, **run(path, output)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), [Path(name) for name in sys.argv[4:]])
