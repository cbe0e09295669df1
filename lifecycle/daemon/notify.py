"""Tells systemd how the daemon is (sd_notify). Does nothing where systemd did not start it."""

import contextlib
import os
import socket


def notify(message: str) -> None:
    """Send `READY=1`, `STOPPING=1` or `WATCHDOG=1`. Never waits and never fails: the next word comes in a moment."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with (
        contextlib.suppress(OSError),  # systemd starts anew, or has not read the last words yet
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link,
    ):
        link.setblocking(False)
        link.connect("\0" + address[1:] if address.startswith("@") else address)
        link.send(message.encode())
