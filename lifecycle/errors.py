"""Every refusal: what is wrong, a hint what to do, and an exit code that scripts may rely on.

Messages are lower case without a full stop and carry no personal value; hints are sentences.
`docs/exit-codes.md` lists the codes; a test holds the page and this file equal.
"""

from typing import ClassVar


class LifecycleError(Exception):
    """Something went wrong that no other class here names."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class InputError(LifecycleError):
    """The command line, the policy or the settings are wrong. Nothing was started."""

    exit_code = 2


class AccessDenied(LifecycleError):
    """A server refused the credentials, or a right is missing."""

    exit_code = 3


class Refused(LifecycleError):
    """It could be done and would be wrong to do. Nothing was changed."""

    exit_code = 4


class Interrupted(LifecycleError):
    """A person or the system asked to stop. The run can be resumed."""

    exit_code = 5


class NotFound(LifecycleError):
    """What was named does not exist."""

    exit_code = 6


class Conflict(LifecycleError):
    """Somebody else holds it, or the world has changed since the plan was shown."""

    exit_code = 7


class Unreachable(LifecycleError):
    """A server did not answer in time. Trying again later is safe."""

    exit_code = 8


class Unproven(LifecycleError):
    """A check ran and contradicts the promise."""

    exit_code = 9


class FindingsPresent(LifecycleError):
    """`doctor` or `check` found something to mend."""

    exit_code = 10


class CommandFailed(LifecycleError):
    """A program that was called (pg_dump, pg_restore, wal-g) ended with an error."""

    exit_code = 11


class DeadlineExceeded(LifecycleError):
    """A run or a call took longer than its time limit and was stopped."""

    exit_code = 12


class Fenced(Conflict):
    """This process no longer holds its run: another has taken it over, so nothing may be written."""
