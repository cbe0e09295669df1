"""A cursor for which a per cent sign in a name or a value is just a letter.

psycopg takes every `%` of a statement with parameters for the beginning of one, also where a column called
`discount (%)` was put in as an identifier: each erasure, which searches every column, ended there.
"""

from contextlib import _GeneratorContextManager  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

if TYPE_CHECKING:
    from psycopg.abc import Params


class Cursor(psycopg.Cursor[TupleRow]):
    """The cursor of every connection of ours."""

    def execute(self, query: Any, params: "Params | None" = None, **options: Any) -> Self:
        """Say a statement, as psycopg's own cursor does."""
        return super().execute(self._letters(query, params), params, **options)

    def copy(
        self, statement: Any, params: "Params | None" = None, **options: Any
    ) -> "_GeneratorContextManager[psycopg.Copy]":
        """Begin to copy, as psycopg's own cursor does."""
        return super().copy(self._letters(statement, params), params, **options)

    def _letters(self, query: Any, params: "Params | None") -> Any:
        if params is None or not isinstance(query, sql.Composed):
            return query
        return b"".join(self._doubled(query, []))

    def _doubled(self, query: sql.Composed, said: list[bytes]) -> list[bytes]:
        for part in query:
            if isinstance(part, sql.Composed):
                self._doubled(part, said)
            elif isinstance(part, sql.Identifier | sql.Literal):
                said.append(part.as_bytes(self.connection).replace(b"%", b"%%"))
            else:  # a constant of the program, which is written with this in mind
                said.append(part.as_bytes(self.connection))
        return said
