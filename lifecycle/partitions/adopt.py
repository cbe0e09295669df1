"""Takes a table over from pg_partman: what it does today in the policy's words, and then its row is told to rest.

    plan       what pg_partman does for the table; what this service would do instead, by the policy as it is, or with
               what has to be written there; nothing is changed
    carry_out  an administrator lets pg_partman rest, as the owner of its table and with no more rights than that:
               `automatic_maintenance` of its row is 'off'. Its other values stay

Whatever else calls pg_partman for this table by name (a line of cron) is not seen from here; the plan says so.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from pydantic import ValidationError

from lifecycle.config import shape_mistakes
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import Conflict, NotFound, Refused
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure
from lifecycle.partitions import owner, partman, statements_of_partman, survey
from lifecycle.partitions import plan as of_partitions
from lifecycle.partitions.partman import Config
from lifecycle.partitions.rule import Partitioning
from lifecycle.partitions.section import SECTION
from lifecycle.plan import Decision, Plan, Step
from lifecycle.policy.model import Policy
from lifecycle.postgres import connect
from lifecycle.postgres.names import sql_parts
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import choices

JOB = "partitions.adopt"


@dataclass(frozen=True, slots=True)
class Adopt(Step):
    """Tell pg_partman's row of a table to rest. It binds all that the row says."""

    config: Config


def plan(system: System, table: str, now: datetime) -> Plan[Adopt]:
    """Show it. Raise NotFound when pg_partman has no such table, Unreachable, AccessDenied."""
    with system.snapshot(JOB) as conn:
        try:
            found = partman.look(conn, table)
            others = partman.tables(conn) if found is None else []
        except psycopg.Error as error:
            raise connect.explain(error) from None
        if found is None:
            raise NotFound(
                f"pg_partman looks after no table {table!r}",
                hint=choices(table, others, "It looks after")
                if others
                else "No extension pg_partman in this database says that it looks after one; a table `part_config` "
                "that is not the extension's is not read, as anybody could have made it.",
            )
        decision = _decide(conn, system.policy, found, now)
    return Plan(JOB, system.name, system.policy.database, system.policy_digest, decision, table)


def _decide(
    conn: Connection[TupleRow], policy: Policy, found: Config, now: datetime
) -> Decision[Adopt]:
    refusals = [*_cannot(found)]
    notes = [*_of_its_end(found)]
    ours = SECTION.of(policy).get(found.table)
    wanted = ours
    if wanted is None and not refusals:
        wanted, said = _as_policy(found)
        refusals += said
    if wanted is not None:
        entry = f"{found.table}: {{{_spelled(wanted)}}}"
        if ours is None:
            hint = f"Add `{entry}` there, run `lifecycle init`, and look at this again."
            refusals.append(Failure(found.table, "the policy does not make its partitions", hint))
        as_if = {**SECTION.of(policy), found.table: wanted}
        policy = policy.model_copy(update={"partitions": as_if})
        seen = survey.read(conn, policy, found.table)
        would = of_partitions.decide(policy, replace(seen, managed={}), now)
        refusals += would.refusals
        notes += [f"then: {step.verb} {step.target}, {step.cost}" for step in would.steps]
        notes += would.notes
    if not found.maintained:
        notes.append(f"{found.table}: pg_partman rests already")
    elif not refusals:
        notes.append(f"whatever calls pg_partman for {found.spelled} by name, as cron may, goes on")
        return Decision((_step(found),), (), tuple(notes))
    return Decision((), tuple(refusals), tuple(notes))


def _cannot(found: Config) -> Iterator[Failure]:
    """Yield what no policy can say of it."""
    if found.below:
        what = "pg_partman partitions its partitions once more (part_config_sub)"
        yield Failure(found.table, what, "Leave it to pg_partman, or take that level over by hand.")
    if found.below is None:
        what = "whether pg_partman partitions its partitions once more cannot be told: its part_config_sub is missing"
        yield Failure(found.table, what, "Put it back as the extension makes it: it may be empty.")
    if found.undo:
        what = "pg_partman is undoing its partitions"
        yield Failure(found.table, what, "Let it end, or set `undo_in_progress` to false.")
    if found.every is None:
        what = f"a partition holds {found.interval}, and a policy counts in hours to years"
        yield Failure(found.table, what, "Leave it to pg_partman.")
    for stranger in found.strangers:
        what = f"{found.config} is not changed as {found.owner}, its owner: {stranger}"
        hint = "Take that away, or let its row rest by hand: set `automatic_maintenance` to 'off'."
        yield Failure(found.table, what, hint)


