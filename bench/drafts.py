"""What `policy generate` makes of schemas it has never seen, and how long it takes.

Aims: nothing deleted wrongly, at most one table in a hundred left wrongly, 25 questions per 100 tables in 12 kinds;
500 tables in less than 10 s.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from ruamel.yaml import YAML

from bench.score import Score, score
from lifecycle import clock
from lifecycle.policy import evidence, generate
from lifecycle.policy.guess import Candidate
from lifecycle.policy.seen import Evidence
from lifecycle.postgres import catalog, connect, server
from lifecycle.postgres.catalog import Catalog

SCHEMAS = Path(__file__).parents[1] / "tests/schemas"

# Every fifth table is a list, the others are somebody's: by a column, or by the table before.
_TABLES = """
create table users (id bigint primary key, email text not null, full_name text);
insert into users select n, format('u%s@example.org', n), format('User %s', n) from generate_series(1, 2000) n;
do $$ begin
    for n in 1..499 loop
        if n % 5 = 1 then
            execute format('create table list%s (id bigint primary key, label text, a text, b text)', n);
            execute format('insert into list%s select k, ''label '' || k from generate_series(1, 50) k', n);
        else
            execute format('create table t%s (id bigint primary key, %s bigint not null references %s, kind bigint '
                           'references list%s, created_by bigint references users, a text, b text, d jsonb)',
                           n, case n % 5 when 2 then 'user_id' else 'up' end,
                           case n % 5 when 2 then 'users' else 't' || n - 1 end, n - (n + 4) % 5);
            execute format('insert into t%s select k, 1 + k %% 1500, 1 + k %% 50, 1 + k %% 9, ''some words'', ''x'', '
                           '''{}'' from generate_series(1, 2000) k', n);
        end if;
    end loop;
end $$
"""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft with its score, the seconds it took, and what it was made of."""

    text: str
    score: Score
    seconds: float
    catalog: Catalog
    who: Candidate
    seen: Evidence
    key: Mapping[str, Any]

    @property
    def sampled(self) -> int:
        """How many tables were sampled."""
        return len(self.seen.rows)

    def without(self, gone: Collection[str]) -> Score:
        """Return the score of the draft had these tables not been read."""
        seen = Evidence(
            {n: rows for n, rows in self.seen.rows.items() if n not in gone},
            {at: column for at, column in self.seen.columns.items() if at[0] not in gone},
            {n: rows for n, rows in self.seen.quoting.items() if n not in gone},
            {n: said for n, said in self.seen.references.items() if n not in gone},
            {at: both for at, both in self.seen.both.items() if at[0] not in gone},
        )
        return _scored(generate.draft(self.catalog, self.who, seen), self.key, self.catalog)


def names() -> list[str]:
    """Return the schemas that have a key."""
    return sorted(path.stem for path in SCHEMAS.glob("*.yaml"))


def load(conninfo: str, name: str) -> None:
    """Make the tables of a schema, with their rows, in an empty database."""
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute((SCHEMAS / f"{name}.sql").read_bytes())
        admin.execute("analyze")


def drafted(conninfo: str, name: str, budget: timedelta = evidence.BUDGET) -> Drafted:
    """Return the draft for a database with this schema, scored by its key."""
    parser = YAML(typ="safe", pure=True)
    key = parser.load((SCHEMAS / f"{name}.yaml").read_text())  # pyright: ignore[reportUnknownMemberType]
    asked = f"{key['subject']['table']}.{key['subject']['key']}"
    text, picture, who, seen, seconds = _draft(conninfo, asked, budget)
    found = _scored(text, key["tables"], picture)
    return Drafted(text, found, seconds, picture, who, seen, key["tables"])


def _scored(text: str, key: Mapping[str, Any], picture: Catalog) -> Score:
    lines = YAML(typ="safe", pure=True).load(text)["tables"]  # pyright: ignore[reportUnknownMemberType]
    return score(lines, key, [(k.table, k.columns) for k in picture.foreign_keys])


def measure() -> Iterator[str]:
    """Yield a line for each schema, and one for many tables."""
    with server.temporary(
        server.find_binaries(), settings={"max_locks_per_transaction": "4096"}
    ) as cluster:
        for name in [*names(), "many"]:
            with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
                admin.execute(b"create database " + name.encode())
        for name in names():
            load(cluster.dsn(name), name)
            found = drafted(cluster.dsn(name), name)
            yield f"{name}, {found.score}; {found.seconds:.1f} s"
        with psycopg.connect(cluster.dsn("many"), autocommit=True) as admin:
            admin.execute(_TABLES.encode())
            admin.execute("analyze")
        _, _, _, seen, seconds = _draft(cluster.dsn("many"), "users.id", evidence.BUDGET)
    yield f"500 tables of up to 2,000 rows: {seconds:.1f} s, {len(seen.rows)} tables sampled; aim < 10 s"


def _draft(
    conninfo: str, subject: str, budget: timedelta
) -> tuple[str, Catalog, Candidate, Evidence, float]:
    begun = clock.monotonic()
    with connect.connect(conninfo, "bench", write=False) as conn:
        picture = catalog.read(conn)
        who = generate.subject(picture, subject)
        assert who is not None
        seen = evidence.read(conn, picture, who.table, who.key, budget)
    text = generate.draft(picture, who, seen)
    return text, picture, who, seen, clock.monotonic() - begun
