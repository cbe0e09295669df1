"""Applies the product's own tables: the numbered SQL files of the ledger and of each room.

A file is never edited after a release: what is applied is remembered with its digest, and a file that no
longer matches is refused. Run by an administrator (`lifecycle init`), never by the service.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import Refused

_TABLE = """
    create table if not exists lifecycle.migration (
        name text primary key,
        digest text not null,
        applied_at timestamptz not null default clock_timestamp())
"""
_APPLIED = "select name, digest from lifecycle.migration"
_REMEMBER = "insert into lifecycle.migration (name, digest) values (%(name)s, %(digest)s)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file; `name` is `<package>/<file>`."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the file, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations(packages: Sequence[str]) -> Iterator[Migration]:
    """Yield the SQL files of each package's `sql` folder, in the order in which they are applied."""
    for package in packages:
        folder = files(package) / "sql"
        if folder.is_dir():
            for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
                if file.name.endswith(".sql"):
                    text = file.read_text(encoding="utf-8")
                    yield Migration(f"{package}/{file.name}", text)


def missing(conn: Connection[TupleRow], packages: Sequence[str]) -> tuple[Migration, ...]:
    """Return what has not been applied. Raise Refused when an applied file was changed since."""
    applied = dict(conn.execute(_APPLIED).fetchall())
    newer = set(applied) - {migration.name for migration in migrations(packages)}
    if newer:
        raise Refused(
            f"this database was prepared by a newer release (it has {', '.join(sorted(newer))})",
            hint="Install that release; an older one does not know what the newer one keeps here.",
        )
    for migration in migrations(packages):
        if applied.get(migration.name, migration.digest) != migration.digest:
            raise Refused(
                f"{migration.name} is not the file that was applied to this database",
                hint="Install the version of Lifecycle that made this schema, or a later release.",
            )
    return tuple(m for m in migrations(packages) if m.name not in applied)


def to_do(conn: Connection[TupleRow], packages: Sequence[str]) -> tuple[Migration, ...]:
    """Return what `migrate` would apply. Raise Refused as `missing` does; changes nothing."""
    known = conn.execute("select to_regclass('lifecycle.migration') is not null").fetchone()
    return missing(conn, packages) if known and known[0] else tuple(migrations(packages))


def render(todo: Sequence[Migration]) -> list[str]:
    """Return these migrations with their remembering, as SQL text for psql."""
    remember = "insert into lifecycle.migration (name, digest) values ('{}', '{}');"
    texts = [f"{_TABLE.strip()};"]
    for migration in todo:
        texts.append(f"-- {migration.name}\n{migration.text.rstrip()}")
        texts.append(remember.format(migration.name, migration.digest))
    return texts
