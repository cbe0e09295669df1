"""Says something to a web address: a webhook, a dead-man's switch. Hears nothing but yes or no.

The address is a secret (it carries a token): no error names more than its host. Redirects are not followed, so
that a token is sent nowhere but where it was meant to go. Never reads an answer's body.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lifecycle import __version__
from lifecycle.errors import InputError, Refused, Unreachable

SECONDS = 10
"""How long connecting, and each wait for an answer, may take."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the end."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


_opener = urllib.request.build_opener(_Stay)


def post(url: str, body: bytes, *, kind: str, headers: Mapping[str, str] | None = None) -> None:
    """POST `body` of this content type, with these headers besides.

    Raise InputError, Unreachable, or Refused when the answer is a plain no.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(
            "a web address begins with neither http:// nor https://",
            hint="Correct the file or variable that holds it.",
        )
    own = {"Content-Type": kind, "User-Agent": f"lifecycle/{__version__}"}
    request = urllib.request.Request(url, data=body, headers=own | dict(headers or {}))  # noqa: S310 - checked above
    try:
        with _opener.open(request, timeout=SECONDS):
            return
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 500 or error.code == 429:
            raise Unreachable(
                f"{parts.hostname} answered {error.code}", hint="It is tried again."
            ) from None
        raise Refused(
            f"{parts.hostname} answered {error.code}",
            hint="Check the address: its token may have been withdrawn.",
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Unreachable(
            f"{parts.hostname} did not take it ({type(reason).__name__})",
            hint="Check the address, DNS, proxy and firewall.",
        ) from None
