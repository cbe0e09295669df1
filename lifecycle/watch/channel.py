"""How an alert leaves this machine: by webhook, mail and program, whichever the settings name.

What goes out is the alert and nothing else. Each channel waits for its other side as long as it is let: whoever calls
keeps the time (`sender.py`).
"""

import functools
import json
import smtplib
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage

from lifecycle import redact
from lifecycle.errors import InputError, LifecycleError
from lifecycle.ledger.alert import Alert
from lifecycle.outside import memory, web
from lifecycle.settings.model import Alerts, Smtp
from lifecycle.words import moment

LIMIT = timedelta(seconds=10)
"""How long one channel may take over one alert, all in all."""


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


def channels(alerts: Alerts) -> Iterator[tuple[str, Callable[[Alert], None]]]:
    """Yield each channel's name, and what sends an alert through it or raises."""
    if alerts.webhook is not None:
        yield "webhook", functools.partial(_webhook, alerts)
    if alerts.smtp is not None:
        yield "smtp", functools.partial(_mail, alerts.smtp)
    if alerts.command is not None:
        yield "command", functools.partial(_command, alerts.command)


def _webhook(alerts: Alerts, alert: Alert) -> None:
    assert alerts.webhook is not None
    web.post(alerts.webhook.read("alerts: webhook"), document(alert), kind="application/json")


def _command(argv: list[str], alert: Alert) -> None:
    from lifecycle.outside import commands  # whoever sends by webhook or mail runs no program

    with memory.file() as told:
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
        f"run: {alert.run or '-'}\nkind: {alert.kind}\nat: {moment(alert.created_at)}\n"
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
