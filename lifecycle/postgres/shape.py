"""What a database looks like, as immutable facts: the parts of the picture that `catalog.py` takes.

Pure: no question to a server, no decision. Names of tables are a policy's: `users` in schema `public`, else
`schema.table`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from lifecycle.errors import NotFound
from lifecycle.postgres.names import sql_parts


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `type` as PostgreSQL prints it: `uuid`, `character varying(80)`, `text[]`.

    `loose` is the name of its collation, where values that are written differently are equal by it.
    `has_default`: a row that does not say its value gets one, if by its type.
    """

    name: str
    type: str
    not_null: bool
    generated: bool
    identity: bool
    loose: str = ""
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    """Code that runs when a table is written or read: a trigger, a rule, or a function of a check, an index or a type.

    A function is named by its signature. `enabled` as in pg_trigger: O, D (disabled), R or A. `relation` is the table,
    or of a trigger a partition has for itself, that partition. `row`: it fires for each row. `pinned`: its function
    finds names by a search path of its own. `updates`: it fires when a row is updated. `digest` changes with all that
    decides what it does: definition, state, the function's source, language, owner, settings and SECURITY DEFINER, and
    the same of every function it names, and of a function each cast of the table's types that calls it.
    """

    name: str
    relation: str
    function: str
    enabled: str
    row: bool
    pinned: bool
    digest: str
    updates: bool = False


def digest_with(own: str, *more: str | None) -> str:
    """Return the digest of a function with all that belongs to it: its own where nothing does."""
    given = "".join(one for one in more if one is not None)
    return hashlib.sha256((own + given).encode()).hexdigest()[:32] if given else own


@dataclass(frozen=True, slots=True)
class Rule:
    """One by which two rows may be in each other's way: a unique index of any kind, or an exclusion.

    `own`: its columns as they stand, none of an exclusion; `columns`: with those of its expressions and condition.
    `whole`: no two rows of the table are alike in `own`.
    """

    own: frozenset[str]
    columns: frozenset[str]
    whole: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """What a partition has of its own and may differ from its parent: owner, row security, count of policies."""

    owner: str
    rls: bool
    policies: int


