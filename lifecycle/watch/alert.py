"""Delivers alerts: by webhook, mail and program, whichever the settings name.

An alert is a row, written with the state change it speaks of. Whoever delivers it takes a lease on the row
first, so that several daemons do not send it twice; one that dies in between leaves it to the next. What goes out
is the row and nothing else. Never decides what deserves an alert.
"""

import functools
import json
import smtplib
import ssl
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import redact, unexpected
from lifecycle.errors import InputError, LifecycleError
from lifecycle.ledger import alerts
from lifecycle.ledger.alerts import Alert
from lifecycle.outside import commands, web
from lifecycle.settings.model import Alerts, Settings, Smtp

LIMIT = timedelta(seconds=10)
"""How long one channel may take over one alert."""

BATCH = 10
"""Alerts that one turn sends. Each is taken by itself, so that the lease covers three channels that hang."""


def document(alert: Alert) -> bytes:
    """Return an alert as JSON: the row and nothing else."""
    words = {
        "system": alert.system,
        "job": alert.job,
        "run": alert.run,
        "kind": alert.kind,
        "message": redact.text(alert.message),
        "created_at": alert.created_at.isoformat(),
    }
    return json.dumps(words, ensure_ascii=False).encode()


def deliver(conn: Connection[TupleRow], settings: Settings, system: str) -> int:
    """Send the open alerts of `system` by every channel; return how many were taken by at least one.

    What no channel took is tried again after 1, 2, 4 ... 60 minutes. `conn` is in autocommit. Never raises for a
    channel; psycopg's errors pass.
    """
    channels = tuple(_channels(settings.alerts))
    if not channels:
        warn_nobody_is_told(system)
        return 0
    delivered = 0
    for _ in range(BATCH):
        alert = alerts.take(conn, system)
        if alert is None:
            break
        # Every channel is tried. One that took it is enough: a person has been told, and is not told again.
        taken = [_sent(name, send, alert) for name, send in channels]
        (alerts.delivered if any(taken) else alerts.failed)(conn, alert.id)
        delivered += any(taken)
    return delivered


@functools.cache
def warn_nobody_is_told(system: str) -> None:
    """Once per process: the daemon asks every few seconds."""
    structlog.get_logger().warning(
        "alert.not_configured", system=system, hint="Set a channel under `alerts:` in the settings."
    )


def _channels(alerts: Alerts) -> Iterator[tuple[str, Callable[[Alert], None]]]:
    if alerts.webhook is not None:
        yield "webhook", functools.partial(_webhook, alerts)
    if alerts.smtp is not None:
        yield "smtp", functools.partial(_mail, alerts.smtp)
    if alerts.command is not None:
        yield "command", functools.partial(_command, alerts.command)


def _sent(channel: str, send: Callable[[Alert], None], alert: Alert) -> bool:
    logger = structlog.get_logger()
    try:
        send(alert)
    except Exception as error:  # noqa: BLE001 - a channel that fails in its own way must not stop the others
        why = unexpected.explain(error)
        logger.warning(
            "alert.not_sent", channel=channel, alert=alert.id, error=why.what, hint=why.hint
        )
        return False
    logger.info("alert.sent", channel=channel, alert=alert.id, system=alert.system, job=alert.job)
    return True


def _webhook(alerts: Alerts, alert: Alert) -> None:
    assert alerts.webhook is not None
    web.post(alerts.webhook.read("alerts: webhook"), document(alert), kind="application/json")


def _command(argv: list[str], alert: Alert) -> None:
    with tempfile.TemporaryFile() as told:
        told.write(document(alert))
        told.seek(0)
        commands.run(argv, env={}, limit=LIMIT, stdin=told)


def _mail(smtp: Smtp, alert: Alert) -> None:
    if smtp.password is not None and not smtp.starttls:
        raise InputError(
            "alerts by mail would send a password unencrypted",
            hint="Set `starttls: true`, or take `user` and `password` out.",
        )
    letter = EmailMessage()
    letter["From"] = smtp.sender
    letter["To"] = ", ".join(smtp.to)
    letter["Subject"] = f"[lifecycle] {alert.system}: {alert.kind}" + (
        f" {alert.job}" if alert.job else ""
    )
    letter.set_content(
        f"{redact.text(alert.message)}\n\nsystem: {alert.system}\njob: {alert.job or '-'}\n"
        f"run: {alert.run or '-'}\nkind: {alert.kind}\nat: {alert.created_at.isoformat()}\n"
    )
    try:
        with smtplib.SMTP(smtp.host, smtp.port, timeout=LIMIT.total_seconds()) as server:
            if smtp.starttls:
                server.starttls(context=ssl.create_default_context())
            if smtp.user is not None and smtp.password is not None:
                server.login(smtp.user, smtp.password.read("alerts: smtp: password"))
            server.send_message(letter)
    except smtplib.SMTPException as error:  # its words quote addresses
        raise LifecycleError(
            f"{smtp.host} refused the mail ({type(error).__name__})",
            hint="Check user, password, sender and recipients under `alerts: smtp:`.",
        ) from None
