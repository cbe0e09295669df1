"""One day of Lifecycle over Vitalis, on a machine that has nothing but Python.

Starts a private PostgreSQL, an S3 server and a Stripe double, loads the sample system, and from then on does what
an ops engineer does with the same commands: `init`, `policy check`, `daemon`. The daemon finds that it was last
seen a day ago and works through the day's slots by its own catch-up rule; it does not know that it is a demo.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import make_conninfo
from ruamel.yaml import YAML

from lifecycle import clock, show
from lifecycle.errors import CommandFailed, Refused
from lifecycle.postgres.server import Cluster, find_binaries
from lifecycle.sandbox import s3, stripe_double
from lifecycle.systems import vitalis

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

SYSTEM = Path(vitalis.__file__).parent
BUCKETS = {"documents": "vitalis-documents", "backups": "vitalis-backups", "erasure-ledger": "vitalis-erasures"}
STRIPE_KEY = "sk_test_sandbox"
# The day in the order in which it reads best: one job an hour, the last one an hour ago.
DAY = ("partitions.create", "backups.dump", "retention.expire", "gdpr.erase", "backups.drill", "audit.report")

_ABSENT = """
    insert into lifecycle.schedule (system, job, cron, covered_until) values ('vitalis', %s, %s, %s)
        on conflict (system, job) do update set covered_until = excluded.covered_until
"""
_RUNS = """
    select job, scheduled_for, coalesce(verdict, state), finished_at - started_at, summary from lifecycle.run
     where queued_at >= %(since)s order by scheduled_for, id
"""
_PROGRESS = """
    select id, job, state, coalesce(verdict, state), coalesce(summary, '') from lifecycle.run
     where queued_at >= %(since)s order by id
"""
_CHANGES = """
    select event, target, sum(amount)::bigint, string_agg(distinct unit, ', ')
      from (select e.id, e.event, e.target, value::numeric as amount, key as unit
              from lifecycle.evidence e join lifecycle.run r on r.id = e.run_id, jsonb_each_text(e.counts)
             where r.queued_at >= %(since)s and e.kind in ('effect', 'outcome')) as change
     group by event, target having sum(amount) > 0 order by min(id)
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo keeps its things. Only this user enters, and the account of the PostgreSQL server."""

    directory: Path

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.directory / "lifecycle.yaml"

    @property
    def policy(self) -> Path:
        """The policy file."""
        return self.directory / "policy.yaml"

    def secret(self, name: str, value: str) -> str:
        """Write a secret that only its owner can read; return its path."""
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(value, encoding="utf-8")
        return str(path)


def main(*, go_on: bool, stay: bool, seed: int) -> None:
    """Run the day. `go_on` continues on the data of the last demo, `stay` leaves everything running until Ctrl-C.

    Raise LifecycleError when a part cannot be had. Whatever happens, nothing is left running.
    """
    signal.signal(signal.SIGTERM, _stop)
    started = clock.monotonic()
    place = _place(go_on=go_on)
    with ExitStack() as running:
        with _step("PostgreSQL"):
            cluster = _cluster(place, running, go_on=go_on)
        with _step("S3 server and Stripe double"):
            store = running.enter_context(s3.start(place.directory / "s3"))
            stripe = running.enter_context(stripe_double.start(place.directory / "stripe"))
        since = clock.now()
        if not go_on:
            _load(place, cluster, store.url, stripe.url, seed)
        with _step("checking the policy against the database"):
            _lifecycle(place, "policy", "check", "--live")
        _be_absent(cluster, since)
        show.text("\nThe daemon is switched on. It was last seen a day ago.\n")
        _daemon(place, cluster, since)
        verdicts = _tell(place, cluster, since, clock.monotonic() - started)
        if stay:
            _stay(place)
    if set(verdicts) != {"pass"}:
        raise CommandFailed("the day did not end well", hint=f"Look at the logs in {place.directory}.")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _step(what: str) -> Iterator[None]:
    sys.stdout.write(f"  {what} ... ")
    sys.stdout.flush()
    begun = clock.monotonic()
    yield
    show.text(f"{clock.monotonic() - begun:.1f} s")


def _place(*, go_on: bool) -> Place:
    """Return the demo's directory, empty unless it goes on. Raise Refused when it is somebody else's."""
    directory = Path(tempfile.gettempdir()) / f"lifecycle-demo-{os.getuid()}"
    if go_on and not (directory / "lifecycle.yaml").is_file():
        raise Refused("there is no demo to continue", hint="Run `make demo` without CONTINUE first.")
    if directory.exists() and directory.lstat().st_uid != os.getuid():
        raise Refused(f"{directory} belongs to somebody else", hint="Set TMPDIR to a directory of your own.")
    if not go_on:
        old = Cluster(directory / "pg", find_binaries())
        old.destroy()
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o711, exist_ok=True)  # the server's account passes through; what is inside is private
    return Place(directory)


def _cluster(place: Place, running: ExitStack, *, go_on: bool) -> Cluster:
    binaries = find_binaries()
    directory = place.directory / "pg"
    cluster = Cluster(directory, binaries) if go_on else Cluster.create(directory, binaries, fast=True)
    running.callback(cluster.stop)
    cluster.start()
    return cluster


def _load(place: Place, cluster: Cluster, store: str, stripe: str, seed: int) -> None:
    """Make the sample system and install the product beside it, as an administrator would."""
    _write_settings(place, cluster, store, stripe)
    with _step("the Vitalis schema, 120 people and their files"):
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            admin.execute("create database vitalis")
        with psycopg.connect(cluster.dsn("vitalis"), autocommit=True) as admin:
            admin.execute((SYSTEM / "schema.sql").read_bytes())
            from lifecycle.systems.vitalis import sample

            payer = StripeAccount(stripe)
            sample.load(admin, _buckets(store), BUCKETS["documents"], payer, seed=seed, now=clock.now())
    with _step("lifecycle init"):
        _lifecycle(place, "init", LIFECYCLE_ADMIN_DSN=cluster.dsn("vitalis"))


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """Opens customers at the double, as the application would have."""

    url: str

    def create_customer(self, email: str, name: str) -> str:
        """Create a customer; return its id."""
        import stripe

        client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": self.url})
        return client.v1.customers.create(params={"email": email, "name": name}).id


def _buckets(url: str) -> "S3Client":
    import boto3

    client: S3Client = boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        endpoint_url=url,
        region_name=s3.REGION,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
    )
    for bucket in BUCKETS.values():
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return client


def _write_settings(place: Place, cluster: Cluster, store: str, stripe: str) -> None:
    yaml = YAML()
    policy = yaml.load((SYSTEM / "policy.yaml").read_text(encoding="utf-8"))
    policy["schedule"] = _schedule(clock.now())
    yaml.dump(policy, place.policy)
    system = {
        "policy": place.policy.name,
        "dsn": make_conninfo(cluster.dsn("vitalis"), user="lifecycle"),
        "reference_key": {"file": place.secret("reference.key", secrets.token_hex(32))},
        "buckets": BUCKETS,
        "s3": {
            "endpoint": store,
            "region": s3.REGION,
            "access_key": {"file": place.secret("s3-access.key", s3.ACCESS_KEY)},
            "secret_key": {"file": place.secret("s3-secret.key", s3.SECRET_KEY)},
        },
        "stripe": {"key": {"file": place.secret("stripe.key", STRIPE_KEY)}, "address": stripe},
    }
    settings = {
        "systems": {"vitalis": system},
        "reports": "reports",
        # One run at a time, so that the day reads from top to bottom.
        "daemon": {"workers": 1, "tick": "1 second", "listen": None},
    }
    yaml.dump(settings, place.settings)


def _schedule(now: datetime) -> dict[str, str]:
    """Return the day's jobs, each once a day, an hour apart, the last one an hour before `now`."""
    hours = range(len(DAY), 0, -1)
    slots = [now - timedelta(hours=hour) for hour in hours]
    return {job: f"{slot.minute} {slot.hour} * * *" for job, slot in zip(DAY, slots, strict=True)}