@dataclass(frozen=True, slots=True)
class Partition:
    """A leaf that holds rows. Bounds are along the key of the outermost table, also below sub-partitions.

    `lower` and `upper` are texts without quotes, in UTC (`2024-01-01`, `2024-01-01 00:00:00+00`); None is
    unbounded, or a list or hash partition. `bound` is the whole clause as PostgreSQL prints it. `kind` as in
    pg_class: r, f (a foreign table), or p, which is no leaf at all: partitioned again, and without one yet. `parent`
    is the table it hangs on directly. `detaching` is what is being taken off, the leaf or one above it, by name;
    it is empty for all that a query of the outermost table reads.
    """

    name: str
    lower: str | None
    upper: str | None
    default: bool
    detaching: str
    relation: Relation
    bound: str
    kind: str
    parent: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A partitioned table, the outermost or one below it, with what hangs on it directly.

    `key` is None when it has several columns or is an expression. `bound` is its own clause, empty for the outermost.
    `children` are name and clause, as PostgreSQL prints it, of each; those being detached are left out.
    """

    name: str
    strategy: str
    key: str | None
    bound: str
    children: tuple[tuple[str, str], ...]
    owner: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is nobody's partition. `kind` is `r`, `p` when partitioned, `h` when a hypertable of TimescaleDB's.

    The partitions of a hypertable are its chunks. `compressed`: it is one that TimescaleDB compresses; `batches` are
    the relations in which the rows of its compressed chunks stand, and are read with them.

    `partition_key` is the key; of a range of several columns the only one that is a date or timestamp, with the
    columns `before_key` and as many as `behind_key` after it. It is None for other keys of several columns and for
    expressions. `strategy` is `range`, `list` or `hash`. `inherits`: a child by INHERITS, so its parent's queries see
    its rows too. `estimated_rows` sums the partitions; 0 also means never analysed. `branches` are the table itself,
    when partitioned, and all partitioned tables below it. `apart`: by which two of its rows may not be alike.
    """

    name: str
    schema: str
    relname: str
    kind: str
    owner: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    rls: bool
    rls_forced: bool
    policies: tuple[str, ...]
    triggers: tuple[Trigger, ...]
    rules: tuple[Trigger, ...]
    functions: tuple[Trigger, ...]
    partition_key: str | None
    strategy: str | None
    partitions: tuple[Partition, ...]
    inherits: bool
    estimated_rows: int
    branches: tuple[Branch, ...] = ()
    apart: tuple[Rule, ...] = ()
    compressed: bool = False
    batches: tuple[str, ...] = ()
    before_key: tuple[str, ...] = ()
    behind_key: int = 0

    @property
    def unique(self) -> tuple[frozenset[str], ...]:
        """Return the columns of each unique index of all its rows."""
        return tuple(one.own for one in self.apart if one.whole)

    @property
    def nth(self) -> int:
        """Return which column of the key it is, from 0."""
        return len(self.before_key)

    @property
    def relations(self) -> tuple[str, ...]:
        """Return the table and its leaves, by name."""
        return (self.name, *(partition.name for partition in self.partitions))

    @property
    def detaching(self) -> tuple[str, ...]:
        """Return the partitions whose detach was begun and not ended: no query of the table reads what is in them."""
        pending = dict.fromkeys(part.detaching for part in self.partitions)
        return tuple(name for name in pending if name)

    def column(self, name: str) -> Column | None:
        """Return the column called `name`, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def divided_by(self, name: str) -> bool:
        """Say whether a row with another value in this column may belong into another partition, as far as known."""
        return name in (self.partition_key, *self.before_key)

    def tells_apart(self, columns: Iterable[str]) -> bool:
        """Say whether no two rows have the same values in these columns, by a unique index."""
        return any(one <= set(columns) for one in self.unique)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key between two tables, told once however many partitions either side has.

    `on_delete` as in pg_constraint: a (no action), r (restrict), c (cascade), n (set null), d (set default).
    """

    name: str
    table: str
    columns: tuple[str, ...]
    referenced: str
    referenced_columns: tuple[str, ...]
    on_delete: str
    validated: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """The picture. `materialized` are the materialized views with their owners, `views` these and all others.

    `code` is another whenever a function, trigger or rule was made, dropped or changed. `barred` are the owners whom
    the service must not act as: superusers, and whoever could let himself into the ledger.
    `taken_off` are the tables that a rule took off another one, which they were a partition of, and that one's name.
    `archive_timeout` is the server's, in seconds; None where it archives no log.
    """

    system_identifier: str
    database: str
    version: int
    extensions: Mapping[str, str]
    tables: Mapping[str, Table]
    foreign_keys: tuple[ForeignKey, ...]
    views: tuple[str, ...]
    barred: frozenset[str] = frozenset()
    code: str = ""
    taken_off: Mapping[str, str] = field(default_factory=dict[str, str])
    materialized: Mapping[str, str] = field(default_factory=dict[str, str])
    archive_timeout: int | None = None

    @property
    def digest(self) -> str:
        """Return a SHA-256 that changes with the shape of tables and foreign keys.

        It does not change with partitions or statistics: a partition made overnight must not make an erasure
        plan stale. Made anew at each call, as most readers of a catalog do not ask.
        """
        return _digest(self.tables, self.foreign_keys)

    @property
    def owners(self) -> frozenset[str]:
        """Return whoever owns a table or a leaf."""
        return frozenset(t.owner for t in self.tables.values()) | frozenset(
            p.relation.owner for t in self.tables.values() for p in t.partitions
        )

    @property
    def schemas(self) -> frozenset[str]:
        """Return the schemas in which a table or a leaf stands."""
        names = (name for table in self.tables.values() for name in table.relations)
        return frozenset(sql_parts(name)[0] for name in names)

    def owner(self, name: str) -> str:
        """Return whose a table or materialized view is, which must be there."""
        return self.materialized[name] if name in self.materialized else self.tables[name].owner

    def table(self, name: str) -> Table:
        """Return the table called `name`. Raise NotFound."""
        if name not in self.tables:
            raise NotFound(
                f"table {name} is not in database {self.database}",
                hint="Compare the policy with the database: `lifecycle policy check`.",
            )
        return self.tables[name]


_COLUMN = attrgetter("name", "type", "not_null", "generated", "identity")
_TRIGGER = attrgetter("name", "relation", "digest")
_TABLE = attrgetter(
    "name", "kind", "owner", "primary_key", "rls", "rls_forced", "policies", "partition_key"
)
_KEY = attrgetter(
    "name", "table", "columns", "referenced", "referenced_columns", "on_delete", "validated"
)


def _digest(tables: Mapping[str, Table], foreign_keys: tuple[ForeignKey, ...]) -> str:
    spelled: dict[int, str] = {}  # by identity, as equal columns are one object

    def spell(column: Column) -> str:
        text = spelled.get(id(column))
        if text is None:
            text = spelled[id(column)] = json.dumps(_COLUMN(column))
        return text

    shapes = [
        (
            _TABLE(table),
            table.strategy,
            table.inherits,
            [*map(_TRIGGER, (*table.triggers, *table.rules, *table.functions))],
            "".join([*map(spell, table.columns)]),
        )
        for table in tables.values()
    ]
    whole = json.dumps([shapes, [*map(_KEY, foreign_keys)]], check_circular=False)
    return hashlib.sha256(whole.encode()).hexdigest()
