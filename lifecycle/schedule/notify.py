"""Tells systemd how the daemon is (sd_notify). Does nothing where systemd did not start it."""

import os
import socket


def notify(message: str) -> None:
    """Send `READY=1`, `STOPPING=1` or `WATCHDOG=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        link.connect("\0" + address[1:] if address.startswith("@") else address)
        link.send(message.encode())
