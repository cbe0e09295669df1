"""What can be wrong with lockers."""

from collections.abc import Iterator, Mapping

from lifecycle.admin.finding import Finding, Look, unknown
from lifecycle.system import System


def _keys(system: System) -> Iterator[Finding]:
    yield unknown(
        f"{system.name}: lost keys", "nobody counted the keys", "One may be lost.", "Count them."
    )


FINDINGS: Mapping[str, Look] = {"lost keys": _keys}
