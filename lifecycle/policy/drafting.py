"""What a draft knows while it is made: the people, whose each table is so far, and what was seen of the rows.

Pure. It answers what `whose.py` proposes by and `doubts.py` and `nobodys.py` ask about: who stands in a row, and how.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lifecycle.policy import guess, habits, lookalikes, virtual
from lifecycle.policy.model import Owner, Through
from lifecycle.policy.seen import Evidence
from lifecycle.postgres.catalog import Catalog, ForeignKey, Table

ENOUGH = 30
"""Values from which on the share of different ones says something."""

FEW = 0.3
"""Fewer different people than this, of as many as could be, are those who write and not those who are written about."""

NEARLY = 0.95
"""A column that is filled in so many rows is filled in all that count."""

HALF = 0.5
"""A table of people of whom fewer than this share are the people asked about holds people of another kind."""

_WORDS = ("text", "jsonb", "json", "xml", "bytea", "text[]")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is asked about: the people, how each table is owned so far, and what was seen of its rows.

    `selves`: the people's table, and each that has one row per person, as patients have for users: to point there is to
    name the person. `settled`: tables of which a policy says already whose they are, with their owner of this kind of
    people or None: of them nothing is asked, and all the rest follows from them.
    """

    catalog: Catalog
    people: Table
    key: str
    owners: Mapping[str, Owner]
    seen: Evidence
    selves: frozenset[str] = frozenset()
    settled: Mapping[str, Owner | None] = field(default_factory=dict[str, Owner | None])
    _leading: Mapping[str, tuple[ForeignKey, ...]] = field(init=False, repr=False)
    _decided: bool = field(init=False, repr=False)
    _likely: frozenset[str] = field(init=False, repr=False)
    inherits: bool = field(init=False, repr=False)
    """Whether any table inherits from another."""

    def __post_init__(self) -> None:
        """Put the keys beside their tables once, and how people are called: they are asked for thousands of times."""
        found: dict[str, list[ForeignKey]] = {}
        for key in self.catalog.foreign_keys:
            if key.referenced != key.table:
                found.setdefault(key.table, []).append(key)
        object.__setattr__(self, "_leading", {name: tuple(keys) for name, keys in found.items()})
        real = [k for k in self.catalog.foreign_keys if not isinstance(k, virtual.Virtual)]
        free = [k for k in real if not self.always(k)]
        held = sum(key.on_delete in ("a", "r") for key in free)
        object.__setattr__(self, "_decided", len(free) < ENOUGH or 20 * held > len(free))
        object.__setattr__(self, "_likely", self._called())
        object.__setattr__(self, "inherits", any(t.inherits for t in self.catalog.tables.values()))

    def blind(self, table: str) -> bool:
        """Say whether no row of a table was seen: it has none, or there was no time or right to look."""
        return not self.seen.rows.get(table)

    def naming(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table that point to a person by foreign key."""
        keys = [k for k in self.leading(table) if not virtual.loose(k)]
        return tuple(dict.fromkeys(k.columns[-1] for k in keys if k.referenced in self.selves))

    def person(self, table: str) -> str | None:
        """Return the column that names the owner of a row; None where it is reached by another row, or shared."""
        match self.owners.get(table):
            case str(column):
                return column
            case Through(through=columns) if columns == self.pair(table):
                return columns[0]
            case Through(through=columns) if columns[-1] in self.naming(table) and self._one(
                table, columns
            ):
                return columns[-1]
            case _:
                return None

    def _one(self, table: str, columns: tuple[str, ...]) -> bool:
        return any(virtual.words(k) == columns for k in self.leading(table))

    def leading(self, table: str) -> tuple[ForeignKey, ...]:
        """Return the foreign keys of a table, but for those to itself."""
        return self._leading.get(table, ())

    def ways(self, table: str, how: Through) -> tuple[ForeignKey, ...]:
        """Return the keys by which a row is reached."""
        return tuple(
            k
            for k in self.leading(table)
            if k.referenced in self.owners and virtual.names(k) <= set(how.through)
        )

    def always(self, key: ForeignKey) -> bool:
        """Say whether every row has this reference."""
        table = self.catalog.tables[key.table]
        return all((c := table.column(name)) is not None and c.not_null for name in key.columns)

    def filled(self, table: str, column: str) -> bool:
        """Say whether every row has a value in this column, by the schema."""
        found = self.catalog.tables[table].column(column)
        return found is not None and found.not_null

    def as_good_as_always(self, key: ForeignKey) -> bool:
        """Say whether every row has this reference, by the schema; or as rows say, several to each that they point to.

        One to each may be a way back, as from a topic to its first post, and so may what points to one another.
        """
        if self.always(key):
            return True
        seen = self.seen.of(key.table, key.columns[-1])
        back = any(k.referenced == key.table for k in self.leading(key.referenced))
        several = seen.filled >= ENOUGH and 4 * seen.distinct <= 3 * seen.filled
        full = self.share(key.table, key.columns[-1]) >= NEARLY
        return several and full and not back and key.on_delete not in ("n", "d")

    def many(self, table: str, column: str) -> bool:
        """Say whether so many different people stand in a column that the rows are about them, as far as was seen."""
        seen = self.seen.of(table, column)
        everybody = self.seen.rows.get(self.people.name) or seen.filled
        return seen.filled >= ENOUGH and seen.distinct >= FEW * min(seen.filled, everybody)

    def few(self, table: str, column: str) -> bool:
        """Say whether few people stand in many rows: they wrote them."""
        return self.seen.of(table, column).filled >= ENOUGH and not self.many(table, column)

    def wrote(self, table: str, column: str) -> bool:
        """Say whether whoever a column names only wrote the rows: few did, and it is called so."""
        return habits.author(column) and self.few(table, column)

    def seldom(self, table: str, column: str) -> bool:
        """Say whether as few as a staff stand in many rows, in a column that is called like one who writes them."""
        enough = self.seen.of(table, column).filled >= ENOUGH
        return enough and habits.writer(column) and self.rare(table, column)

    def staff(self, table: str, column: str) -> bool:
        """Say whether so few people stand in so many rows that they did their work there."""
        seen = self.seen.of(table, column)
        return self.rare(table, column) and seen.filled >= 20 * seen.distinct

    def rare(self, table: str, column: str) -> bool:
        """Say whether at most one of ten people stands in a column, as those who work there do."""
        everybody = self.seen.rows.get(self.people.name, 0)
        return 0 < 10 * self.seen.of(table, column).distinct <= everybody

    def pair(self, table: str) -> tuple[str, ...]:
        """Return the two columns of a table that says of two people that they have to do with each other, and no more.

        Such a row says nothing without either of them. Nor does one that the database itself ends with either.
        """
        naming, words = self.naming(table), self.words(table)
        keys = [k for k in self.leading(table) if k.columns[-1] in naming]
        ends = [k.on_delete for k in keys] == ["c", "c"] and not any(map(habits.author, naming))
        two = len(naming) == 2 and all(
            self.many(table, n) and not habits.author(n) and not habits.side(n) for n in naming
        )
        straight = all(len(k.columns) == 1 for k in keys)
        bare = two and not words
        return naming if len(naming) == 2 and straight and (bare or ends) else ()

    def words(self, table: str) -> list[str]:
        """Return the columns in which something can be said: but for people and of which kind a row is."""
        return [
            c.name
            for c in self.catalog.tables[table].columns
            if c.name not in self.naming(table)
            and lookalikes.family(c.type) in _WORDS
            and not habits.sort(c.name)
        ]

    def aside(self, table: str, column: str, owner: str) -> bool:
        """Say whether a person stands in a row beside its `owner` as one who wrote it or has to do with it.

        By name; or as few do in many rows, while those who own them are many: as few as a staff is, or called so.
        """
        about = self.many(table, owner) and not habits.author(owner)
        staff = habits.author(column) or self.rare(table, column)
        return (
            self.wrote(table, column)
            or (habits.wrote(column) and about)
            or (self.few(table, column) and about and staff)
        )

    def has_a_login(self, table: str, column: str) -> bool:
        """Say whether rows have a login each, and others point to them: teachers beside students."""
        logins = {t.name for t in guess.logins(self.catalog, self.people)}
        by_login = any(k.referenced in logins and column in k.columns for k in self.leading(table))
        pointed = sum(k.referenced == table != k.table for k in self.catalog.foreign_keys)
        seen = self.seen.of(table, column)
        return by_login and seen.filled == seen.distinct > 0 and pointed > 1

    def may_name_nobody(self, table: str, column: str) -> bool:
        """Say whether a column can name nobody when the person is gone: NULL, or the row that stands for them."""
        found = self.catalog.tables[table].column(column)
        return found is not None and (
            not found.not_null
            or any(self.to_people(k) for k in self.leading(table) if column in k.columns)
        )

    def beside(self, table: str, column: str) -> bool:
        """Say whether a column leads past the people's table, as to their logins: an erasure looks before it writes."""
        ends = {k.referenced for k in self.leading(table) if k.columns[-1] == column}
        return self.people.name not in ends

    def to_people(self, key: ForeignKey) -> bool:
        """Say whether a key leads to the people's table by their key alone."""
        return (key.referenced, key.referenced_columns) == (self.people.name, (self.key,))

    def freed(self, table: str, column: str) -> bool:
        """Say whether the database itself lets go of the person and keeps the row, as somebody has decided.

        Nobody has where every key that may be NULL is so: some tools write it by themselves.
        """
        keys = [k for k in self.leading(table) if column in k.columns]
        return any(k.on_delete == "n" for k in keys) and (self._decided or habits.author(column))

    def share(self, table: str, column: str) -> float:
        """Return which share of the rows that were seen has a value in this column."""
        rows = self.seen.rows.get(table, 0)
        return self.seen.of(table, column).filled / rows if rows else 1.0

    def likely(self) -> frozenset[str]:
        """Return the names that a column has that leads to these people: patient_id."""
        return self._likely

    def _called(self) -> frozenset[str]:
        tables = [self.catalog.tables[name] for name in self.selves]
        key = {self.people.name: self.key}
        return frozenset(
            word
            for table in tables
            for word, _ in lookalikes.facts(
                guess.kind(table), table, key.get(table.name) or guess.key(self.catalog, table), ()
            )
        )
