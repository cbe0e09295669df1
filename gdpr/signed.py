"""Writes a signed certificate down, as JSON and as a page that names it by its digest. `backups/signed.py` signs."""

from pathlib import Path
from typing import Any

from audit.render import number, together, when, words
from audit.report import digest as sha256
from backups.signed import spelled
from lifecycle.errors import Refused

FILES = ("certificate.json", "certificate.html")


def write(directory: Path, document: dict[str, Any]) -> str:
    """Write both files into the new `directory`, together; return the SHA-256 of the JSON. Raise Refused."""
    body = spelled(document)
    try:
        together(directory, {FILES[0]: body, FILES[1]: page(document).encode()})
    except OSError as error:
        raise Refused(
            f"the certificate cannot be written to {directory}: {error.strerror}",
            hint="Name another directory with `-o DIR`, or see whose that is.",
        ) from None
    return sha256(body)


def page(document: dict[str, Any]) -> str:
    """Return the certificate as a page that needs nothing from anywhere; it names the JSON by its digest."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader("gdpr"), PackageLoader("audit")]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "when": when, "words": words}
    template = environment.get_template("certificate.html")
    return template.render(of=document, digest=sha256(spelled(document)))
