"""One day of Lifecycle over one of its systems, on a machine that has nothing but Python.

Starts a private PostgreSQL, an S3 server and a Stripe double, loads the system with its sample, and from then on does
what an ops engineer does, with the same commands: `init`, `policy check`, `daemon`. The daemon finds that it was last
seen a day ago and works through the day's slots by its own catch-up rule; it does not know that it is a demo.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

import psycopg

from lifecycle import clock, show
from lifecycle.errors import CommandFailed, Conflict, Interrupted, Refused, Unproven
from lifecycle.postgres.server import Cluster, find_binaries
from lifecycle.sandbox import installation, keep, s3, stripe_double
from lifecycle.sandbox.installation import Place
from lifecycle.systems import shipped
from lifecycle.systems.shipped import Shipped

_RUNS = """
    select job, scheduled_for, coalesce(verdict, state), finished_at - started_at, summary
      from lifecycle.run where queued_at >= %(since)s order by scheduled_for, id
"""
_UNSEEN = """
    select job, place ->> 'place', place ->> 'why'
      from lifecycle.run, jsonb_array_elements(coverage -> 'unseen') as place
     where queued_at >= %(since)s order by scheduled_for, id, 2
"""
_PROGRESS = """
    select id, job, state, coalesce(verdict, state), coalesce(summary, '')
      from lifecycle.run where queued_at >= %(since)s order by id
"""
# An erasure has one line per table; a person reads what they add up to.
_CHANGES = """
    select event, case when count(distinct target) = 1 then min(target) else count(distinct target) || ' tables' end,
           string_agg(distinct unit, ', '), sum(amount)::bigint
      from (select case when event not like 'gdpr.%%' then target end as apart, e.id, event, target, unit,
                   value::bigint as amount
              from lifecycle.evidence e
              join lifecycle.run r on r.id = e.run_id, jsonb_each_text(e.counts) as c (unit, value)
             where r.queued_at >= %(since)s and e.kind in ('effect', 'outcome')
               and unit in ('partitions', 'rows', 'versions', 'customers', 'requests', 'about', 'by', 'mentioned')
               and event not in ('gdpr.erased', 'gdpr.claimed', 'gdpr.sealed', 'gdpr.noted')) as change
     where amount > 0
     group by event, apart order by min(id)
