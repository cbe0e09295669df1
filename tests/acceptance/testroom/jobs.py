"""The jobs of the test room. LIFECYCLE_TESTROOM holds a JSON object: job -> its rules and how it behaves."""

import json
import os
import sys
import time
from contextlib import closing
from datetime import timedelta
from functools import partial

import psycopg

from lifecycle.coverage import Coverage, Judgement, Place
from lifecycle.errors import LifecycleError, Unreachable
from lifecycle.job import Job
from lifecycle.ledger import claims, evidence
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Failure
from lifecycle.policy.model import Policy
from lifecycle.promise import Task
from lifecycle.system import System

HERE = frozenset({Place("test", "room")})
DONE = Judgement(Coverage(HERE, HERE), "done", {"rows": 1})
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


def nothing(task: Task) -> Judgement:
    return DONE


def write(task: Task, seconds: float) -> Judgement:
    """Wait, then write one effect with its evidence."""
    time.sleep(seconds)
    _effect(task.system, task.claim, 0)
    return DONE


def steps(task: Task, seconds: float) -> Judgement:
    """Write an effect every 50 ms for that long."""
    for step in range(int(seconds / 0.05)):
        _effect(task.system, task.claim, step)
        time.sleep(0.05)
    return DONE


def hold(task: Task, seconds: float, again: float) -> Judgement:
    """Hold the task.claim in an open transaction for that long (`again` after the first attempt) before it writes."""
    with closing(task.system.connect("hold")) as conn, conn.transaction():
        claims.hold(conn, task.claim)
        _tell(task.system, task.claim, "holding")
        time.sleep(seconds if task.claim.attempt == 1 else again)
        conn.execute(WRITE, _values(task.claim, 0))
    return DONE


def sleep(task: Task, seconds: float, again: float) -> Judgement:
    _tell(task.system, task.claim, "asleep")
    time.sleep(seconds if task.claim.attempt == 1 else again)
    return DONE


def deaf(task: Task, seconds: float) -> Judgement:
    """Hear no signal, and leave a grandchild behind that does not either."""
    import signal
    import subprocess

    subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import time; time.sleep({seconds})  # grandchild of {task.claim.id}",
        ]
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    _tell(task.system, task.claim, "deaf")
    time.sleep(seconds)
    return DONE


def statement(task: Task, seconds: float) -> Judgement:
    """Wait in the database, in autocommit."""
    with closing(task.system.connect("statement")) as conn:
        conn.execute("select pg_sleep(%(seconds)s)", {"seconds": seconds})
        conn.execute(WRITE, _values(task.claim, 0))
    return DONE


def collect(task: Task, seconds: float) -> Judgement:
    """Go from table to table and collect what fails, as jobs do."""
    failures: list[Failure] = []
    for step in range(int(seconds)):
        try:
            time.sleep(1)
            _effect(task.system, task.claim, step)
        except (LifecycleError, psycopg.Error) as error:
            failures.append(Failure(f"table {step}", type(error).__name__, "None."))
    return Judgement(Coverage(HERE, HERE, tuple(failures)), "collected")


def broken(task: Task) -> Judgement:
    name = "carol@example.org"
    raise ValueError(f"cannot work on {name}")


def leaves(task: Task) -> Judgement:
    sys.exit(0)


def unreachable(task: Task) -> Judgement:
    if task.claim.attempt > 1:
        return DONE
    raise Unreachable("the store did not answer", hint="Try again.")


def unverified(task: Task) -> Judgement:
    return Judgement(Coverage(HERE, frozenset()), "nobody looked")


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
