"""What somebody has to do where the planner goes on keeping samples that quote a person. Reads only."""

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements
from lifecycle.postgres.owners import analyze


def hint(conn: Connection[TupleRow], table: str) -> str:
    """Return what to do so that the planner forgets the samples of a table that quote the person."""
    again = "The request stays open; then `lifecycle run gdpr.erase` proves it."
    if conn.execute(statements.populated(table)).fetchone() == (False,):
        fill = f"`{statements.refresh(table).as_string()};` and `{analyze(table).as_string()};`"
        return f"It is a materialized view without data. As its owner {fill}. {again}"
    keeps = conn.execute(statements.analyze_keeps(table)).fetchone()
    assert keeps is not None
    empty, zero, orphaned = keeps
    anew = f"`{analyze(table).as_string()};`"
    forget = f"as a superuser: `{statements.forget_samples(table).as_string()};`"
    if orphaned:
        return f"Child tables are gone, and ANALYZE keeps what was sampled of their rows: {forget}. {again}"
    if empty:
        return (
            "No row is left, and ANALYZE then keeps the former samples. As the table's owner put a row in, "
            f"{anew}, take it out; or {forget}. {again}"
        )
    if zero:
        return (
            "Of a column with `set statistics 0` ANALYZE keeps the former samples. As the table's owner "
            f"`set statistics -1` and {anew}; or {forget}. {again}"
        )
    return f"As the table's owner: {anew}. {again}"
