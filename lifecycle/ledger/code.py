"""Holds that the application's code which runs in our statements is what a survey held against the policy.

An owner may exchange a function at any instant, and in a transaction of ours the newest runs, whatever the snapshot its
statements read by. So `effect` asks after the last statement and before the commit, over a connection of its own, which
sees what was committed until then: whatever could have run is seen, also when it was put back. Then everything is
undone. A look that leaves something in its session asks likewise. Only versions are compared here;
`policy/triggers.py` judges what they are.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import Refused
from lifecycle.postgres import statements_of_code
from lifecycle.postgres.shape import Catalog
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Code:
    """All functions, triggers and rules of a database, as they were when a catalog was read."""

    eyes: Connection[TupleRow]
    versions: str

    def must_stand(self) -> None:
        """Raise Refused when somebody has committed a change of any of it since."""
        if self.eyes.execute(statements_of_code.VERSIONS, prepare=True).fetchone() != (
            self.versions,
        ):
            raise Refused(
                "code of the application's was exchanged while the run was at work",
                hint="What would have been changed with it was undone. `lifecycle policy check --live` names what is "
                "not as it was declared; where it names nothing, a function that is not ours was changed: run again.",
            )

    @contextmanager
    def look(self, conn: Connection[TupleRow]) -> Generator[None]:
        """Open a transaction of one snapshot in which nothing is written, and what it leaves in its session lasts.

        A cursor, or rows in a temporary table. A look that leaves nothing is `System.snapshot`, and is rolled back:
        here only declared code has run, or nothing is left of it. Raise Refused as `must_stand`.
        """
        with conn.transaction():
            conn.execute(statements_of_code.LOOK_ONLY)
            yield
            self.must_stand()


@contextmanager
def code(system: System, catalog: Catalog) -> Generator[Code]:
    """Open the eyes. Raise as `System.connect` does."""
    with closing(system.connect("look at code", write=False)) as eyes:
        eyes.prepare_threshold = 0  # asked in each transaction, and planning it takes twice as long
        yield Code(eyes, catalog.code)