def _be_absent(cluster: Cluster, now: datetime) -> None:
    """Leave the ledger as a daemon leaves it that was switched off a day ago."""
    with psycopg.connect(cluster.dsn("vitalis")) as admin:
        for job, cron in _schedule(now).items():
            admin.execute(_ABSENT, (job, cron, now - timedelta(days=1)))


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
        raise CommandFailed(
            f"`lifecycle {' '.join(words)}` ended with exit code {done.returncode}:\n{done.stderr.strip()}",
            hint="Please report this with the lines above.",
        )


def _environment(place: Place) -> Mapping[str, str]:
    return dict(os.environ) | {"LIFECYCLE_SETTINGS": str(place.settings)}


def _daemon(place: Place, cluster: Cluster, since: datetime) -> None:
    """Run the real daemon until nothing is due any more; say what it does as the ledger shows it."""
    with (place.directory / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "lifecycle", "daemon", "--until-idle"],
            env=_environment(place),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we end it in order
        )
        try:
            with psycopg.connect(cluster.dsn("vitalis"), autocommit=True) as ledger:
                seen: dict[int, str] = {}
                while daemon.poll() is None:
                    _progress(ledger, since, seen)
                    time.sleep(0.2)
                _progress(ledger, since, seen)
        finally:
            daemon.terminate()
            try:
                daemon.wait(timeout=90)
            except subprocess.TimeoutExpired:
                daemon.kill()


def _progress(ledger: psycopg.Connection, since: datetime, seen: dict[int, str]) -> None:
    for run, job, state, verdict, summary in ledger.execute(_PROGRESS, {"since": since}):
        if seen.get(run) != state and state != "queued":
            seen[run] = state
            show.text(f"  {job:<20} {'...' if state == 'running' else f'{verdict}: {summary}'}")


def _tell(place: Place, cluster: Cluster, since: datetime, seconds: float) -> list[str]:
    """Print what ran, what it changed and where the report lies; return the verdicts."""
    with psycopg.connect(cluster.dsn("vitalis")) as ledger:
        runs = ledger.execute(_RUNS, {"since": since}).fetchall()
        changes = ledger.execute(_CHANGES, {"since": since}).fetchall()
    show.text("")
    show.table("What ran", ("job", "due", "verdict", "took", "found"), runs, as_json=False)
    show.table("What it changed", ("event", "where", "how many", "of what"), changes, as_json=False)
    reports = sorted((place.directory / "reports").rglob("report.html"), key=lambda p: p.stat().st_mtime)
    show.text(f"The report: {reports[-1] if reports else 'none was written'}")
    show.text(f"Settings and policy, to read and to try commands on: {place.settings}")
    show.text(f"All of it took {seconds:.0f} s.")
    return [run[2] for run in runs]


def _stay(place: Place) -> None:
    """Keep everything running until Ctrl-C."""
    command = json.dumps(str(place.settings))
    show.text(f"\nEverything keeps running until Ctrl-C. In another terminal:\n  export LIFECYCLE_SETTINGS={command}")
    show.text("  .venv/bin/lifecycle runs list")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        show.text("\nStopped.")
