"""What `doctor` looks at beside a system's database: programs, disk, buckets, Stripe, keys, the calendar.

Reads only. The one question to Stripe is for a customer who cannot exist: an answer proves the key, and no person's
data is fetched for it.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from lifecycle import clock, cron, rooms
from lifecycle.admin import statements
from lifecycle.admin.finding import Finding, absent, bad, fine, refused, survive, unknown
from lifecycle.errors import LifecycleError
from lifecycle.outside import keys, objects
from lifecycle.policy import whole
from lifecycle.postgres import catalog as catalogs
from lifecycle.postgres.server import Binaries, find_binaries
from lifecycle.settings.model import Stripe
from lifecycle.system import System


def findings(system: System) -> Iterator[Finding]:
    """Look at everything outside."""
    looks: dict[str, Callable[[System], Iterator[Finding]]] = {
        "reference key": _reference_key,
        "buckets": _buckets,
        "Stripe": _stripe,
        "programs": _programs,
        "scratch": _scratch,
        "clock changes": _clock_changes,
    }
    for name, look in looks.items():
        yield from survive(f"{system.name}: {name}", partial(look, system))


def _reference_key(system: System) -> Iterator[Finding]:
    label = f"{system.name}: reference key"
    if system.settings.reference_key is None and whole.named(system.policy, "erasure") is None:
        yield absent(label, "none is set", "", "An erasure will need one.")
        return
    try:
        keys.reference_key(system.settings.reference_key)
    except LifecycleError as error:
        yield refused(label, error, "Evidence names people by keyed references only.")
        return
    yield fine(label, "32 bytes, readable by its owner alone")


def used_buckets(system: System) -> list[str]:
    """Return the buckets that the policy speaks of, by its own names for them."""
    found = {table.bucket for table in system.policy.tables.values() if table.bucket}
    if _dumps(system) is not None:
        found.add(_dumps(system).bucket)
    return sorted(found)


def _dumps(system: System) -> Any:
    return getattr(whole.named(system.policy, "backups"), "dumps", None)


def _buckets(system: System) -> Iterator[Finding]:
    label = f"{system.name}: buckets"
    used = used_buckets(system)
    if not used:
        yield fine(label, "the policy needs none")
        return
    store = objects.store(system)
    for bucket in used:
        try:
            store.exists(bucket, ".lifecycle-doctor")
        except LifecycleError as error:
            yield refused(label, error, "Objects of a person, or dumps, could not be reached.")
            continue
        yield _versioning(label, store, bucket)


def _versioning(label: str, store: objects.Objects, bucket: str) -> Finding:
    real = store.buckets[bucket]
    why = "Without versions an object that somebody overwrites or deletes by mistake is gone."
    try:
        status = store.client.get_bucket_versioning(Bucket=real).get("Status", "Off")
    except Exception as error:  # noqa: BLE001 - a right that only this question needs
        what = (
            f"{real} answers, but does not say whether it keeps versions ({type(error).__name__})"
        )
        return unknown(label, what, why, "Allow s3:GetBucketVersioning, or look yourself.")
    if status != "Enabled":
        fix = f"aws s3api put-bucket-versioning --bucket {real} --versioning-configuration Status=Enabled"
        return bad(label, f"{real} keeps no versions ({status.lower()})", why, fix)
    return fine(label, f"{real} answers and keeps versions")


def _stripe(system: System) -> Iterator[Finding]:
    label = f"{system.name}: Stripe"
    payers = [kind for kind, subject in system.policy.subjects.items() if subject.payer]
    if not payers:
        yield fine(label, "the policy names no payer")
    elif system.settings.stripe is None:
        yield bad(
            label,
            f"the policy names the payer of {', '.join(payers)}, and no key is set",
            "An erasure could not close the customer and would stop there.",
            "Name the key's file under `stripe: {key: {file: ...}}` in the system's settings.",
        )
    else:
        yield _stripe_key(label, system.settings.stripe)


def _stripe_key(label: str, settings: Stripe) -> Finding:
    import stripe

    why = "An erasure could not close the customer and would stop there."
    client = stripe.StripeClient(
        settings.key.read("stripe: key"),
        base_addresses={"api": settings.address} if settings.address else {},
        http_client=stripe.RequestsClient(timeout=10),
        max_network_retries=0,
    )
    try:
        client.v1.customers.retrieve("cus_lifecycle_doctor")
    except stripe.AuthenticationError:
        return bad(label, "Stripe refuses the key", why, "Put a valid key into its file.")
    except stripe.PermissionError:
        fix = "Allow the restricted key to read and write customers and subscriptions."
        return bad(label, "the key may not read customers", why, fix)
    except stripe.InvalidRequestError:  # no such customer: the key opened the door
        return fine(label, "the key is valid")
    except stripe.StripeError as error:
        what = f"Stripe did not answer ({type(error).__name__})"
        return unknown(label, what, why, "Check the network; try again later.")
    return fine(label, "the key is valid")


def _binaries(system: System) -> Binaries:
    named = system.machine.postgres_binaries
    return find_binaries(system.machine.path(named) if named else None)


def _programs(system: System) -> Iterator[Finding]:
    label = f"{system.name}: programs"
    if _dumps(system) is None:
        yield fine(label, "the policy asks for no dumps")
        return
    why = (
        "Dumps and their restore drills need PostgreSQL's own programs, not older than the server."
    )
    try:
        binaries = _binaries(system)
        program = binaries.tool("pg_dump")
    except LifecycleError as error:
        yield refused(label, error, why)
        return
    with system.connect("doctor", write=False) as conn:
        catalog = catalogs.read(conn)
    if binaries.major < catalog.version:
        what = f"{program} is of version {binaries.major}, the server of {catalog.version}"
        fix = f"Install PostgreSQL {catalog.version}, and name it under `postgres_binaries:`."
        yield bad(label, what, why, fix)
        return
    yield fine(label, f"pg_dump {binaries.major} for a server of version {catalog.version}")
    yield from _extensions(label, binaries, sorted(set(catalog.extensions) - {"plpgsql"}))


def _extensions(label: str, binaries: Binaries, wanted: list[str]) -> Iterator[Finding]:
    """Say which extensions of the database the private server of a drill does not have."""
    if not wanted:
        return
    why = "A restore drill makes the database anew in a private server, extensions and all."
    try:
        share = Path(binaries.run("pg_config", "--sharedir", cwd=Path("/"), timeout=20).strip())
    except LifecycleError as error:
        yield unknown(label, "cannot tell which extensions are installed here", why, error.hint)
        return
    missing = [e for e in wanted if not (share / "extension" / f"{e}.control").is_file()]
    for extension in missing:
        what = f"extension {extension} of the database is not installed on this machine"
        yield bad(label, what, why, f"Install it for PostgreSQL {binaries.major}.")
    if not missing:
        yield fine(label, f"the extensions {', '.join(wanted)} are installed here too")


def _scratch(system: System) -> Iterator[Finding]:
    label = f"{system.name}: scratch"
    if _dumps(system) is None:
        yield fine(label, "nothing is dumped or restored here")
        return
    named = system.machine.scratch
    place = system.machine.path(named) if named else Path(tempfile.gettempdir())
    why = "A dump and the restored database lie there at the same time, for the length of a drill."
    if not place.is_dir():
        yield bad(label, f"{place} is no directory", why, f"mkdir -m 700 {place}")
        return
    with system.connect("doctor", write=False) as conn:
        row = conn.execute(statements.SIZE).fetchone()
    assert row is not None
    needed, free = 2 * row[0], shutil.disk_usage(place).free
    what = f"{place}: {free >> 20:,} MiB free, {needed >> 20:,} MiB needed (twice the database)"
    if free < needed:
        yield bad(label, what, why, "Name a larger place under `scratch:` in the settings.")
    else:
        yield fine(label, what)


def _clock_changes(system: System) -> Iterator[Finding]:
    label, zone = f"{system.name}: clock changes", system.policy.timezone
    risky = [
        (job.name, local)
        for job in rooms.jobs(system.policy)
        if (local := _in_a_risky_hour(job.cron, zone)) is not None
    ]
    for name, local in risky:
        yield unknown(
            label,
            f"{name} is due at {local} in {zone}, an hour that is skipped in spring and comes twice in autumn",
            "It then runs right after the gap, and once in autumn: an hour off what somebody may expect.",
            f"Under `schedule:` move {name} out of that hour, or set `timezone: UTC`.",
        )
    if not risky:
        yield fine(label, f"no job is due in an hour that {zone} skips or repeats")


def _in_a_risky_hour(expression: str, zone: str) -> str | None:
    """Return the wall-clock time of a slot that some day of the coming year skips or has twice, if there is one."""
    here, today = cron.zone(zone), clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (today + timedelta(days=number) for number in range(1, 367)):
        if not cron.changes_clock(day, zone):
            continue
        # Read on the wall: in UTC every hour of the day is there once.
        for slot in cron.slots(expression, "UTC", day, day + timedelta(days=1)):
            wall = slot.replace(tzinfo=here)
            if wall.utcoffset() != wall.replace(fold=1).utcoffset():
                return f"{wall:%H:%M}"
    return None
