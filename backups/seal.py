"""Signs what a dump says about itself, and knows whose signature it must bear.

Where the settings name a key, a dump counts once it is signed: the signature lies beside the manifest and is written
last. Without a key nothing is signed and nothing asked: only the ledger knows then which manifest is ours.
"""

from dataclasses import dataclass, field

from lifecycle.errors import Unproven
from lifecycle.outside import signing
from lifecycle.outside.signing import PublicKey, SigningKey
from lifecycle.system import System

NAME = "manifest.sig"


@dataclass(frozen=True, slots=True)
class Seal:
    """The key that signs here, if one does, and those whose signatures count."""

    signs: SigningKey | None = field(repr=False)
    known: tuple[PublicKey, ...]

    @property
    def asked(self) -> bool:
        """Say whether a manifest without a signature is none."""
        return bool(self.known)

    @property
    def fingerprint(self) -> str | None:
        """Return by which key what is written here is signed."""
        return self.signs.public.fingerprint if self.signs else None

    def must_sign(self) -> None:
        """Raise InputError where a signature is asked for, and no key here can make one: a dump would not count."""
        if self.asked and self.signs is None:
            signing.signing_key(None)

    def must_be_on(
        self, text: bytes, signature: bytes | None, key: str, job: str = "backups.dump"
    ) -> None:
        """Raise Unproven where one is asked for, and this manifest is not signed by a key that counts here.

        `job` is what writes a signed one.
        """
        if not self.asked:
            return
        if signature is None:
            raise Unproven(
                f"the manifest of {key} is not signed",
                hint="It is from before there was a key, or somebody else's: "
                f"`lifecycle run {job}` takes a signed one.",
            )
        if not any(_signed(known, text, signature) for known in self.known):
            raise Unproven(
                f"the manifest of {key} is signed by no key that counts here",
                hint="Somebody changed it, or it was signed with an earlier key: name that one's public half under "
                "`public_keys:` in the settings.",
            )


def of(system: System) -> Seal:
    """Return the keys that the settings name. Raise InputError where one cannot be read."""
    secret, files = system.settings.signing_key, system.settings.public_keys
    signs = signing.signing_key(secret) if secret else None
    others = tuple(signing.public_key(system.machine.path(file)) for file in files)
    return Seal(signs, (*((signs.public,) if signs else ()), *others))


def _signed(known: PublicKey, text: bytes, signature: bytes) -> bool:
    try:
        known.must_have_signed(text, signature)
    except Unproven:
        return False
    return True
