"""The night's search of a whole database, against COPY of the same relations read and thrown away. Aim: at most 1.1x.

For one person and for a thousand, over 100 MB of rows as an application has them: keys, addresses, JSON, texts, times.
Both read through the same connection; the search prints no columns of numbers and times, and COPY does.
"""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import psycopg

from bench.timing import pair
from gdpr.search import database, relations
from gdpr.search.needles import Needles
from lifecycle import clock
from lifecycle.coverage import Looks
from lifecycle.postgres import catalog, server, session

ROWS = 120_000
_MADE = """
    create table note (id uuid primary key, person uuid, at timestamptz, mail text, body jsonb, words text);
    insert into note
    select gen_random_uuid(), gen_random_uuid(), timestamptz '2026-01-01Z' + n * interval '1 minute',
           'reader' || n || '@mail' || n % 300 || '.example.net',
           jsonb_build_object('kind', n % 17, 'for', 'reader' || n, 'value', n / 7.0, 'said', repeat(md5(n::text), 5)),
           (select string_agg(w, ' ') from unnest(array['the', 'patient', 'reports', 'no', 'pain', 'since', 'Tuesday',
                                                        'evening', 'and', 'sleeps', 'well', md5(n::text)]) w,
                                           generate_series(1, 5))
      from generate_series(1, {rows}) n;
    vacuum analyze note;
"""


def people(number: int) -> list[tuple[str, ...]]:
    """Return what so many people go by: a key, an address, a name, a telephone number."""
    return [
        (
            f"{n * 7919:08x}-4b5a-4687-9788-{n * 104729:012x}",
            f"person{n}.example@mail{n % 300}.example.org",
            f"Firstname{n} Lastname{n * 31}",
            f"+49170{n * 7907:07d}",
        )
        for n in range(1, number + 1)
    ]


def measure() -> Iterator[str]:
    """Yield ratios, compile time, memory."""
    with (
        server.temporary(server.find_binaries()) as cluster,
        closing(psycopg.connect(cluster.dsn(), autocommit=True)) as conn,
    ):
        for statement in _MADE.format(rows=ROWS).split(";\n"):
            conn.execute(statement.encode())
        session.settle(conn)
        size = conn.execute("select pg_table_size('public.note')").fetchone() or (0,)
        there = relations.there(conn, catalog.read(conn))
        for number in (1, 1000):
            begun = clock.monotonic()
            needles = Needles(people(number))
            compiled = clock.monotonic() - begun

            def ours(needles: Needles = needles) -> None:
                with conn.transaction(force_rollback=True):
                    found = database.search(conn, there, needles, Looks())
                assert not found.rows

            timed = pair(ours, lambda: _copy(conn), runs=7)
            yield (
                f"{number:,} people ({len(needles):,} spellings, compiled in {compiled:.1f} s), "
                f"{size[0] // 2**20} MB searched, against COPY: {timed}; aim <= 1.1x"
            )
        yield f"peak memory of a search for 1,000: {_peak(cluster.dsn())} MB; aim < 200 MB"


def _copy(conn: psycopg.Connection) -> None:
    with conn.cursor() as cursor, cursor.copy("copy public.note to stdout") as copy:
        for _ in copy:
            pass


def _peak(dsn: str) -> int:
    """Return the resident megabytes of a process that searches, at most."""
    command = [sys.executable, "-c", f"from bench import search; search.once({dsn!r})"]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603 - ours


def once(dsn: str) -> None:
    """Search for a thousand people, and print the most memory that it took, in MB."""
    with closing(psycopg.connect(dsn, autocommit=True)) as conn:
        session.settle(conn)
        there = relations.there(conn, catalog.read(conn))
        database.search(conn, there, Needles(people(1000)), Looks())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)  # noqa: T201 - to who asked
