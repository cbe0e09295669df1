"""docs/first-policy.md, word for word: from the draft of a clinic's 90 tables to its first erasure."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle.postgres import server
from tests.days import page as pages

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/first-policy.md").read_text(encoding="utf-8")
PERSON = 74
ASKED = "key of the person:\n"
# As psql does what it is asked on the page, on machines whose PostgreSQL comes without it.
PSQL = """#!{python}
import sys, psycopg
words = dict(zip(sys.argv[2::2], sys.argv[3::2]))
text = open(words["-f"]).read() if "-f" in words else words.get("-c") or sys.stdin.read()
psycopg.connect(sys.argv[1], autocommit=True).execute(text)
"""


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[str]:
    """A server of its own, for the page's database and its roles have names."""
    with server.temporary(server.find_binaries(), settings={"autovacuum": "off"}) as running:
        with psycopg.connect(running.dsn(), autocommit=True) as conn:
            conn.execute("create database nordhaus template template0")
        with psycopg.connect(running.dsn("nordhaus"), autocommit=True) as conn:
            conn.execute((ROOT / "tests/schemas/clinic.sql").read_bytes())
        yield running.dsn("nordhaus")


def test_the_page_is_what_happens(admin: str, tmp_path: Path) -> None:
    where = conninfo_to_dict(admin)
    host = f"host={where['host']} port={where['port']}"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/psql").write_text(PSQL.format(python=sys.executable))
    (tmp_path / "bin/psql").chmod(0o755)
    site = tmp_path / "clinic"
    site.mkdir()
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TERM": "xterm",
    }
    names = ask(admin, f"select array[mrn, email, phone] from patients where id = {PERSON}")[0]
    assert len(names) == 3
    assert found(admin, names) > 10
    wrong: list[str] = []
    plan = ""
    for block in pages.blocks(PAGE):
        if block.named:
            pages.write(replace(block, text=block.text.replace("host=db", host)), site)
        if block.language != "console":
            continue
        commands = list(block.commands())
        for number, (command, shown) in enumerate(commands, start=1):
            line = re.sub(r"apply [0-9a-f]{16}", f"apply {plan}", command.replace("host=db", host))
            keys = f"{PERSON}\n" if command.endswith("--person -") else ""
            code, printed = pages.typed(line, keys, site, environment)
            printed = printed.replace(host, "host=db")
            plan = (re.findall(r"gdpr apply ([0-9a-f]{16})", printed) or [plan])[-1]
            wanted = block.code if number == len(commands) else 0
            if code != wanted or not pages.same(shown.removeprefix(ASKED), printed):
                wrong.append(
                    f"$ {command}\n{printed}\n(ends with {code}, and the page says {wanted})\n"
                )
    assert wrong == [], "the page shows something else than:\n" + "\n".join(wrong)
    assert found(admin, names) == 0
    assert ask(admin, "select count(*) from patients") == [205]


def ask(admin: str, query: str) -> list[Any]:
    with psycopg.connect(admin, autocommit=True) as conn:
        return [row[0] for row in conn.execute(query.encode()).fetchall()]


def found(admin: str, names: list[str]) -> int:
    """Return in how many rows of the database one of these stands, whatever the product says."""
    tables = "select oid::regclass::text from pg_class where relkind in ('r', 'm') and oid >= 16384"
    either = " or ".join(f"strpos(t::text, '{name}') > 0" for name in names)
    return sum(
        ask(admin, f"select count(*) from {t} t where {either}")[0] for t in ask(admin, tables)
    )