"""


def main(name: str, *, go_on: bool, stay: bool, seed: int) -> None:
    """Run a day of the system called `name`. `go_on` continues on its last demo, `stay` leaves it running until Ctrl-C.

    Raise LifecycleError when there is no such system, a part cannot be had or the day did not end well. Whatever
    happens, nothing is left running.
    """
    signal.signal(signal.SIGTERM, _stop)
    try:
        _run(shipped.named(name), go_on=go_on, stay=stay, seed=seed)
    except KeyboardInterrupt:
        raise Interrupted(
            "the demo was stopped; nothing is left running", hint="`make demo` starts a new one."
        ) from None


def _run(system: Shipped, *, go_on: bool, stay: bool, seed: int) -> None:
    begun = clock.monotonic()
    with ExitStack() as running:
        place = _place(system, running, go_on=go_on)
        with _step("PostgreSQL"):
            cluster = _cluster(place, running, go_on=go_on)
        with _step("S3 server and Stripe double"):
            store = running.enter_context(s3.start(place.directory / "s3")).url
            stripe = running.enter_context(stripe_double.start(place.directory / "stripe")).url
        since, ledger = clock.now(), cluster.dsn(system.database)
        _set_up(system, place, cluster, store, stripe, seed=None if go_on else seed)
        show.text("\nThe daemon is switched on. It was last seen a day ago.\n")
        _day(place, ledger, since)
        verdicts = _tell(place, ledger, since, clock.monotonic() - begun)
        keep.put_away(installation.objects_at(store), stripe, place.directory / "kept")
        if stay:
            _stay(place)
            keep.put_away(installation.objects_at(store), stripe, place.directory / "kept")
    if not stay:
        again = f"make demo SYSTEM={system.name}"
        show.text(f"Go on with this data: {again} CONTINUE=1. Look around in it: {again} KEEP=1.")
    if not verdicts or not set(verdicts) <= {"pass", "could not verify"}:  # no run is no pass
        raise Unproven("the day did not end well", hint=f"Look at the logs in {place.directory}.")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _step(what: str) -> Generator[None]:
    sys.stdout.write(f"  {what} ... ")
    sys.stdout.flush()
    begun = clock.monotonic()
    try:
        yield
    except BaseException:
        show.text("stopped")
        raise
    show.text(f"{clock.monotonic() - begun:.1f} s")


def _place(system: Shipped, running: ExitStack, *, go_on: bool) -> Place:
    """Return the demo's directory, locked while it runs, empty unless it goes on."""
    directory = Path(tempfile.gettempdir()) / f"lifecycle-demo-{os.getuid()}-{system.name}"
    if directory.exists() and directory.lstat().st_uid != os.getuid():
        raise Refused(f"{directory} is somebody else's", hint="Set TMPDIR to one of your own.")
    if go_on and not (directory / "kept" / "index.json").is_file():
        raise Refused(
            "there is no demo to continue", hint="Run `make demo` without CONTINUE first."
        )
    directory.mkdir(exist_ok=True)
    directory.chmod(0o711)  # the server's account passes through; what is inside is private
    _lock(directory, running)
    if not go_on:
        with suppress(Refused):  # its making or removal was cut short: no server lives there
            Cluster(directory / "pg", find_binaries()).destroy()
        for left in directory.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    return Place(directory)


def _lock(directory: Path, running: ExitStack) -> None:
    """Keep the directory to ourselves until the end. Raise Conflict while another demo runs in it."""
    handle = os.open(directory, os.O_RDONLY)
    running.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(
            f"another demo is running in {directory}",
            hint="End it with Ctrl-C in its terminal, or set TMPDIR to another directory.",
        ) from None


def _cluster(place: Place, running: ExitStack, *, go_on: bool) -> Cluster:
    binaries, directory = find_binaries(), place.directory / "pg"
    cluster = Cluster(directory, binaries)
    if not go_on:
        cluster = Cluster.create(directory, binaries, fast=True)
    running.callback(cluster.stop)
    cluster.start()
    return cluster


def _set_up(
    system: Shipped, place: Place, cluster: Cluster, store: str, stripe: str, *, seed: int | None
) -> None:
    """Bring the installation to the evening before; without a seed, bring back what was put away."""
    ledger = cluster.dsn(system.database)
    now = clock.now() if seed is not None else _unseen(ledger, clock.now())
    objects = installation.objects_at(store)
    installation.write_settings(system, place, cluster, store, stripe)
    if not installation.write_policy(system, place, now):
        show.text(f"  your policy is kept and used: {place.policy}")
    if seed is None:
        with _step("what the last demo left"):
            installation.make_buckets(objects, system.buckets.values())
            keep.give_back(objects, stripe, place.directory / "kept")
    else:
        with _step(f"the schema of {system.name}, {system.sample}"):
            installation.load(system, cluster, objects, stripe, seed=seed, now=now)
    with _step("lifecycle init"):
        _lifecycle(place, "init", LIFECYCLE_ADMIN_DSN=ledger)
    with _step("lifecycle policy check --live"):
        _lifecycle(place, "policy", "check", "--live")
    installation.be_absent(system, cluster, now)


def _unseen(dsn: str, now: datetime) -> datetime:
    """Return the newest minute whose slots no earlier demo has run: a slot runs once."""
    with psycopg.connect(dsn) as ledger:
        rows = ledger.execute("select scheduled_for from lifecycle.run").fetchall()
    seen = {slot for (slot,) in rows}
    now = now.replace(second=0, microsecond=0)
    while now - timedelta(hours=1) in seen:
        now -= timedelta(minutes=1)
    return now


