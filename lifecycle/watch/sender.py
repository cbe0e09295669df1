"""The process that sends alerts: `python -m lifecycle.watch.sender`. It can be killed at any instant.

A name server, a TLS handshake or a webhook that answers a byte every few seconds can hold a caller for as long as it
likes. So each channel has its time in all (SIGALRM), and whoever started this process ends it when even that does not
help. Reads what to send from standard input, and says for each alert and channel how it went, a line at a time.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from types import FrameType
from typing import Any

from lifecycle import log, unexpected
from lifecycle.errors import LifecycleError, Unreachable
from lifecycle.ledger.alert import Alert
from lifecycle.settings.model import Alerts
from lifecycle.watch.channel import LIMIT, channels


def main() -> None:
    """Send every alert by every channel. A channel that ran out of time once is not asked again."""
    log.configure()
    asked = json.load(sys.stdin)
    starter = os.getppid()
    signal.signal(signal.SIGALRM, _too_long)
    tired: set[str] = set()
    for words in asked["messages"]:
        alert = _alert(words)
        for name, send in channels(Alerts.model_validate_json(asked["alerts"])):
            if os.getppid() != starter:
                return  # nobody would write down that it was sent
            error = _slow() if name in tired else _attempt(send, alert)
            if isinstance(error, Unreachable) and error.what == _slow().what:
                tired.add(name)
            _tell(alert, name, error)


def _attempt(send: Callable[[Alert], None], alert: Alert) -> LifecycleError | None:
    # Again and again: what tidies up after the first one may wait as well.
    signal.setitimer(signal.ITIMER_REAL, LIMIT.total_seconds(), 1)
    try:
        send(alert)
    except Exception as error:  # noqa: BLE001 - a channel that fails in its own way must not stop the others
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        return _slow() if left <= 1 else unexpected.explain(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def _slow() -> LifecycleError:
    return Unreachable(
        f"it took longer than {LIMIT.seconds} s", hint="See what the other side waits for."
    )


def _alert(words: Mapping[str, Any]) -> Alert:
    fields: dict[str, Any] = {**words, "created_at": datetime.fromisoformat(words["created_at"])}
    return Alert(**fields)


def _tell(alert: Alert, channel: str, error: LifecycleError | None) -> None:
    said = {"id": alert.id, "channel": channel, "sent": error is None}
    if error is not None:
        said |= {"error": error.what, "hint": error.hint}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
