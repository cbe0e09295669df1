"""Which tables a person of one kind is in, and what becomes of their rows. Pure: policy and catalog only.

Four ways to be in a table: rows that are theirs go; rows that are kept lose what names them; columns of other
people's rows that point to them or to what is theirs become null, or name the tombstone; the audit log is
anonymised. A foreign key that is none of these holds somebody else's row onto a row that goes (`hanging.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from psycopg import sql

from audit.section import SECTION as AUDIT
from gdpr import hanging, words
from gdpr.texts import searchable
from lifecycle.errors import Refused
from lifecycle.policy import graph, reality, taken_off, triggers, virtual
from lifecycle.policy.model import Owner, Parties, Policy, SharedBy
from lifecycle.policy.people import Subject, Value
from lifecycle.postgres.catalog import Catalog, Column, ForeignKey, Table
from lifecycle.postgres.names import sql_name


@dataclass(frozen=True, slots=True)
class Mention:
    """A column or reference of `table` that may point, by `keys`, to somebody or to what goes with them.

    `columns` are those that are emptied. `stone`: the value that is put there instead, of whoever stands for the gone.
    `half`: the row is the person's as well, and stays for its other parties.
    """

    table: str
    word: str
    columns: tuple[str, ...]
    keys: tuple[ForeignKey, ...]
    stone: Value | None = None
    half: bool = False

    @property
    def name(self) -> str:
        """Return `table.column`."""
        return f"{self.table}.{self.word}"


@dataclass(frozen=True, slots=True)
class Reach:
    """Everything an erasure touches. `deleted` stands children first."""

    policy: Policy
    catalog: Catalog
    kind: str
    deleted: tuple[str, ...]
    kept: tuple[str, ...]
    mentions: tuple[Mention, ...]
    hanging: tuple[ForeignKey, ...]

    @property
    def subject(self) -> Subject:
        """Return how people of this kind are identified."""
        return self.policy.subjects[self.kind]

    def key(self) -> Column:
        """Return the key column of the people's own table."""
        return self.column(self.subject.table, self.subject.key)

    @property
    def compressed(self) -> tuple[str, ...]:
        """Return the tables of the person's own rows that TimescaleDB compresses: these go by themselves."""
        return tuple(name for name in self.deleted if self.table(name).compressed)

    def table(self, name: str) -> Table:
        """Return a table of the live database. Raise NotFound."""
        return self.catalog.table(name)

    def redacts(self, table: str) -> tuple[str, ...]:
        """Return the columns out of which the values of a person are taken, in rows of others."""
        said = self.policy.tables.get(table)
        return tuple(c for c, how in said.quotes.items() if how == "redact") if said else ()

    def computed(self, table: str) -> tuple[str, ...]:
        """Return the columns that are computed from others of their row: generated, or set by a declared trigger."""
        sets = triggers.set_by(self.policy, table) or ()
        return tuple(
            column.name
            for column in searchable(self.table(table))
            if (column.generated or column.name in sets)
            and column.name not in self.policy.tables[table].quotes
        )

    def looked_at(self, table: str) -> tuple[str, ...]:
        """Return the columns that are looked at where values are taken out of some of them."""
        redacts = self.redacts(table)
        return (*redacts, *self.computed(table)) if redacts else ()

    def cleared(self, table: str) -> tuple[str, ...]:
        """Return the columns that a row of the person's loses which is kept: as a party also their half of it."""
        keep = self.policy.tables[table].keep if table in self.kept else None
        how = self.owner(table)
        halves = how.party.values() if isinstance(how, Parties) else ()
        also = (column for half in halves for column in half)
        return tuple(dict.fromkeys((*keep.clear, *also))) if keep else ()

    @property
    def redacting(self) -> tuple[str, ...]:
        """Return the tables that have such columns."""
        return tuple(name for name in self.policy.tables if self.redacts(name))

    def tables(self) -> tuple[Table, ...]:
        """Return every table in which rows go or change, or are looked for by whose they are."""
        log = AUDIT.of(self.policy)
        names = [*self.deleted, *self.kept, *(mention.table for mention in self.mentions)]
        names += self.redacting
        return tuple(map(self.table, dict.fromkeys([*names, *([log.table] if log else [])])))

    def column(self, table: str, name: str) -> Column:
        """Return a column of the live database. Raise Refused when it is not there."""
        found = self.catalog.table(table).column(name)
        if found is None:
            raise Refused(
                f"{table} has no column {name}, which the policy names",
                hint="Compare the policy with the database: `lifecycle policy check`.",
            )
        return found

    def owner(self, table: str) -> Owner | None:
        """Return how rows of `table` belong to people of this kind; None when they do not."""
        return (self.policy.tables[table].owner or {}).get(self.kind)

    def ways(self, table: str) -> tuple[ForeignKey, ...]:
        """Return the foreign keys by which rows of `table` belong to whoever owns the row they point to."""
        return graph.ways(self.policy, self.catalog, table, self.kind)

    def side(self, table: str, name: str, kind: str | None = None) -> tuple[ForeignKey, ...]:
        """Return the keys and references by which one party of a row is named, of this kind of people or another.

        Raise Refused without any.
        """
        kind = kind or self.kind
        keys = tuple(
            key
            for key in self.catalog.foreign_keys
            if key.table == table
            and name in virtual.names(key)
            and kind in (self.policy.tables[key.referenced].owner or {})
        )
        if not keys:
            raise Refused(
                f"{table}.{name} leads to no {kind}, and is said to be a party",
                hint="Compare the policy with the database: `lifecycle policy check`.",
            )
        return keys

    def stones(self, table: str, name: str) -> tuple[tuple[str, ForeignKey, Value], ...]:
        """Return (kind, key to the people themselves, value) of each tombstone that a party of a row may be."""
        return tuple(
            (kind, key, stone[key.referenced_columns[0]])
            for kind, how in self._parties(table)
            if name in how.party and (stone := self.policy.subjects[kind].tombstone)
            for key in self.side(table, name, kind)
            if key.referenced == self.policy.subjects[kind].table
            and len(key.columns) == 1
            and key.referenced_columns[0] in stone
        )

    def stone_of(self, table: str, name: str) -> Value | None:
        """Return what stands for a party who is gone, where that column may not be NULL."""
        column = self.table(table).column(name)
        if column is None or not column.not_null:
            return None
        stones = self.stones(table, name)
        return next((stone for kind, _, stone in stones if kind == self.kind), None)

    def parties(self, table: str) -> tuple[str, ...]:
        """Return what names each party of its rows, of any kind of people: while one is there, the row stays."""
        return tuple(dict.fromkeys(name for _, how in self._parties(table) for name in how.party))

    def _parties(self, table: str) -> tuple[tuple[str, Parties], ...]:
        owner = self.policy.tables[table].owner or {}
        return tuple((kind, how) for kind, how in owner.items() if isinstance(how, Parties))

    def sharing(self) -> tuple[str, ...]:
        """Return the columns of the people's table by which people share a row of another table."""
        return tuple(
            how.shared_by.rpartition(".")[2]
            for how in (self.owner(table) for table in self.deleted)
            if isinstance(how, SharedBy)
        )

    def others_sharing(self, table: str, shared: SharedBy) -> tuple[SharedBy, ...]:
        """Return how people of other kinds share its rows by columns of theirs: while one does, the row stays."""
        owner = self.policy.tables[table].owner or {}
        return tuple(
            dict.fromkeys(
                how for how in owner.values() if isinstance(how, SharedBy) and how != shared
            )
        )

    def relation(self, table: str) -> sql.Composed:
        """Return a table as a statement names the rows that its own sentence is about.

        Those of tables that inherit from it are spoken of by theirs.
        """
        name = sql_name(table)
        only = sql.SQL("only {}" if self.table(table).kind == "r" else "{}")
        return only.format(name)

    def shared_key(self, table: str, shared: SharedBy) -> tuple[str, str]:
        """Return (column of the people's table, column of `table` that it points to)."""
        people, _, column = shared.shared_by.rpartition(".")
        for key in self.catalog.foreign_keys:
            if (key.table, key.columns, key.referenced) == (people, (column,), table):
                return column, key.referenced_columns[0]
        raise Refused(
            f"{shared.shared_by} is no foreign key to {table}, so nobody can say who shares its rows",
            hint="Correct `shared_by` in the policy, or add the foreign key.",
        )


