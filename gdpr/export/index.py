"""What is read first of an export: a page for the person, and a manifest for programs. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gdpr.export.subject import Subject
from gdpr.export.tables import Written
from gdpr.reach import Reach

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Object:
    """An object of the person. `file` is its name in the archive, None where the store does not have it any more."""

    bucket: str
    key: str
    file: str | None
    size: int
    sha256: str


def manifest(
    system: str,
    found: Subject,
    tables: Sequence[Written],
    objects: Sequence[Object],
    made_at: datetime,
) -> dict[str, object]:
    """Return what is in the file: each table and object with its count and its digest, and what is left out."""
    return {
        "format": FORMAT,
        "system": system,
        "kind": found.reach.kind,
        "key": found.note.person,
        "made_at": made_at.isoformat(),
        "rows": sum(written.rows for written in tables),
        "tables": [_table(found.reach, written) for written in tables],
        "objects": [
            {"bucket": o.bucket, "key": o.key, "file": o.file, "bytes": o.size, "sha256": o.sha256}
            for o in objects
        ],
        "left_out": [{"what": what, "why": why} for what, why in found.left_out.items()],
    }


def _table(reach: Reach, written: Written) -> dict[str, object]:
    keep = reach.policy.tables[written.table].keep if written.table in reach.kept else None
    return {
        "table": written.table,
        "rows": written.rows,
        "columns": [column.name for column in reach.table(written.table).columns],
        "pseudonyms": list(written.others),
        "after_erasure": "kept" if keep else "deleted",
        "because": keep.because if keep else None,
        "files": dict(written.files),
    }


def as_json(document: dict[str, object]) -> str:
    """Return the manifest as text."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def page(document: dict[str, object]) -> str:
    """Return the page that a browser shows: no script, and nothing that is loaded from elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("gdpr.export"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("index.html").render(export=document)
