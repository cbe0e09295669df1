"""Rows to Parquet and back. All rows pass as PostgreSQL's own CSV, a few megabytes at a time; the rest is pyarrow's.

A null is an empty field and an empty string a quoted one, on both ways. Whatever pyarrow cannot take exactly, it
refuses; nothing is rounded, and the proof compares all of it again. pyarrow is loaded with the first archive, for it
takes longer than most commands.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from lifecycle.errors import Refused, Unproven
from retention.archive import manifest
from retention.archive.manifest import Column, Kept

BLOCK = 16 * 1024 * 1024
"""Bytes of CSV that are turned at once: what an archive takes of memory, some times over, whatever its size."""

ROWS = 1_000
"""Rows that are read back at once: so few that the server reads some of them while the next are turned."""

_FOOTER = b"lifecycle.archive"
_TYPE = b"postgresql"


class Bends(Exception):
    """A value is none that Parquet has in the type chosen for its column."""


def _of(name: str) -> Any:
    return import_module(name)


def schema(columns: Sequence[Column]) -> Any:
    """Return the file's schema: each column with PostgreSQL's type beside Parquet's."""
    pa = _of("pyarrow")
    kinds: Mapping[Kept, Any] = {
        "text": pa.string(),
        "boolean": pa.bool_(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float32(),
        "double precision": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", "UTC"),
    }
    return pa.schema(
        pa.field(
            column.name,
            pa.decimal128(*manifest.scale(column.type))
            if column.kept == "numeric"
            else kinds[column.kept],
            not column.not_null,
            {_TYPE: column.type.encode()},
        )
        for column in columns
    )


class Writer:
    """Writes one file of lines of CSV as PostgreSQL copies them out. Close it with what it shall say about itself."""

    def __init__(self, file: Path, columns: Sequence[Column]) -> None:
        self._schema = schema(columns)
        # By number: two columns' names may differ in ways that a library holds for none.
        self._types = dict(zip(map(str, range(len(columns))), self._schema.types, strict=True))
        self._file = _of("pyarrow.parquet").ParquetWriter(file, self._schema, compression="zstd")
        self._waiting = io.BytesIO()

    def take(self, line: bytes | bytearray | memoryview) -> None:
        """Take one row. Raise Bends, or Refused when its text is no UTF-8."""
        self._waiting.write(line)
        if self._waiting.tell() >= BLOCK:
            self._turn()

    def close(self, footer: bytes | None) -> None:
        """End the file, with what it says about itself. Without that it is a torn one, to be thrown away."""
        try:
            if footer is not None:
                self._file.add_key_value_metadata({_FOOTER: footer})
        finally:
            self._file.close()

    def finish(self) -> None:
        """Write the rows that are still waiting. Raise as `take` does."""
        if self._waiting.tell():
            self._turn()

    def _turn(self) -> None:
        pa = _of("pyarrow")
        table = _read(self._waiting.getbuffer(), self._types)
        try:
            self._file.write_table(pa.Table.from_arrays(table.columns, schema=self._schema))
        except (
            ValueError
        ):  # null where the catalog says there is none: a NOT NULL that is not valid
            raise Bends from None
        self._waiting = io.BytesIO()


def _read(block: memoryview, types: Mapping[str, Any]) -> Any:
    """Turn a block of whole lines. Raise Bends, or Refused when a text is no UTF-8."""
    pa, csv = _of("pyarrow"), _of("pyarrow.csv")
    try:
        return csv.read_csv(
            pa.BufferReader(pa.py_buffer(block)),
            # One block, so that no row lies across the end of one, however long it is.
            read_options=csv.ReadOptions(
                column_names=[*types], block_size=len(block) + 1, use_threads=False
            ),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise Refused(
                "a row's text is no UTF-8, as a database in SQL_ASCII may hold it",
                hint="Mend that text, or keep the rows: an archive has to say what each letter is.",
            ) from None
        raise Bends from None


def footer(file: Path) -> bytes:
    """Return what an archive says about itself. Raise Unproven when it is no Parquet, or says nothing."""
    pa = _of("pyarrow")
    try:
        with _of("pyarrow.parquet").ParquetFile(file) as opened:
            told: Mapping[bytes, bytes] | None = opened.metadata.metadata
            return told.get(_FOOTER, b"") if told else b""
    except (pa.ArrowException, OSError):
        raise _torn(file) from None


def lines(file: Path, only: Sequence[int] | None = None) -> Iterator[memoryview]:
    """Yield the rows of an archive as CSV that PostgreSQL copies in, block by block; `only` these columns, by place.

    Raise Unproven when it is torn.
    """
    pa, csv = _of("pyarrow"), _of("pyarrow.csv")
    plain = csv.WriteOptions(include_header=False, quoting_style="needed")
    try:
        with _of("pyarrow.parquet").ParquetFile(file) as opened:
            for batch in _batches(opened):
                chosen = batch.columns if only is None else [batch.columns[place] for place in only]
                texts = [*map(_text, chosen)]
                block = io.BytesIO()
                names = [*map(str, range(len(texts)))]
                csv.write_csv(pa.RecordBatch.from_arrays(texts, names), block, plain)
                yield block.getbuffer()
    except (pa.ArrowException, OSError):
        raise _torn(file) from None


def _text(column: Any) -> Any:
    """Return values as text. pyarrow looks a time zone up for each of its times, which takes 40 times as long."""
    pa = _of("pyarrow")
    if not (pa.types.is_timestamp(column.type) and column.type.tz):
        return column.cast(pa.string())
    text = column.cast(pa.timestamp("us")).cast(pa.string())
    return _of("pyarrow.compute").binary_join_element_wise(text, "Z", "")


def _batches(opened: Any) -> Iterable[Any]:
    return opened.iter_batches(batch_size=ROWS, use_threads=False)


def _torn(file: Path) -> Unproven:
    return Unproven(
        f"{file.name} cannot be read as Parquet",
        hint="Fetch an older version of the object where the bucket has one; see who wrote to the bucket.",
    )
