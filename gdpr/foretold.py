"""What `foresee.py` saw, for machines: as one document. Pure. Names places and counts, never a person or a value."""

from audit.section import SECTION as AUDIT
from gdpr.foresee import Foreseen
from gdpr.person import Survey


def document(seen: Foreseen) -> dict[str, object]:
    """Return the same for machines."""
    policy, found = seen.reach.policy, seen.found
    log = AUDIT.of(policy)
    whole: dict[str, object] = {"system": seen.system, "kind": seen.kind, "beyond": seen.beyond}
    if found is not None:
        lost, wrote = pointers(seen, found)
        kept = {t: rows for t, rows in found.rows.kept.items() if rows}
        words = {
            t: k.model_dump(mode="json") for t in kept if (k := policy.tables[t].keep) is not None
        }
        whole |= {
            "deleted": found.rows.erased(),
            "kept": {table: {"rows": rows} | words[table] for table, rows in kept.items()},
            "anonymised": {log.table: found.audit_rows} if log else {},
            "ignored": seen.ignored,
            "others_lose": {
                "pointers": lost,
                "authors_to_the_tombstone": wrote,
                "halves_of_rows_that_stay": halves(seen, found),
                "values_taken_out": found.redacted,
                "shared_rows_that_stay": seen.shared,
                "rows_that_hang": {w: rows for w, rows in found.rows.hanging.items() if rows},
            },
            "objects": {
                "going": {bucket: len(keys) for bucket, keys in found.note.objects.items()},
                "versions": seen.versions,
                "kept": found.objects_kept,
            },
            "stripe": {
                "going": len(found.note.payers),
                "kept": found.payers_kept,
                "states": seen.customers,
            },
        }
    return whole | _searched(seen)


def _searched(seen: Foreseen) -> dict[str, object]:
    policy = seen.reach.policy
    return {
        "quoted": [
            {
                "table": one.table,
                "rows": one.rows,
                "columns": one.columns,
                "says": dict(policy.tables[one.table].quotes),
            }
            for one in seen.quoted
        ],
        "to_review": [
            {"table": one.table, "rows": one.rows, "columns": one.columns} for one in seen.review
        ],
        "views": seen.views,
        "not_looked_at": [
            {"place": str(place), "why": reason.why, "hint": reason.hint}
            for place, reason in seen.unseen.items()
        ],
        "refused": seen.refusals,
    }


def pointers(seen: Foreseen, found: Survey) -> tuple[dict[str, int], dict[str, int]]:
    """Return which rows of others would lose a pointer, and which would name the tombstone."""
    stones = {m.name for m in seen.reach.mentions if m.stone is not None}
    staying = halves(seen, found)
    there = {w: rows for w, rows in found.rows.mentions.items() if rows and w not in staying}
    return (
        {where: rows for where, rows in there.items() if where not in stones},
        {where: rows for where, rows in there.items() if where in stones},
    )


def halves(seen: Foreseen, found: Survey) -> dict[str, int]:
    """Return what would be taken out of rows that stay for their other parties."""
    of = (m.name for m in seen.reach.mentions if m.half)
    return {name: found.rows.mentions[name] for name in of if found.rows.mentions[name]}
