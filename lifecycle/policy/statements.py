"""Every SQL statement with which a draft looks at rows of a managed database: counts of a sample, never a value."""

from collections.abc import Sequence

from psycopg import sql

from lifecycle.policy.unkeyed import Goal, Proposal
from lifecycle.postgres.catalog import Table
from lifecycle.postgres.names import sql_name

ROWS = 10_000
"""How many rows of a table are looked at."""

QUOTING = 500
"""In how many rows of a table it is looked whether a person is quoted: to take texts apart takes time."""

FORMS = 1_000
"""In how many rows it is looked how addresses, numbers and names are written."""

ENOUGH = 30
"""So many values must be there before it says something that all are different."""

VALUES = 1_000
"""How many different values of a column are looked for where they may lead; a fifth where to many tables."""

_MAIL = sql.SQL("nullif(lower(btrim({value}::text)), '')")
_AT = sql.SQL("count(*) filter (where s.kind = {kind} and {there})")

_BETWEEN = "\"'<>,;:(){}[]=|/\\!?&\t\r\n"
"""What stands between words that are taken apart."""

# A key that leads to somebody or is called like one, or a list of numbers. A long JSON may hold anything.
_TELLS = sql.SQL(
    r"count(*) filter (where case when octet_length({said}) <= 4000 then {said} ~ '\[\s*[0-9]' or {said} ~*"
    r" '\"[^\"]*(ids?|uuid|guid|uid|pk|key|ref|mail|phone|mobile|name|login|user|owner|person|people|member|customer"
    r"|client|patient|account|employee|actor|author|contact|sender|recipient|by|to|from)s?\"\s*:'"
    r" or {said} ~ {called} else {said} is not null end)"
)

# One word with a digit in it, something encoded, or a number behind a name: User;17.
_NO_WORDS = sql.SQL(
    r"count(*) filter (where left({said}, 4000) ~ '^\S*[0-9]\S*$|\S{{25}}|[A-Za-z_][;:/#|]+[0-9]')"
)

# An e-mail address, or a number as people write telephone numbers. A long text is neither, and is not even read.
_ALIKE = sql.SQL(
    r"count(*) filter (where case when octet_length(s.{column}) <= 320 and (strpos(s.{column}::text, '@') > 0"
    r" or strpos('+0123456789', left(ltrim(s.{column}::text), 1)) > 0) then"
    r" s.{column}::text ~ '^\s*[^@\s]+@[^@\s]+\.[a-z]+\s*$|^\s*\+?[0-9][0-9 ()/.-]{{7,18}}\s*$'"
    r" and s.{column}::text ~ '@|[ ()/+]' end)"
)


# Which of the two it is.
_MAIL_LIKE = sql.SQL(
    r"count(*) filter (where s.{column}::text ~ '^\s*[^@\s]+@[^@\s]+\.[A-Za-z]+\s*$')"
)
_PHONE_LIKE = sql.SQL(
    r"count(*) filter (where s.{column}::text ~ '^\s*\+?[0-9][0-9 ()/.-]{{7,18}}\s*$'"
    r" and s.{column}::text ~ '[ ()/+-]')"
)
# Given names and a family name, as people write them.
_NAMED = sql.SQL(
    r"count(*) filter (where case when octet_length(s.{column}) <= 120 then"
    r" s.{column}::text ~ '^\s*[[:upper:]][^0-9\s]+([ -][^0-9\s]+)*[ ,]+[[:upper:]][^0-9\s]+\s*$' end)"
)

# A number that a program made up: letters and digits in one word. It is nobody's key where no key is so.
_MADE_UP = sql.SQL(
    r"count({column}) >= {enough} and bool_and({column}::text ~"
    r" '^([A-Za-z]{{1,12}}[_-])?(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{{10,}}$')"
)


