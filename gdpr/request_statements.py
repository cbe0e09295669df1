"""Every statement this room says about requests. Names through identifiers, values only as parameters."""

from psycopg import sql

from gdpr.section import Requests
from lifecycle.postgres.names import sql_name

# Sums of dates must stay within the years that Python counts, 1 to 9999; nobody asked, or waits, beyond these. Compared
# before it is cast: a date of the year 200000 is no timestamp.
_HELD = sql.SQL("""
    case when t.{column} >= '1900-01-01 00:00Z'::timestamptz and t.{column} < '9000-01-01 00:00Z'::timestamptz
         then t.{column}::timestamptz end""")
_ALL = sql.SQL("""
        select t.{key}::text, t.{subject}::text,
               {asked_at}, {due_at},
               (t.{status}::text = %(completed)s) is true, (t.{status}::text = %(cancelled)s) is true,
               (t.{status}::text = %(processing)s) is true
          from {table} as t where {which}""")
# A yes, or the moment at which somebody was sure.
_VERIFIED = sql.SQL("(coalesce(t.{}::text, 'false') <> 'false')")
_OPEN = sql.SQL("(t.{status}::text in (%(completed)s, %(cancelled)s)) is not true")


def open_requests(requests: Requests) -> sql.Composed:
    """Return the query of all requests neither answered nor cancelled: key, person, status, asked, due, verified.

    A status that is empty or no word of the policy is among them: who asked in other words has asked.
    A date that is empty, infinite or odd is NULL.
    """
    return sql.SQL("""
        select t.{key}::text, t.{subject}::text, t.{status}::text,
               {asked_at}, {due_at}, {is_verified}
          from {table} as t where {is_open} order by t.{due}, t.{key}""").format(
        **_request(requests)
    )


def all_requests(requests: Requests) -> sql.Composed:
    """Return the query of all requests ever made: id, person, asked, due, whether answered, withdrawn, begun.

    A date that is empty, infinite or odd is NULL here, and says that nobody can judge the request by it.
    """
    return _ALL.format(which=sql.SQL("true"), **_request(requests))


def requests_by_key(requests: Requests) -> sql.Composed:
    """Return the same query of those alone whose key is one of %(requests)s."""
    named = _request(requests)
    which = sql.SQL("t.{key}::text = any(%(requests)s)").format(key=named["key"])
    return _ALL.format(which=which, **named)


def claim_request(requests: Requests) -> sql.Composed:
    """Return the compare-and-set that takes a request: a cancellation comes before it or not at all.

    It must be verified still, and its dates must be those by which it was judged due: whoever is given more time keeps
    it. And its person must be the one who was surveyed.
    """
    return sql.SQL("""
        update {table} as t set {status} = %(processing)s
         where t.{key} = %(request)s and t.{status} = %(pending)s
           and t.{subject}::text is not distinct from %(person)s
           and t.{requested} = %(requested)s::timestamptz and t.{due} = %(due)s::timestamptz and {is_verified}
        returning t.{subject}::text""").format(**_request(requests))


def cancel_request(requests: Requests) -> sql.Composed:
    """Return the compare-and-set that takes a request back for its person: it wins against the claim or loses."""
    return sql.SQL("""
        update {table} as t set {status} = %(cancelled)s
         where t.{key}::text = %(request)s and t.{status} = %(pending)s
           and t.{subject}::text is not distinct from %(person)s""").format(**_request(requests))


def receive_request(requests: Requests) -> sql.Composed:
    """Return the insert of a request of %(person)s; it returns the key that the table gave it."""
    sure = requests.verified
    return sql.SQL("""
        insert into {table} as t ({subject}, {requested}, {due}, {status}{verified})
        values (%(person)s, %(requested)s, %(due)s, %(pending)s{sure}) returning t.{key}::text""").format(
        verified=sql.SQL(", {}").format(sql.Identifier(sure)) if sure else sql.SQL(""),
        sure=sql.SQL(", %(verified)s") if sure else sql.SQL(""),
        **_request(requests),
    )


def requests_of_person(requests: Requests) -> sql.Composed:
    """Return the query of the person's requests that are not answered."""
    return sql.SQL("""
        select t.{key}::text from {table} as t
         where t.{subject}::text = %(subject_text)s
           and t.{status} in (%(pending)s, %(processing)s) order by 1""").format(
        **_request(requests)
    )


def complete(requests: Requests) -> sql.Composed:
    """Return the update that answers those of %(requests)s that are the erased person's, or nobody's any more."""
    tables = sql.SQL(", {} = %(tables)s").format(sql.Identifier(requests.tables or ""))
    return sql.SQL("""
        update {table} as t set {status} = %(completed)s, {completed} = %(now)s{tables}
         where t.{key}::text = any(%(requests)s)
           and (t.{subject} is null or t.{subject}::text = %(subject_text)s)
           and t.{status} in (%(pending)s, %(processing)s)""").format(
        tables=tables if requests.tables else sql.SQL(""), **_request(requests)
    )


def _request(requests: Requests) -> dict[str, sql.Composable]:
    named = requests.model_dump(
        include={"key", "subject", "requested", "due", "status", "completed"}
    )
    names = {part: sql.Identifier(column) for part, column in named.items()}
    return {
        **names,
        "table": sql_name(requests.table),
        "asked_at": _HELD.format(column=names["requested"]),
        "due_at": _HELD.format(column=names["due"]),
        "is_open": _OPEN.format(status=names["status"]),
        "is_verified": _VERIFIED.format(sql.Identifier(requests.verified))
        if requests.verified
        else sql.SQL("true"),
    }
