"""`lifecycle policy check --migration`: what migrations would newly make wrong with a policy, before they run."""

from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.config.load import Mistaken
from lifecycle.config.mistake import Lines
from lifecycle.migration import rehearse
from lifecycle.policy import newly, reality
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog
from lifecycle.settings.model import Settings, SystemSettings
from lifecycle.words import counted

_NO_ROWS = "what rows hold was not looked at: the copy has none"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the database would be after the migrations, and what to know of it."""

    catalog: Catalog
    notes: tuple[str, ...]


def judge(
    conn: Connection[TupleRow],
    info: str,
    policy: Policy,
    lines: Lines,
    picture: Catalog,
    files: list[Path],
) -> Foreseen:
    """Return what the migrations make of the database, whose picture this is.

    Raise Mistaken with every mistake that is there after them and was not before; else as `rehearse`.
    """
    said = rehearse.read(files)
    tried = rehearse.rehearse(conn, info, picture, said, _machine(policy, Path(lines.file)))
    before, after = reality.compare(policy, tried.before), reality.compare(policy, tried.after)
    new = [mistake for mistake in after.mistakes if mistake not in before.mistakes]
    counts = newly.unspoken(new, policy, tried.after)
    seen = newly.look(conn, policy, picture) if counts else {}
    unseen = tried.after.tables.keys() - picture.tables.keys()
    still = len(set(after.mistakes)) - len(set(new))
    old = (f"{counted(still, 'mistake')} of before: run the check without `--migration`",)
    notes = (*tried.notes, *(old if still else ()))
    if new:
        wrong = Mistaken(lines, newly.drafted(new, newly.Beside(policy, tried.after, seen, unseen)))
        wrong.hint = " ".join((wrong.hint, *(f"Not told: {note}." for note in notes)))
        raise wrong
    notes = (*notes, *(note for note in after.notes if note not in before.notes), _NO_ROWS)
    return Foreseen(tried.after, notes)


def _machine(policy: Policy, file: Path) -> Settings:
    """Return the settings of this machine; without a file of them, those that need none."""
    from lifecycle import settings_file

    if settings_file.find(None):
        return settings_file.settings_from(None)
    system = SystemSettings(policy=str(file.absolute()), dsn=f"dbname={policy.database}")
    return Settings(systems={policy.system: system}, base=Path.cwd())