def sample(
    table: Table,
    keys: Sequence[str],
    same: Sequence[str],
    texts: Sequence[str],
    names: Sequence[str],
    people: Table,
    key: str,
) -> sql.Composed:
    """Return the query of one row: how many rows, then counts of columns.

    Of `keys` how many values, then how many different ones; of `same` how many are keys of people; of `texts` how many
    look like an address or a telephone number; of `names` how many are like the name of somebody.
    """
    known = sql.SQL(
        "count(*) filter (where exists (select from {people} as p where p.{key} = s.{column}))"
    )
    counts = [
        sql.SQL("count(*)"),
        *(sql.SQL("count(s.{})").format(sql.Identifier(name)) for name in keys),
        *(sql.SQL("count(distinct s.{})").format(sql.Identifier(name)) for name in keys),
        *(
            known.format(
                people=sql_name(people.name), key=sql.Identifier(key), column=sql.Identifier(name)
            )
            for name in same
        ),
        *(_ALIKE.format(column=sql.Identifier(name)) for name in texts),
        *(_NAMED.format(column=sql.Identifier(name)) for name in names),
    ]
    columns = [sql.Identifier(name) for name in dict.fromkeys([*keys, *same, *texts])]
    few = table.estimated_rows <= 5 * ROWS
    share = sql.SQL("") if few else sql.SQL(" tablesample system ({})").format(
        sql.Literal(100 * ROWS / table.estimated_rows)
    )  # fmt: skip
    return sql.SQL(
        "select {counts} from (select {columns} from {table}{share} limit {rows}) as s"
    ).format(
        counts=sql.SQL(", ").join(counts),
        columns=sql.SQL(", ").join(columns),
        table=sql_name(table.name),
        share=share,
        rows=sql.Literal(ROWS),
    )


def quoting(table: Table, texts: Sequence[str], names: Sequence[tuple[str, str]]) -> sql.Composed:
    """Return the query that counts the rows in whose texts a word stands in one of `names`, each (table, column)."""
    every = sql.SQL(" union ").join(
        sql.SQL("(select lower({name}::text) from {people} limit {rows})").format(
            name=sql.Identifier(name), people=sql_name(people), rows=sql.Literal(ROWS)
        )
        for people, name in names
    )
    return sql.SQL(
        "with known(word) as materialized ({every})"
        " select count(distinct s.row) from (select row_number() over () as row, concat_ws(' ', {texts}) as said"
        " from {table} limit {rows}) as s"
        " cross join string_to_table(translate(lower(left(s.said, 2000)), {between}, {space}), ' ') as w(word)"
        " join known on known.word = rtrim(w.word, '.') where length(w.word) >= 4"
    ).format(
        every=every,
        texts=sql.SQL(", ").join(sql.Identifier(name) for name in texts),
        table=sql_name(table.name),
        rows=sql.Literal(QUOTING),
        between=sql.Literal(_BETWEEN),
        space=sql.Literal(" " * len(_BETWEEN)),
    )


def telling(
    table: Table, json: Sequence[str], texts: Sequence[str], called: Sequence[str]
) -> sql.Composed:
    """Return the query of one row: in how many rows each JSON and each text may tell of somebody.

    `called`: columns that name people, plain names: JSON with such a key may be an image of their row.
    """
    keys = sql.Literal(f'"({"|".join(called)})"\\s*:' if called else "^$")
    columns = [sql.Identifier(name) for name in (*json, *texts)]
    counts = [
        *(_TELLS.format(said=sql.Identifier("s", name), called=keys) for name in json),
        *(_NO_WORDS.format(said=sql.Identifier("s", name)) for name in texts),
    ]
    return sql.SQL("select {counts} from (select {columns} from {table} limit {rows}) as s").format(
        counts=sql.SQL(", ").join(counts),
        columns=sql.SQL(", ").join(sql.SQL("{0}::text as {0}").format(c) for c in columns),
        table=sql_name(table.name),
        rows=sql.Literal(QUOTING),
    )


def forms(table: Table, texts: Sequence[str]) -> sql.Composed:
    """Return the query of one row: of each text how many values, addresses, telephone numbers, names."""
    each = [
        count.format(column=sql.Identifier(name))
        for name in texts
        for count in (sql.SQL("count(s.{column})"), _MAIL_LIKE, _PHONE_LIKE, _NAMED)
    ]
    return sql.SQL("select {each} from (select {texts} from {table} limit {rows}) as s").format(
        each=sql.SQL(", ").join(each),
        texts=sql.SQL(", ").join(
            sql.SQL("case when octet_length({0}) <= 320 then {0} end as {0}").format(
                sql.Identifier(name)
            )
            for name in texts
        ),
        table=sql_name(table.name),
        rows=sql.Literal(FORMS),
    )


def one_word_each(table: Table, texts: Sequence[str]) -> sql.Composed:
    """Return the query of one row that says of each text column whether every value is one word, and is there once."""
    each = sql.SQL(
        "count({column}) >= {enough} and count({column}) = count(distinct {column}::text)"
        " and bool_and({column}::text ~ '^\\S{{4,60}}$')"
    )
    return sql.SQL("select {each} from (select * from {table} limit {rows}) as s").format(
        each=sql.SQL(", ").join(
            each.format(column=sql.Identifier(name), enough=sql.Literal(ENOUGH)) for name in texts
        ),
        table=sql_name(table.name),
        rows=sql.Literal(ROWS),
    )


