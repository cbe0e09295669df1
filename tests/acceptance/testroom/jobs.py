"""The jobs of the test room. LIFECYCLE_TESTROOM holds a JSON object: job -> its rules and how it behaves."""

import json
import os
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial

import psycopg

from lifecycle.errors import LifecycleError, Unreachable
from lifecycle.job import Job
from lifecycle.ledger import claims, evidence
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Failure, Outcome, Verdict
from lifecycle.policy.model import Policy
from lifecycle.system import System

DONE = Outcome(Verdict.PASS, "done", {"rows": 1})
WRITE = """
    insert into public.effect (job, slot, attempt, step)
    values (%(job)s, %(slot)s, %(attempt)s, %(step)s)
"""


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return the jobs that the test asked for."""
    asked: dict[str, dict[str, object]] = json.loads(os.environ.get("LIFECYCLE_TESTROOM", "{}"))
    return tuple(_job(name, dict(rules)) for name, rules in asked.items())


def _job(name: str, rules: dict[str, object]) -> Job:
    does = str(rules.pop("does", "write"))
    seconds = float(str(rules.pop("seconds", 0)))
    again = float(str(rules.pop("again", seconds)))
    spans = {
        key: timedelta(seconds=float(str(rules.pop(key))))
        for key in ("limit", "max_lateness")
        if key in rules
    }
    behaviour = {
        "nothing": nothing,
        "write": partial(write, seconds=seconds),
        "steps": partial(steps, seconds=seconds),
        "hold": partial(hold, seconds=seconds, again=again),
        "sleep": partial(sleep, seconds=seconds, again=again),
        "deaf": partial(deaf, seconds=seconds),
        "statement": partial(statement, seconds=seconds),
        "collect": partial(collect, seconds=seconds),
        "break": broken,
        "exit": leaves,
        "unreachable": unreachable,
        "unverified": unverified,
    }[does]
    cron = str(rules.pop("cron", "0 0 1 1 *"))
    return Job(f"testroom.{name}", "a test", cron, behaviour, **spans, **rules)  # pyright: ignore[reportArgumentType]


def nothing(system: System, claim: Claim, now: datetime) -> Outcome:
    return DONE


def write(system: System, claim: Claim, now: datetime, seconds: float) -> Outcome:
    """Wait, then write one effect with its evidence."""
    time.sleep(seconds)
    _effect(system, claim, 0)
    return DONE


def steps(system: System, claim: Claim, now: datetime, seconds: float) -> Outcome:
    """Write an effect every 50 ms for that long."""
    for step in range(int(seconds / 0.05)):
        _effect(system, claim, step)
        time.sleep(0.05)
    return DONE


def hold(system: System, claim: Claim, now: datetime, seconds: float, again: float) -> Outcome:
    """Hold the claim in an open transaction for that long (`again` after the first attempt) before it writes."""
    with closing(system.connect("hold")) as conn, conn.transaction():
        claims.hold(conn, claim)
        _tell(system, claim, "holding")
        time.sleep(seconds if claim.attempt == 1 else again)
        conn.execute(WRITE, _values(claim, 0))
    return DONE


def sleep(system: System, claim: Claim, now: datetime, seconds: float, again: float) -> Outcome:
    _tell(system, claim, "asleep")
    time.sleep(seconds if claim.attempt == 1 else again)
    return DONE


def deaf(system: System, claim: Claim, now: datetime, seconds: float) -> Outcome:
    """Hear no signal, and leave a grandchild behind that does not either."""
    import signal
    import subprocess

    subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep({seconds})  # grandchild of {claim.id}"]
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    _tell(system, claim, "deaf")
    time.sleep(seconds)
    return DONE


def statement(system: System, claim: Claim, now: datetime, seconds: float) -> Outcome:
    """Wait in the database, in autocommit."""
    with closing(system.connect("statement")) as conn:
        conn.execute("select pg_sleep(%(seconds)s)", {"seconds": seconds})
        conn.execute(WRITE, _values(claim, 0))
    return DONE


def collect(system: System, claim: Claim, now: datetime, seconds: float) -> Outcome:
    """Go from table to table and collect what fails, as jobs do."""
    failures: list[Failure] = []
    for step in range(int(seconds)):
        try:
            time.sleep(1)
            _effect(system, claim, step)
        except (LifecycleError, psycopg.Error) as error:
            failures.append(Failure(f"table {step}", type(error).__name__, "None."))
    return Outcome(
        Verdict.FAIL if failures else Verdict.PASS, "collected", failures=tuple(failures)
    )


def broken(system: System, claim: Claim, now: datetime) -> Outcome:
    name = "carol@example.org"
    raise ValueError(f"cannot work on {name}")


def leaves(system: System, claim: Claim, now: datetime) -> Outcome:
    sys.exit(0)


def unreachable(system: System, claim: Claim, now: datetime) -> Outcome:
    if claim.attempt > 1:
        return DONE
    raise Unreachable("the store did not answer", hint="Try again.")


def unverified(system: System, claim: Claim, now: datetime) -> Outcome:
    return Outcome(Verdict.UNVERIFIED, "nobody looked")


def _effect(system: System, claim: Claim, step: int) -> None:
    with closing(system.connect("effect")) as conn, conn.transaction():
        claims.hold(conn, claim)
        conn.execute(WRITE, _values(claim, step))
        evidence.record(conn, claim, "effect", "testroom.written", "effect", counts={"rows": 1})


def _tell(system: System, claim: Claim, event: str) -> None:
    with closing(system.connect("tell")) as conn:
        evidence.record(conn, claim, "finding", f"testroom.{event}", str(os.getpid()))


def _values(claim: Claim, step: int) -> dict[str, object]:
    return {"job": claim.job, "slot": claim.scheduled_for, "attempt": claim.attempt, "step": step}
