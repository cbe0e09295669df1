"""Run the parts named on the command line, or all of them."""

import sys

from bench import (
    archive,
    batches,
    beside,
    catalog,
    claims,
    demo,
    drafts,
    erasure,
    idle,
    isolation,
    ledger,
    memory,
    partitions,
    peers,
    purge,
    search,
    startup,
    wal_g,
)

PARTS = {
    "batches": batches.measure,
    "startup": startup.measure,
    "catalog": catalog.measure,
    "claims": claims.measure,
    "drafts": drafts.measure,
    "erasure": erasure.measure,
    "idle": idle.measure,
    "isolation": isolation.measure,
    "ledger": ledger.measure,
    "memory": memory.measure,
    "partitions": partitions.measure,
    "nothing": partitions.nothing,
    "beside": beside.measure,
    "interval": peers.wrong_deletions,
    "purge": purge.measure,
    "archive": archive.measure,
    "search": search.measure,
    "watch": wal_g.watch,
    "drill": wal_g.drill,
    "demo": demo.measure,
}

unknown = sorted(set(sys.argv[1:]) - set(PARTS))
if unknown:
    sys.exit(
        f"error: no figure is called {', '.join(unknown)}\nhint: There are {', '.join(PARTS)}."
    )
for name in sys.argv[1:] or PARTS:
    print(f"\n{name}", flush=True)  # noqa: T201 - this is a command
    for line in PARTS[name]():
        print(f"  {line}", flush=True)  # noqa: T201