def _of_its_end(found: Config) -> Iterator[str]:
    """Yield what pg_partman does at the end of a partition, as the policy would say it, or why it cannot."""
    if found.retention is None:
        return
    kept = f", and keeps them in schema {found.schema}" if found.schema else ", and keeps them"
    said = f"{found.table}: pg_partman takes its partitions off after {found.retention}"
    said += kept if found.keeps else ", and drops them"
    if found.after is None:
        yield f"{said}; a policy has no word for that time"
        return
    rule = f"{{table: {found.table}, after: {found.after}, do: drop, because: ...}}"
    asks = "; to drop them after a grace" if found.keeps else ""
    yield f"{said}{asks}: `- {rule}` under `retention`; without it none ends"


def _as_policy(found: Config) -> tuple[Partitioning | None, list[Failure]]:
    """Return what a policy would say, or why none can."""
    said = {"by": found.by, "every": found.every, "ahead": found.ahead, "holds": found.holds}
    try:
        return Partitioning.model_validate(said), []
    except ValidationError as error:
        wrong = ", ".join(str(m) for m in shape_mistakes.explain(error, said, Partitioning))
        what = f"what pg_partman says of it is not what a policy can say: {wrong}"
        hint = "Write it under `partitions` yourself (premake is `ahead`, control `by`, epoch `holds`), run `lifecycle "
        return None, [Failure(found.table, what, hint + "init`, and look at this again.")]


def _spelled(wanted: Partitioning) -> str:
    said = wanted.model_dump(mode="json", exclude_none=True)
    return ", ".join(f"{key}: {value}" for key, value in said.items())


def _step(found: Config) -> Adopt:
    return Adopt(
        verb="let pg_partman rest for",
        target=found.table,
        reason=f"the policy makes its partitions; pg_partman made them, {found.interval} each, {found.ahead} ahead",
        cost=f"one row of {found.config} is changed: automatic_maintenance = 'off'",
        binds=found.digest,
        config=found,
    )


def carry_out(task: Task, table: str, shown: str, administrator: str) -> Judgement:
    """Let it rest, over an administrator's connection. Raise Conflict when it would be another plan now, or Refused.

    The row says what it said: before and after are on the ledger, and who runs this again finds nothing to do.
    """
    made = plan(task.system, table, task.now)
    if made.hash != shown:
        raise Conflict(
            "the world has changed since the plan was shown",
            hint="Nothing was changed. Look at the plan again, and apply that one.",
        )
    if not made.decision.steps:
        raise Refused("there is nothing to take over", hint="The plan says why.")
    [step] = made.decision.steps
    counts = {"rows": 1}
    looks = Looks()
    database = task.system.policy.database
    with (
        closing(task.system.connect(JOB)) as conn,
        closing(connect.connect(administrator, JOB, write=True, database=database)) as admin,
    ):
        evidence.record(conn, task.claim, "intent", "partitions.adopted", table, counts=counts)
        try:
            _rest(admin, step.config)
        except psycopg.Error as error:
            raise connect.explain(error) from None
        evidence.record(conn, task.claim, "outcome", "partitions.adopted", table, counts=counts)
        place = Place("pg_partman's row of", table)
        with looks.at(place):
            after = partman.look(conn, table)
        if after is not None and after.maintained:
            looks.found(
                Failure(
                    table, "pg_partman's row does not rest", "Somebody has set it again: look who."
                )
            )
    return Judgement(looks.cover({place}), f"{table} is taken over from pg_partman", {"tables": 1})


def _rest(admin: Connection[TupleRow], found: Config) -> None:
    """Change its row as the owner of the table, and as nobody who has more rights: what runs there is his.

    Raise Conflict when another session changes it, or it is not as it was found.
    """
    schema, _ = sql_parts(found.config)
    with admin.transaction():
        admin.execute(statements_of_partman.close(found.config))
        if partman.look(admin, found.table) != found:
            raise Conflict(
                "pg_partman's row has changed since it was looked at", hint="Nothing was changed."
            )
        with owner.enclosed(admin, found.owner, schema) as say:
            say(statements_of_partman.rest(found.config, found.spelled))
        after = partman.look(admin, found.table)
        if after is None or after.maintained:
            raise Refused(
                f"{found.owner}, the owner of {found.config}, cannot change pg_partman's row",
                hint="Nothing was changed. Look for row security that is forced on that table.",
            )
