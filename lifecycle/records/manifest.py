"""What an export says about itself: which month of which ledger, what it holds, and the bytes to know it by.

Pure. Stored beside the export and signed as the bytes it is. Holds counts and digests, never a row.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lifecycle.errors import Unproven

DATA, MANIFEST, SIGNATURE = ".jsonl.gz", ".manifest.json", ".manifest.sig"
"""How the three files of one export end; before that they have one name."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """One exported month. `counts` by `survey.KINDS`; `content` is the SHA-256 of its lines, `sha256` of its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["lifecycle.records.v1"] = "lifecycle.records.v1"
    system: str
    month: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]
    run: int
    exported_at: AwareDatetime
    counts: dict[str, int]
    content: Digest
    file: str
    size: Annotated[int, Field(ge=1, description="bytes")]
    sha256: Digest
    key: Annotated[Digest, Field(description="fingerprint of the public key that proves it")]

    def to_json(self) -> bytes:
        """Return the manifest as it is stored and signed."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def parse(text: bytes) -> Manifest:
    """Return the manifest. Raise Unproven when it is torn, altered or of another format."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError:
        raise Unproven(
            "this is not a manifest of an export of ours, or it is damaged",
            hint="Look who wrote to the bucket; versions of the object may have the one that was stored.",
        ) from None


def name(month: str, content: str) -> str:
    """Return what the files of an export are called: by month and content, so that the same content has one place."""
    return f"{month}-{content[:16]}"
