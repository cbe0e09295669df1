"""What boto3 builds a client from, without reading and collecting again what is the same for every client.

Knows what of it takes longer than most calls: S3's own description, and what botocore does around any call. Keys and
regions are read anew each time, for they may change under a daemon. Never makes a client.
"""

import functools
from copy import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.hooks import HierarchicalEmitter
    from botocore.loaders import Loader
    from botocore.session import Session


def opened() -> "Session":
    """Return a session of botocore as `get_session` does; what it does around a call is a copy of its own."""
    from botocore.session import Session

    return Session(event_hooks=copy(_around()), include_builtin_handlers=False)


@functools.cache
def models() -> "Loader":
    """Return what S3's own description is read through, once per process."""
    from botocore.loaders import create_loader

    return create_loader()


@functools.cache
def _around() -> "HierarchicalEmitter":
    from botocore.hooks import HierarchicalEmitter
    from botocore.session import Session

    collected = HierarchicalEmitter()
    Session(event_hooks=collected)  # registers there what it has of its own
    return collected
