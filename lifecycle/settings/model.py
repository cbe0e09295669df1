"""Where things are on this machine: databases, buckets, key files, who is told. One YAML file.

The policy says what must happen and is reviewed like law; settings differ per machine. A secret is never
written here: it is named, as a file that only its owner can read or as an environment variable.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lifecycle.config.span import Span
from lifecycle.errors import InputError

Text = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """What all parts of the settings share."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", arbitrary_types_allowed=True
    )


class Secret(Part):
    """A secret, by the place where it stands: a file or an environment variable."""

    file: Text | None = Field(
        default=None, description="path of a file that only its owner can read (mode 600)"
    )
    env: Text | None = Field(default=None, description="name of an environment variable")

    @model_validator(mode="after")
    def _one_place(self) -> "Secret":
        if (self.file is None) == (self.env is None):
            raise ValueError("a secret stands in one place: `file: PATH` or `env: NAME`")
        return self

    def read(self, what: str) -> str:
        """Return the secret. Raise InputError when it is missing, empty, or readable by others."""
        if self.env is not None:
            value = os.environ.get(self.env, "")
            if not value:
                raise InputError(
                    f"{what}: environment variable {self.env} is not set",
                    hint=f"Export {self.env}.",
                )
            return value
        path = Path(self.file or "")
        try:
            mode = path.stat().st_mode
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{what}: cannot read secret file {path}",
                hint="Check that it exists and whose it is.",
            ) from error
        if mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
            raise InputError(
                f"{what}: secret file {path} is open to others (mode {stat.S_IMODE(mode):04o})",
                hint=f"Run `chmod 600 {path}`, and change the secret if others may have read it.",
            )
        if not value:
            raise InputError(
                f"{what}: secret file {path} is empty", hint="Write the secret into it."
            )
        return value


class S3(Part):
    """How to reach the object store. Without keys, boto3's own chain applies (instance role, environment)."""

    endpoint: Text | None = Field(default=None, description="URL of a store other than AWS")
    region: Text = Field(default="us-east-1", description="the region, as the store names it")
    access_key: Secret | None = Field(default=None, description="the key's id")
    secret_key: Secret | None = Field(default=None, description="the key's secret half")


class Stripe(Part):
    """How to reach Stripe."""

    key: Secret = Field(description="API key that may read and delete customers")
    address: Text | None = Field(default=None, description="base URL, for tests against a double")


class Recipient(Part):
    """Where somebody is told that a person was erased, whom the policy names under `erasure.recipients`."""

    url: Secret = Field(description="the address to POST to; it may carry a token")
    key: Secret = Field(
        description="the key both know: each message is signed with it (HMAC-SHA256)"
    )


class DdlLogin(Part):
    """The second login: it steps into the owners of tables, to make partitions and refresh statistics."""

    user: Text = Field(default="lifecycle_ddl", description="its user, on the same dsn")
    password: Secret | None = Field(
        default=None, description="its password; without one libpq's own places apply"
    )


class WalG(Part):
    """WAL-G as it is set up already: its program, and where it finds settings of its own, which stay as they are."""

    program: Text = Field(
        default="wal-g", description="the program; a bare name is searched in PATH"
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="of the program: another one is not run"
    )
    config: Text | None = Field(
        default=None, description="WAL-G's own configuration file; relative to this file"
    )
    environment: dict[str, Secret] = Field(
        default_factory=dict[str, Secret],
        description="a variable of WAL-G's -> where its value stands",
    )
    objects: Annotated[str, Field(pattern=r"^[^/\s]+(/\S+)?$")] | None = Field(
        default=None,
        description="where WAL-G's prefix lies, as one of `buckets:` and the folder in it: versions are seen and ended "
        "over `s3:`",
        examples=["wal/clinic"],
    )
    pgdata: Text | None = Field(
        default=None,
        description="the server's data directory, where it lies on this machine: base backups are taken of it",
    )
    memory_mb: Annotated[int, Field(ge=256)] = Field(
        default=2048, description="megabytes of memory that taking a base backup may need at most"
    )


