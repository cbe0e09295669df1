"""How a value is written: in JSON as what it is, in CSV as what no spreadsheet carries out. Pure."""

import json
import re
from collections.abc import Iterable

_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_FORMULA = re.compile(r"(?:^(?=[=+\-@＝＋－＠\t\r\n])|(?<=[;\t\r\n])(?=[=+\-@＝＋－＠]))")  # noqa: RUF001
"""Where a spreadsheet takes a text for a formula, by the list of OWASP (CSV injection): where a cell may begin with one
of these signs. Many a country's cuts a line at semicolons, whatever a quotation says."""


def in_json(value: str | None, of_type: str) -> str:
    """Return a value, as PostgreSQL writes it, in JSON: numbers, truth and JSON as they are, all else as text."""
    bare = _bare(of_type)
    if value is None:
        return "null"
    if bare in ("json", "jsonb") or _is_number(value, bare):
        return value
    if bare == "boolean":
        return _truth(value)
    return json.dumps(value, ensure_ascii=False)


def in_csv(value: str | None, of_type: str) -> str:
    """Return a value in CSV: nothing for NULL, and an apostrophe before what would be taken for a formula."""
    bare = _bare(of_type)
    if value is None:
        return ""
    if bare == "boolean":
        return _truth(value)
    return value if _is_number(value, bare) else _FORMULA.sub("'", value)


def row_in_json(names: Iterable[str], spelled: Iterable[str]) -> str:
    """Return a row as one object, of values that `in_json` has spelled."""
    pairs = (
        f"{json.dumps(name, ensure_ascii=False)}: {value}"
        for name, value in zip(names, spelled, strict=True)
    )
    return "{" + ", ".join(pairs) + "}"


def _bare(of_type: str) -> str:
    return of_type if of_type.endswith("[]") else of_type.partition("(")[0]


def _is_number(value: str, bare: str) -> bool:
    return bare in _NUMBERS and _NUMBER.fullmatch(value) is not None


def _truth(value: str) -> str:
    return {"t": "true", "f": "false"}.get(value, json.dumps(value))
