"""What WAL-G noted of damaged pages on the source while it took a base backup: it stores them all the same.

It looks where it was called with `--verify`, or has `WALG_VERIFY_PAGE_CHECKSUMS`, and the server has checksums.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from pydantic import BaseModel, Field, ValidationError

from backups.wal_g.program import Program
from lifecycle.errors import CommandFailed, NotFound
from lifecycle.outcome import Failure
from lifecycle.words import counted

_HINT = (
    "They were damaged on the server itself: look at what lies there (`pg_amcheck`, `pg_checksums`) before its older "
    "base backups end, and come back to one of before."
)


class _Blocks(BaseModel):
    many: int = Field(default=0, alias="CorruptBlocksCount")


class _File(BaseModel):
    blocks: _Blocks | list[int] | None = Field(default=None, alias="CorruptBlocks")

    @property
    def damaged(self) -> int:
        """Return how many pages were noted; older versions list them."""
        return self.blocks.many if isinstance(self.blocks, _Blocks) else len(self.blocks or ())


class _Said(BaseModel):
    files: dict[str, _File] = Field(default_factory=dict[str, _File], alias="Files")


def damaged(walg: Program, name: str) -> Iterator[Failure]:
    """Yield that WAL-G found damaged pages when it took this base backup. Raise as `Program.run`."""
    noted = {file: said.damaged for file, said in _files(walg, name).items() if said.damaged}
    if noted:
        first, pages = min(noted), counted(sum(noted.values()), "damaged page")
        what = f"WAL-G found {pages} on the server when it took it, in {counted(len(noted), 'file')}: {first} for one"
        yield Failure(name, what, _HINT)


def _files(walg: Program, name: str) -> Mapping[str, _File]:
    """Return what it says of each file, where it says that any is damaged; nothing where nobody can tell."""
    for place in (f"{name}/files_metadata.json", f"{name}_backup_stop_sentinel.json"):
        try:
            text = walg.run("st", "cat", f"basebackups_005/{place}")
        except (CommandFailed, NotFound):
            continue  # each version has one of these two, or has been told to keep none
        if '"CorruptBlocks"' in text:  # a server may have millions of files
            with suppress(ValidationError):
                return _Said.model_validate_json(text).files
    return {}