def reach(policy: Policy, catalog: Catalog, kind: str) -> Reach:
    """Return what an erasure of a person of this kind touches.

    Raise Refused when the policy does not fit the database, or there is no order to delete in: a table, column
    or foreign key that the policy does not know may hold the person too.
    """
    policy = taken_off.declared(policy, catalog)
    reality.must_fit(policy, catalog)
    if said := words.beyond(policy):
        raise Refused(
            f"the policy says what an erasure cannot carry out yet: {', '.join(said)}",
            hint="Nothing was touched, and nobody is erased under this policy; see docs/whose.md.",
        )
    catalog = virtual.joined(policy, catalog)
    deleted = graph.order(policy, catalog, kind)
    log = AUDIT.of(policy)
    kept = tuple(
        name
        for name, table in policy.tables.items()
        if table.keep and table.owner and kind in table.owner and not (log and name == log.table)
    )
    found = Reach(policy, catalog, kind, deleted, kept, (), ())
    return replace(found, mentions=tuple(_mentions(found)), hanging=hanging.keys(found))


def columns_only(policy: Policy, catalog: Catalog, kind: str) -> Reach:
    """Return of a policy that no erasure can carry out yet what can be told of it: the rows that a column gives them.

    To look at, never to erase by. Raise Refused when the policy does not fit the database.
    """
    policy = taken_off.declared(policy, catalog)
    reality.must_fit(policy, catalog)
    plain = tuple(
        name
        for name, table in policy.tables.items()
        if isinstance((table.owner or {}).get(kind), str) and not table.keep
    )
    return Reach(policy, virtual.joined(policy, catalog), kind, plain, (), (), ())


def _mentions(found: Reach) -> Iterator[Mention]:
    stone = found.subject.tombstone or {}
    for name, table in found.policy.tables.items():
        for word in dict.fromkeys((*table.emptied, *table.author)):
            keys = tuple(
                key
                for key in found.catalog.foreign_keys
                if key.table == name
                and word in virtual.names(key)
                and key.referenced in found.deleted
            )
            if keys:
                named = table.author.get(word) == "tombstone"
                value = stone[keys[0].referenced_columns[0]] if named else None
                yield Mention(name, word, virtual.emptied(table, word), keys, value)
    for name in (*found.deleted, *found.kept):
        how = found.owner(name)
        for word, others in how.party.items() if isinstance(how, Parties) else ():
            yield from _half(found, name, word, others)


def _half(found: Reach, table: str, word: str, others: tuple[str, ...]) -> Iterator[Mention]:
    """Yield what is emptied of a party's half: by the word that names the party, so that word comes last."""
    keys, stone = found.side(table, word), found.stone_of(table, word)
    named = virtual.emptied(found.policy.tables[table], word)
    if stone is None:
        yield Mention(table, word, (*named, *others), keys, half=True)
        return
    if others:
        yield Mention(table, ", ".join(others), others, keys, half=True)
    yield Mention(table, word, named, keys, stone, half=True)