def _lifecycle(place: Place, *words: str, **environment: str) -> None:
    """Run one command of the product. Raise CommandFailed with what it said."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "lifecycle", *words],
        env=_environment(place) | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode != 0:
        command = f"`lifecycle {' '.join(words)}`"
        raise CommandFailed(
            f"{command} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}".strip(),
            hint="Please report this with the lines above.",
        )


def _environment(place: Place) -> dict[str, str]:
    return dict(os.environ) | {"LIFECYCLE_SETTINGS": str(place.settings)}


def _day(place: Place, dsn: str, since: datetime) -> None:
    """Let the daemon work until nothing is due any more; say what it does as the ledger shows it."""
    with (
        _daemon(place, "--until-idle") as daemon,
        psycopg.connect(dsn, autocommit=True) as ledger,
    ):
        seen: dict[int, str] = {}
        while daemon.poll() is None:
            _progress(ledger, since, seen)
            time.sleep(0.2)
        _progress(ledger, since, seen)


@contextmanager
def _daemon(place: Place, *words: str) -> "Generator[subprocess.Popen[bytes]]":
    """Run the real daemon until the end of the block, and end it in order."""
    with (place.directory / "daemon.log").open("ab") as log:
        daemon = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "lifecycle", "daemon", *words],
            env=_environment(place),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we end it in order
        )
    try:
        yield daemon
    except KeyboardInterrupt:
        show.text("\n  stopping: the run that is going on is asked to end ...")
        raise
    finally:
        daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(timeout=90)
        daemon.kill()


def _progress(ledger: psycopg.Connection, since: datetime, seen: dict[int, str]) -> None:
    for run, job, state, verdict, summary in ledger.execute(_PROGRESS, {"since": since}):
        if seen.get(run) != state and state != "queued":
            seen[run] = state
            show.text(f"  {job:<20} {'...' if state == 'running' else f'{verdict}: {summary}'}")


def _tell(place: Place, dsn: str, since: datetime, seconds: float) -> list[str]:
    """Print what ran, what it changed and where the report lies; return the verdicts."""
    with psycopg.connect(dsn) as ledger:
        runs = ledger.execute(_RUNS, {"since": since}).fetchall()
        changes = ledger.execute(_CHANGES, {"since": since}).fetchall()
        unseen = ledger.execute(_UNSEEN, {"since": since}).fetchall()
    show.text("")
    show.table("What ran", ("job", "due", "verdict", "took", "found"), runs, as_json=False)
    show.text("")
    show.table("What it changed", ("event", "where", "of what", "how many"), changes, as_json=False)
    show.text("")
    show.table(
        "What nobody looked at: no pass over these", ("job", "place", "why"), unseen, as_json=False
    )
    found = (place.directory / "reports").rglob("report.html")
    reports = sorted(found, key=lambda report: report.stat().st_mtime)
    show.text(f"\nThe report: {reports[-1] if reports else 'none was written'}")
    show.text(f"Settings and policy, to read: {place.directory}")
    show.text(f"All of it took {seconds:.0f} s.")
    return [run[2] for run in runs]


def _stay(place: Place) -> None:
    """Keep everything running until Ctrl-C, with a daemon that serves its pages."""
    with suppress(KeyboardInterrupt), _daemon(place) as daemon:
        show.text("\nEverything keeps running until Ctrl-C, the daemon too. Look at its pages:")
        show.text(f"  http://{place.listen}/status")
        show.text("In another terminal:")
        show.text(f"  export LIFECYCLE_SETTINGS={place.settings}")
        show.text("  .venv/bin/lifecycle runs list")
        while daemon.poll() is None:
            time.sleep(0.2)
        raise CommandFailed(
            f"the daemon ended with exit code {daemon.returncode}",
            hint=f"It says why in {place.directory / 'daemon.log'}.",
        )
