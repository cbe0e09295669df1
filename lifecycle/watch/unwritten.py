"""Tells by another way what the ledger did not take: straight through the channels, from the process that keeps it.

A right that was taken away, a table that is locked or a full disk may refuse an alert and nothing else. Its run ends
all the same (`ledger/alerts.py`). Never raises: where no channel hears either, the log says which alert it was.
"""

import threading

from lifecycle.ledger import alerts
from lifecycle.settings.model import Alerts
from lifecycle.watch import alert


def tell(channels: Alerts, *, stop: threading.Event | None = None) -> None:
    """Send what this process keeps. What a channel took is kept no longer; the rest is sent at the next call.

    Takes as long as `alert.send` does, and nothing where nothing is kept.
    """
    kept = alerts.unwritten()
    heard = alert.send(channels, kept, stop=stop)
    for one in kept:
        if heard.get(one.id) or not channels.channels:
            alerts.told(one)
