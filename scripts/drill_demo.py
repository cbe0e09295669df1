"""Shows a drill on the real WAL-G, from push to verdict: `make drill-demo`. Ends with 0 if each drill said what is so.

A server of its own archives into a folder; the drill is the product's, called as whoever is on call calls it. Then a
page of a table is lost on the server, unnoticed by it, and another backup is taken. All that was made is removed.
"""
# ruff: noqa: INP001, S608, T201 - a script, not a package; its own words; it is there to print

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lifecycle import clock
from lifecycle.outcome import Verdict
from lifecycle.show import EXIT_CODES
from tests.waiting import wait_until
from tests.wal_g.source import Source, private, program

ROWS = 200_000
POLICY = """
system: clinic
database: clinic
tables:
  visits: {personal: none, because: "numbers that the demo made up"}
backups:
  wal_g: {base: 1 day, window: 7 days, rpo: 5 minutes, rto: 1 hour}
"""
RIGHTS = "grant execute on function pg_create_restore_point(text), pg_switch_wal() to lifecycle"


def main() -> int:
    """Drill a healthy archive and one over a lost page; return 0 if the first passed and the second was found."""
    source, place = Source(), private("lifecycle-drill-demo-")
    try:
        place.chmod(0o711)  # the server's account works in it
        _settings(source, place)
        _step("a server that archives with WAL-G, and a system over it", lambda: _fill(source))
        _lifecycle(source, place, "init")
        source.say(RIGHTS, "clinic")
        _step("wal-g backup-push", source.push)
        _write(source, ROWS, ROWS // 10)
        healthy = _drill(source, place)

        print("\nNow a page of the table becomes zeros on the server, as a disk may do it.")
        source.lose_page("visits", "clinic")
        _unnoticed(source)
        _step("wal-g backup-push", source.push)
        hurt = _drill(source, place)
    finally:
        source.end()
        shutil.rmtree(place)
    left = [str(one) for one in (source.place, place) if one.exists()]
    print(f"\nleft behind: {', '.join(left) or 'nothing'}")
    failed = EXIT_CODES[Verdict.FAIL]
    well = (healthy, hurt, left) == (0, failed, [])
    print("each drill said what is so" if well else f"not as it is: {healthy}, then {hurt}")
    return 0 if well else 1


def _settings(source: Source, place: Path) -> None:
    (place / "policy.yaml").write_text(POLICY)
    wal_g = {"program": str(program()), "config": str(source.archive.config)}
    dsn = f"{source.cluster.dsn('clinic')} user=lifecycle"
    system = {"policy": "policy.yaml", "dsn": dsn, "wal_g": wal_g}
    settings = {"systems": {"clinic": system}, "scratch": str(place), "daemon": {"listen": None}}
    (place / "lifecycle.yaml").write_text(json.dumps(settings))


def _fill(source: Source) -> None:
    source.say("create database clinic")
    source.say("create table visits (id bigint primary key, note text)", "clinic")
    _write(source, 0, ROWS)


def _write(source: Source, after: int, rows: int) -> None:
    made = f"select n, repeat('x', 200) from generate_series({after + 1}, {after + rows}) n"
    source.say(f"insert into visits {made}", "clinic")
    source.say("vacuum analyze visits", "clinic")


def _drill(source: Source, place: Path) -> int:
    """Write a restore point, let the archive have it, and come back to it. Return what the drill ended with."""
    _lifecycle(source, place, "backups", "point")
    [(last,)] = source.ask("select pg_walfile_name(pg_switch_wal())")
    archived = f"select last_archived_wal >= '{last}' from pg_stat_archiver"
    wait_until(lambda: source.ask(archived) == [(True,)])
    return _lifecycle(source, place, "backups", "recover")


def _unnoticed(source: Source) -> None:
    [(rows,)] = source.ask("select count(*) from visits where note <> ''", "clinic")
    print(f"The server is up and answers; a query counts {rows:,} rows and complains of nothing.")


def _lifecycle(source: Source, place: Path, *words: str) -> int:
    """Run the product as a person does, show what it prints, and return its exit code."""
    print(f"\n$ lifecycle {' '.join(words)}", flush=True)
    env = os.environ | {
        "LIFECYCLE_SETTINGS": str(place / "lifecycle.yaml"),
        "LIFECYCLE_ADMIN_DSN": source.cluster.dsn("clinic"),
    }
    argv = [sys.executable, "-m", "lifecycle", *words]
    began = clock.monotonic()
    ended = subprocess.run(  # noqa: S603 - ourselves
        argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    said = [line for line in ended.stderr.splitlines() if not line.startswith("{")]  # else the log
    print("\n".join([*ended.stdout.splitlines(), *said]))
    print(f"(exit code {ended.returncode}, {clock.monotonic() - began:.1f} s)", flush=True)
    return ended.returncode


def _step(what: str, do: Callable[[], object]) -> None:
    began = clock.monotonic()
    do()
    print(f"{what}: {clock.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