def common(table: Table, pairs: Sequence[tuple[str, str]]) -> sql.Composed:
    """Return the query of one row: how many different values both columns of a pair have, and rows with one in both."""
    one = sql.SQL(
        "(select count(*) from (select {a} from s where {a} is not null intersect select {b} from s) as c),"
        " (select count(*) from s where {a} = {b})"
    )
    return sql.SQL(
        "with s as materialized (select {columns} from {table} limit {rows}) select {counts}"
    ).format(
        columns=sql.SQL(", ").join(
            sql.Identifier(n) for n in dict.fromkeys(name for pair in pairs for name in pair)
        ),
        table=sql_name(table.name),
        rows=sql.Literal(ROWS),
        counts=sql.SQL(", ").join(
            one.format(a=sql.Identifier(a), b=sql.Identifier(b)) for a, b in pairs
        ),
    )


def made_up(table: Table, texts: Sequence[str]) -> sql.Composed:
    """Return the query of one row that says of each text column whether all its values were made up by a program."""
    return sql.SQL("select {each} from (select * from {table} limit {rows}) as s").format(
        each=sql.SQL(", ").join(
            _MADE_UP.format(column=sql.Identifier(name), enough=sql.Literal(ENOUGH))
            for name in texts
        ),
        table=sql_name(table.name),
        rows=sql.Literal(ROWS),
    )


def spelled(table: Table, type_: str, words: Sequence[str]) -> sql.Composed:
    """Return the query of those of `words` that stand in a type column."""
    return sql.SQL(
        "select w.word from unnest({words}::text[]) as w(word) where w.word in"
        " (select s.{type}::text from (select {type} from {table} limit {rows}) as s)"
    ).format(
        words=sql.Literal(list(words)),
        type=sql.Identifier(type_),
        table=sql_name(table.name),
        rows=sql.Literal(ROWS),
    )


def kinds(table: Table, names: Sequence[str]) -> sql.Composed:
    """Return the query of the key and the table's name of each type that a table lists, of names that are ours."""
    return sql.SQL(
        "select k.kind, k.name from (select {key}::text as kind, app_label::text || '_' || model::text as name"
        " from {table} limit {rows}) as k where k.name in (select n.name from unnest({names}::text[]) as n(name))"
    ).format(
        key=sql.Identifier(table.primary_key[0]),
        table=sql_name(table.name),
        rows=sql.Literal(ROWS),
        names=sql.Literal(list(names)),
    )


def found(table: Table, asked: Proposal) -> sql.Composed:
    """Return the query of one row: how many different values a column has, and how many of them are at each goal."""
    columns = [sql.Identifier(name) for name in asked.columns]
    values = [_MAIL.format(value=column) if asked.mail else column for column in columns]
    kind = sql.SQL("{}::text").format(sql.Identifier(asked.type)) if asked.type else sql.SQL("''")
    counts = [
        sql.SQL("count(*)"),
        *(
            _AT.format(kind=sql.Literal(goal.spelled), there=_there(goal, mail=asked.mail))
            for goal in asked.goals
        ),
    ]
    return sql.SQL(
        "select {counts} from (select distinct {values}, {kind} from"
        " (select * from {table} limit {rows}) as r where {there} limit {some}) as s ({names}, kind)"
    ).format(
        counts=sql.SQL(", ").join(counts),
        values=sql.SQL(", ").join(values),
        kind=kind,
        there=sql.SQL(" and ").join(sql.SQL("{} is not null").format(c) for c in columns),
        names=sql.SQL(", ").join(sql.Identifier(f"v{n}") for n in range(len(columns))),
        table=sql_name(table.name),
        rows=sql.Literal(ROWS),
        some=sql.Literal(VALUES if len(asked.goals) < ENOUGH else VALUES // 5),
    )


def _there(goal: Goal, *, mail: bool) -> sql.Composed:
    """Return the condition that a value is at a goal."""
    if mail:
        return sql.SQL("s.v0 in (select {key} from {goal} limit {rows})").format(
            key=_MAIL.format(value=sql.Identifier(goal.keys[0])),
            goal=sql_name(goal.table),
            rows=sql.Literal(ROWS),
        )
    same = [
        sql.SQL("{} = {}").format(sql.Identifier("p", key), sql.Identifier("s", f"v{n}"))
        for n, key in enumerate(goal.keys)
    ]
    return sql.SQL("exists (select from {goal} as p where {same})").format(
        goal=sql_name(goal.table), same=sql.SQL(" and ").join(same)
    )
