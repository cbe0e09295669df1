"""Decides what is done on the empty server, and what speaks against it. Pure.

A server that is not empty is refused: what a restore would overwrite there nobody has a dump of. What an earlier try
left, a database called `lifecycle_restoring`, is dropped and made again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from backups.manifest import Manifest
from backups.roles import Globals
from backups.statements import RESTORER
from backups.way_back.statements import BARE, RESTORING
from backups.way_back.there import There
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.words import counted, moment

_EMPTY = "Name an empty server: one that `initdb` or your cloud has just made, with nothing but `postgres` on it."


CLOSED = ", closed until erasures are repeated"


@dataclass(frozen=True, slots=True)
class Since:
    """Erasures that were made after the dump, each in a line; `unknown` says why nobody can tell, if so."""

    erased: tuple[str, ...]
    unknown: str | None

    @property
    def fenced(self) -> bool:
        """Say whether somebody may be in the dump who was forgotten since."""
        return bool(self.erased) or self.unknown is not None


def said_of(dumped: Manifest) -> str:
    """Return the remark on a database that was brought back from this dump."""
    return f"brought back by lifecycle from {dumped.key} ({dumped.sha256[:16]})"


def is_back(dumped: Manifest, there: There) -> bool:
    """Say whether this dump's database was brought back to that server, whoever may enter it."""
    remark = there.databases.get(dumped.source.database)
    return remark in (said_of(dumped), said_of(dumped) + CLOSED)


def is_closed(dumped: Manifest, there: There) -> bool:
    """Say whether it is back, and entered by nobody but the service until erasures are repeated."""
    return there.databases.get(dumped.source.database) == said_of(dumped) + CLOSED


def _back(dumped: Manifest, there: There, since: Since) -> Decision[Step]:
    name = dumped.source.database
    already = f"{name} is there already, brought back from {dumped.key}"
    if not is_closed(dumped, there):
        return Decision((), notes=(already,))
    if since.fenced:
        return Decision((), notes=(f"{already}; it is closed: {_why(since)}",))
    reason = "it remembers every erasure that the ledger outside has"
    return Decision((Step("open", name, reason, "", binds=dumped.sha256),), notes=(already,))


def decide(
    dumped: Manifest, beside: Globals | None, there: There, since: Since, *, signed: bool
) -> Decision[Step]:
    """Return the steps, in their order. `signed`: a key that counts here has signed the manifest, whatever it says."""
    name = dumped.source.database
    if is_back(dumped, there):
        return _back(dumped, there, since)
    refusals = (*_full(dumped, there), *_unfit(dumped, there))
    if refusals:
        return Decision((), refusals)
    reason, made_of = "the database is lost", dumped.sha256
    steps = list[Step]()
    if RESTORING in there.databases:
        half = "an earlier try was ended before it was done"
        steps.append(Step("drop database", RESTORING, half, "what it holds", binds=made_of))
    if beside is not None:
        missing = sorted(beside.roles.keys() - there.roles)
        cost = f"{counted(len(missing), 'role')}, without passwords"
        steps.append(Step("make roles", there.entrance, reason, cost, binds=beside.digest))
    cost = f"{counted(dumped.rows, 'row')} of {counted(len(dumped.tables), 'table')}, {counted(dumped.size, 'byte')}"
    steps.append(
        Step("restore database", name, f"{reason}: from {dumped.key}", cost, binds=made_of)
    )
    compared = "reads every row once"
    steps.append(Step("compare", name, "a restore is a hope until then", compared, binds=made_of))
    opened = ("leave closed", _why(since)) if since.fenced else ("open", "it is what was dumped")
    steps.append(Step(opened[0], name, opened[1], "", binds=made_of))
    return Decision(tuple(steps), notes=tuple(_notes(dumped, beside, there, since, signed)))


def _why(since: Since) -> str:
    return since.unknown or f"{counted(len(since.erased), 'erasure')} made since the dump"


def _full(dumped: Manifest, there: There) -> Iterator[Failure]:
    others = sorted(there.databases.keys() - {there.entrance, "postgres", BARE, RESTORING})
    if others:
        yield Failure("server", f"it is not empty: it has {', '.join(others)}", _EMPTY)
    if there.relations:
        what = f"is not empty: it has {counted(there.relations, 'table or the like', 'tables and the like')}"
        yield Failure(there.entrance, what, _EMPTY)
    if dumped.source.database == there.entrance:
        hint = "Connect to another, like `dbname=template1`, after you have dropped it there."
        yield Failure(there.entrance, "is the database you came in by", hint)
    left = sorted(there.roles.intersection(dumped.source.roles) - {there.me})
    if left and RESTORING not in there.databases and RESTORER not in there.roles:
        yield Failure("server", f"it is not empty: it has the roles {', '.join(left)}", _EMPTY)


def _unfit(dumped: Manifest, there: There) -> Iterator[Failure]:
    if not there.superuser:
        hint = "Come as a superuser: owners, event triggers and extensions are made as they were."
        yield Failure(there.me, "is no superuser of that server", hint)
    if there.major < dumped.source.major:
        what = f"it is PostgreSQL {there.major}, and the dump of {dumped.source.major}"
        yield Failure("server", what, f"Make it with PostgreSQL {dumped.source.major}.")
    if missing := sorted(dumped.source.extensions.keys() - there.extensions):
        yield Failure("server", f"it lacks {', '.join(missing)}", "Install their packages there.")
    if dumped.source.locale is None:
        hint = "Name another dump: one that was taken by a newer Lifecycle."
        yield Failure(dumped.key, "does not say which locale its database had", hint)


def _notes(
    dumped: Manifest, beside: Globals | None, there: There, since: Since, signed: bool
) -> Iterator[str]:
    yield f"what was written after {moment(dumped.started_at)} is not in it"
    yield "code of its owners, as that of a check, runs while it is restored, and with no superuser's rights"
    if not signed:
        yield (
            "no key has signed this dump: whoever may write to the bucket may have made it, "
            "and what it says of rights and extensions is said by a superuser"
        )
    if beside is None:
        yield (
            "it is from before roles were kept beside dumps: they come back as names that may not log in, "
            "members of nobody"
        )
    elif entering := sorted(
        name for name, role in beside.roles.items() if role.login and name != there.me
    ):
        yield f"no password comes back: set one for {', '.join(entering)}"
    if there.major != dumped.source.major:
        yield (
            f"PostgreSQL {there.major} spells definitions otherwise than {dumped.source.major}: rows are compared with "
            "what was dumped, and definitions with those that the dump makes where no row of it comes back"
        )
    yield from (f"erased after the dump, to be repeated: {line}" for line in since.erased)
