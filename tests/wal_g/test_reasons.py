"""What a server's log says of a recovery that did not get to its point, and what that says of the backup."""

import pytest

from backups.wal_g import reasons
from lifecycle.errors import (
    AccessDenied,
    CommandFailed,
    LifecycleError,
    NotFound,
    Refused,
    Unproven,
    Unreachable,
)

OTHERWISE = CommandFailed("the copy's server ended", hint="Its log says why.")
RESTORED = 'LOG:  restored log file "000000010000000000000005" from archive\n'
LOST = (
    'FATAL:  could not restore file "000000010000000000000006" from archive: '
    "child process exited with exit code 255\n"
)


@pytest.mark.parametrize(
    ("log", "kind", "what"),
    [
        (
            RESTORED + "FATAL:  recovery ended before configured recovery target was reached",
            Unproven,
            "the log ends after 000000010000000000000005",
        ),
        (
            "FATAL:  requested timeline 2 is not a child of this server's history",
            Unproven,
            "timeline from which none leads to the point",
        ),
        (
            (
                "FATAL:  recovery aborted because of insufficient parameter settings\n"
                "DETAIL:  max_connections = 20 is a lower setting than on the primary server"
            ),
            Refused,
            "lower limits than the source had",
        ),
        (
            'FATAL:  could not access file "timescaledb": No such file or directory',
            NotFound,
            "lacks what the copy needs",
        ),
        (
            "FATAL:  could not locate required checkpoint record",
            Unproven,
            "the log of the base backup itself",
        ),
        ("PANIC:  could not write to file: No space left on device", Refused, "the disk is full"),
        ("lifecycle wal-fetch: wal-g ended with 1: lz4: invalid\n" + LOST, Unproven, "is damaged"),
        (
            "lifecycle wal-fetch: wal-g ended with 1: openpgp: incorrect key\n" + LOST,
            Unproven,
            "cannot be decrypted",
        ),
        (
            "lifecycle wal-fetch: wal-g ended with 1: AccessDenied\n" + LOST,
            AccessDenied,
            "refused WAL-G",
        ),
        (
            "lifecycle wal-fetch: wal-g ended with 1: dial tcp: connection refused\n" + LOST,
            Unreachable,
            "did not answer WAL-G",
        ),
        ("FATAL:  something that nobody has seen yet", CommandFailed, "nobody has seen yet"),
        ("", CommandFailed, "the copy's server ended"),
    ],
)
def test_what_a_log_says_is_told_by_what_it_is_of(
    log: str, kind: type[LifecycleError], what: str
) -> None:
    told = reasons.why(log, OTHERWISE)

    assert type(told) is kind
    assert what in told.what
