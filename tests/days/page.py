"""Carries out a page of the documentation: its files are written, its commands run, what they print is compared.

A block of SQL or YAML whose first line is a comment with a file's name becomes that file: `# answers.yaml`. One that says
`# policy.yaml, in place of the drafted lines` replaces the lines of these tables, `# policy.yaml, at its end` is added.
A console block has commands after `$ `, each with what it prints; `exit=4` beside its language is what the last ends with,
else 0. A line `...` stands for any lines. Days, moments, digests and references are other ones on every day, and compared
by their shape; so are numbers of lines and of our own files of SQL, and however many spaces stand between two words.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import tempfile
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 100
_BLOCK = re.compile(r"^```(\w+)(?: exit=(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHAPES = (
    (re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b|\b[0-9a-f]{8}\b"), "digest"),
    (re.compile(r"\(\d+ new\)"), "(so many new)"),
    (re.compile(r"\.yaml:\d+: "), ".yaml:line: "),
    (re.compile(r"\b\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?(Z| UTC)?"), "day"),
)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page. `code`: what its last command ends with."""

    language: str
    code: int
    text: str

    @property
    def named(self) -> str:
        """Return the file that its first line names; empty where it names none."""
        found = re.match(r"(?:#|--) ([\w.-]+\.(?:yaml|sql))", self.text)
        return found[1] if found else ""

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield (command, what it prints)."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            while command.endswith("\\"):
                more, _, printed = printed.partition("\n")
                command = f"{command}\n{more}"
            yield command, printed


def blocks(page: str) -> list[Block]:
    """Return the blocks in their order."""
    return [Block(m[1], int(m[2] or 0), m[3]) for m in _BLOCK.finditer(page)]


def write(block: Block, directory: Path) -> None:
    """Write what a block of SQL or YAML is."""
    file, text = directory / block.named, block.text
    first, _, rest = text.partition("\n")
    if first.endswith("in place of the drafted lines"):
        policy = file.read_text()
        for line in rest.splitlines():
            name = re.escape(line.partition(":")[0])
            policy, found = re.subn(
                rf"^{name}:.*$", line.replace("\\", r"\\"), policy, flags=re.MULTILINE
            )
            assert found == 1, line
        file.write_text(policy)
    elif first.endswith("at its end"):
        file.write_text(file.read_text().rstrip("\n") + f"\n\n{rest}")
    else:
        file.write_text(text)


def shaped(text: str) -> str:
    """Return a text in which what is another one on every day stands by its shape."""
    for pattern, word in _SHAPES:
        text = pattern.sub(word, text)
    return "\n".join(" ".join(line.split()) for line in text.strip("\n").splitlines())


def same(shown: str, printed: str) -> bool:
    """Say whether a command printed what the page shows."""
    lines = [
        r"(?:.*\n)*" if line == "..." else re.escape(line) + "\n"
        for line in shaped(shown).splitlines()
    ]
    return (
        re.fullmatch("".join(lines), shaped(printed) + "\n" if printed.strip() else "") is not None
    )


def typed(command: str, keys: str, directory: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Carry out a command for somebody at a terminal who types `keys`; return its exit code and what it printed.

    Lines of the log are left out, as these are for machines.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    with tempfile.TemporaryFile("w+") as errors, subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.PIPE, stdout=theirs, stderr=errors, cwd=directory, env=environment, text=True,
    ) as process:  # fmt: skip
        assert process.stdin
        process.stdin.write(keys)
        process.stdin.close()
        out = b"".join(_said(ours, process))
        errors.seek(0)
        said = [line for line in errors.read().splitlines() if not line.startswith("{")]
    # Ours until here: what is left in a terminal that nobody has open is gone before it was read, where that is late.
    os.close(theirs)
    os.close(ours)
    return process.returncode, out.decode().replace("\r", "") + "\n".join(said)


def _said(terminal: int, process: "subprocess.Popen[str]") -> Iterator[bytes]:
    """Yield what is written there until the process has ended and nothing is left."""
    ended = False
    while not ended:
        ended = process.poll() is not None  # asked before the last look
        while select.select([terminal], [], [], 0 if ended else 0.02)[0]:
            yield os.read(terminal, 65536)