class SystemSettings(Part):
    """Where one system's things are."""

    policy: Text = Field(description="the policy file; relative to this file")
    dsn: Text = Field(description="libpq connection string of the service role, without a password")
    password: Secret | None = Field(
        default=None, description="the role's password; without one libpq's own places apply"
    )
    ddl: DdlLogin = Field(
        default=DdlLogin(), description="the login that steps into owners of tables"
    )
    reference_key: Secret | None = Field(
        default=None,
        description="32 random bytes in hex: keys the references under which people appear in evidence",
    )
    signing_key: Secret | None = Field(
        default=None,
        description="Ed25519 private key in PEM: signs what is exported of the ledger before it is dropped, and what "
        "a dump says about itself",
    )
    public_keys: list[Text] = Field(
        default_factory=list[str],
        description="Ed25519 public keys in PEM, files: their signatures count beside the signing key's",
    )
    dump_recipients: list[Text] = Field(
        default_factory=list[str],
        description="for whom dumps are encrypted: recipients of age, like age1...; no secrets",
    )
    dump_identity: Secret | None = Field(
        default=None,
        description="private key of age that opens dumps: only drills and restores need it",
    )
    buckets: dict[str, Text] = Field(
        default_factory=dict[str, str], description="bucket name in the policy -> real name"
    )
    s3: S3 | None = Field(
        default=None, description="the object store; `{}` is AWS with its own key chain"
    )
    stripe: Stripe | None = Field(default=None, description="needed where the policy names a payer")
    recipients: dict[str, Recipient] = Field(
        default_factory=dict[str, Recipient],
        description="a name under `erasure.recipients` in the policy -> where and how they are told",
    )
    wal_g: WalG | None = Field(
        default=None, description="needed where the policy promises what WAL-G keeps"
    )


class Daemon(Part):
    """How the daemon works."""

    workers: Annotated[int, Field(ge=1, le=32)] = Field(
        default=2, description="runs at the same time, per daemon; each system may always have one"
    )
    tick: Span = Field(
        default=Span(15, "second"), description="how often it looks what is due and who is silent"
    )
    heartbeat: Span = Field(
        default=Span(10, "second"),
        description="how often a running run says that it is alive; after four silent ones it has lost its process",
    )
    drain: Span = Field(
        default=Span(60, "second"), description="how long SIGTERM waits for running runs"
    )
    listen: Text | None = Field(
        default="127.0.0.1:9877", description="address of /healthz /readyz /metrics; null: none"
    )

    @property
    def stale(self) -> timedelta:
        """Return the age of a last heartbeat at which a run has lost its process."""
        return 4 * self.heartbeat.at_least()


class Smtp(Part):
    """Alerts by mail."""

    host: Text = Field(description="the mail server")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=587, description="its port")
    starttls: bool = Field(default=True, description="encrypt; a password is never sent without")
    user: Text | None = Field(default=None, description="who logs in")
    password: Secret | None = Field(default=None, description="with which password")
    sender: Text = Field(description="the address that mails come from")
    to: Annotated[list[Text], Field(min_length=1)] = Field(description="the addresses they go to")


class Alerts(Part):
    """Who is told when a run fails, is lost or is missed. All that are given are used."""

    webhook: Secret | None = Field(
        default=None, description="URL that gets a JSON POST; a secret, as it carries a token"
    )
    smtp: Smtp | None = Field(default=None, description="mail")
    command: Annotated[list[Text], Field(min_length=1)] | None = Field(
        default=None, description="program and arguments; gets the alert as JSON on standard input"
    )

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the names of those that are given."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)


class Pings(Part):
    """Dead-man's switches outside this host: they raise the alarm when a ping does not come."""

    daemon: Secret | None = Field(
        default=None, description="ping URL that every daemon and worker calls at each tick"
    )
    systems: dict[str, Secret] = Field(
        default_factory=dict[str, Secret],
        description="system -> ping URL that is called at each tick which reached it and wrote there",
    )
    jobs: dict[str, Secret] = Field(
        default_factory=dict[str, Secret], description="job -> ping URL (healthchecks protocol)"
    )


class Settings(Part):
    """Everything about this machine."""

    systems: Annotated[dict[str, SystemSettings], Field(min_length=1)] = Field(
        description="system -> where its things are; the name is that of its policy"
    )
    reports: Text = Field(
        default="reports", description="directory for reports; relative to this file"
    )
    scratch: Text | None = Field(
        default=None, description="directory for dumps and restore drills; default: the system's"
    )
    postgres_binaries: Text | None = Field(
        default=None, description="directory with pg_dump, initdb ...; default: searched"
    )
    daemon: Daemon = Field(default=Daemon(), description="how the daemon works")
    alerts: Alerts = Field(default=Alerts(), description="who is told")
    pings: Pings = Field(default=Pings(), description="dead-man's switches outside this host")
    base: Path = Field(
        default=Path(),
        exclude=True,
        description="directory of the settings file, set when it is read",
    )

    def path(self, text: str) -> Path:
        """Return `text` as a path, relative ones from the directory of the settings file."""
        return self.base / text


TICK_LIMIT = timedelta(seconds=60)
"""A daemon whose tick is older is considered dead by /healthz."""


def secrets_of(part: object, place: str) -> Iterator[tuple[str, Secret]]:
    """Yield every secret below a part of the settings, with the keys that lead to it."""
    if isinstance(part, Secret):
        yield place, part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from secrets_of(getattr(part, name), f"{place}.{name}".lstrip("."))
    elif isinstance(part, Mapping):
        for name, inner in part.items():  # pyright: ignore[reportUnknownVariableType]
            yield from secrets_of(inner, f"{place}.{name}")  # pyright: ignore[reportUnknownArgumentType]
