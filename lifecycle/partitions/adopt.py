"""Takes a table over from pg_partman: what it does today in the policy's words, and then its row is told to rest.

    plan       what pg_partman does for the table; what this service would do instead, by the policy as it is, or with
               what has to be written there; nothing is changed
    carry_out  an administrator lets pg_partman rest: `automatic_maintenance` of its row is 'off'. Its other values stay

Whatever else calls pg_partman for this table by name (a line of cron) is not seen from here; the plan says so.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import Conflict, NotFound, Refused
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure
from lifecycle.partitions import partman, survey
from lifecycle.partitions import plan as of_partitions
from lifecycle.partitions.partman import Config
from lifecycle.partitions.section import SECTION, Partitioning
from lifecycle.plan import Decision, Plan, Step
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect
from lifecycle.postgres.names import sql_name
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import choices

JOB = "partitions.adopt"

_REST = """
    update {config} set automatic_maintenance = 'off'
     where parent_table::text = %(spelled)s and md5({alias}::text) = %(digest)s
"""


@dataclass(frozen=True, slots=True)
class Adopt(Step):
    """Tell pg_partman's row of a table to rest. It binds all that the row says."""

    config: Config


def plan(system: System, table: str, now: datetime) -> Plan[Adopt]:
    """Show it. Raise NotFound when pg_partman has no such table, Unreachable, AccessDenied."""
    with system.snapshot(JOB) as conn:
        seen = catalog.read(conn)
        try:
            every = partman.read(conn, seen)
        except psycopg.Error as error:
            raise connect.explain(error) from None
        found = next((one for one in every if one.table == table), None)
        if found is None:
            raise NotFound(
                f"pg_partman looks after no table {table!r}",
                hint=choices(table, [one.table for one in every], "It looks after")
                if every
                else "There is no table `part_config` of its in this database.",
            )
        decision = _decide(conn, system.policy, found, now)
    return Plan(JOB, system.name, system.policy.database, system.policy_digest, decision, table)


def _decide(
    conn: Connection[TupleRow], policy: Policy, found: Config, now: datetime
) -> Decision[Adopt]:
    refusals = [*_cannot(found)]
    notes = [*_of_its_end(found)]
    ours = SECTION.of(policy).get(found.table)
    wanted = ours or (None if refusals else _as_policy(found))
    if wanted is not None:
        entry = f"{found.table}: {{{_spelled(wanted)}}}"
        if ours is None:
            hint = f"Add `{entry}` there, run `lifecycle init`, and look at this again."
            refusals.append(Failure(found.table, "the policy does not make its partitions", hint))
        as_if = {**SECTION.of(policy), found.table: wanted}
        policy = policy.model_copy(update={"partitions": as_if})
        seen = survey.read(conn, policy, found.table, Looks())
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
    if found.undo:
        what = "pg_partman is undoing its partitions"
        yield Failure(found.table, what, "Let it end, or set `undo_in_progress` to false.")
    if found.every is None:
        what = f"a partition holds {found.interval}, and a policy counts in hours to years"
        yield Failure(found.table, what, "Leave it to pg_partman.")


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


def _as_policy(found: Config) -> Partitioning:
    said = {"by": found.by, "every": found.every, "ahead": found.ahead, "holds": found.holds}
    return Partitioning.model_validate(said)


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
            still = [one for one in partman.read(conn, catalog.read(conn)) if one.table == table]
        if any(one.maintained for one in still):
            looks.found(
                Failure(
                    table, "pg_partman's row does not rest", "Somebody has set it again: look who."
                )
            )
    return Judgement(looks.cover({place}), f"{table} is taken over from pg_partman", {"tables": 1})


def _rest(admin: Connection[TupleRow], found: Config) -> None:
    with admin.transaction():
        saying = sql.SQL(_REST).format(
            config=sql_name(found.config), alias=sql.Identifier("part_config")
        )
        values = {"spelled": found.spelled, "digest": found.digest}
        if admin.execute(saying, values).rowcount != 1:
            raise Conflict(
                "pg_partman's row has changed since it was looked at", hint="Nothing was changed."
            )
