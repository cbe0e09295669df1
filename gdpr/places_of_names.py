"""What is not searched for of what a person goes by, and why: places of a proof where nobody looks. Pure."""

from audit.anonymise import SHORTEST
from gdpr.note import Note
from gdpr.reach import Reach
from gdpr.statements_of_names import place
from gdpr.texts import NUMBERS
from lifecycle.coverage import Looks, Place, Reason
from lifecycle.words import counted

LOOK = "Look there by hand for the person, or take the place out of the database."


def ambiguous(looks: Looks, identifiers: int) -> None:
    """Say that so many identifiers of the person were not searched for, as somebody else goes by them too."""
    if identifiers:
        why = f"an identifier of the person ({identifiers} in all) is another person's too, and was not searched for"
        looks.not_at(Place("identifiers", "shared with somebody else"), Reason(why, LOOK, "limit"))


def short(looks: Looks, note: Note) -> None:
    """Say how many values of the person were not searched for, as they are too short to mean anybody."""
    number = sum(len(value) < SHORTEST for value in (*note.needles(), *note.weak))
    if number:
        why = f"{counted(number, 'value')} of the person with less than {SHORTEST} characters would be found anywhere"
        looks.not_at(Place("identifiers", "too short"), Reason(why, "Look by hand.", "limit"))


def unsought(reach: Reach) -> dict[Place, Reason]:
    """Return what is not looked for of what people go by: numbers in columns of numbers, what they went by before.

    And weak names: they are looked for to be shown to a person, and no proof.
    """
    return {**_numbers(reach), **_earlier(reach), **_weak(reach)}


def _numbers(reach: Reach) -> dict[Place, Reason]:
    named = [
        ".".join(where)
        for one in reach.subject.names()
        if one.path is None
        and reach.column(*(where := place(reach, one))).type.partition("(")[0] in NUMBERS
    ]
    if not named:
        return {}
    why = f"{', '.join(named)} is a number, and in columns of numbers none is looked for"
    of = Place("identifiers", "that are numbers, in columns of numbers")
    return {of: Reason(why, LOOK, "limit")}


def _earlier(reach: Reach) -> dict[Place, Reason]:
    """Return what people went by before, unless the policy says where that stands."""
    if any(one.earlier for one in reach.subject.names()):
        return {}
    why = "the identifiers that the person has now, or has had since they asked, are searched for, not those before"
    hint = "Where earlier ones stand in a table or in the audit log's images, name it with `earlier: true`."
    return {Place("identifiers", "of earlier days"): Reason(why, hint, "limit")}


def _weak(reach: Reach) -> dict[Place, Reason]:
    weak = [".".join(place(reach, one)) for one in reach.subject.names() if one.weak]
    if not weak:
        return {}
    why = f"others may be called as {', '.join(weak)} says, too: where it stands is shown, and proves nothing"
    hint = "`lifecycle gdpr certificate` lists the tables with their rows: see whether one of them is about the person."
    return {Place("identifiers", "that are weak"): Reason(why, hint, "limit")}
