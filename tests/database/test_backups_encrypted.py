"""Dumps are ciphertext before they leave the machine, opened by their key alone, and a bare one is found."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pyrage
import pytest

from backups import dump, manifest, measure, roles, shelf, structure
from backups.one_table import copied
from backups.timings import Timings
from lifecycle.errors import InputError
from lifecycle.outcome import Verdict
from lifecycle.outside import age
from lifecycle.policy import whole
from tests import build
from tests.database.test_backups import CANARY, NOW, World, world
from tests.keep import work

__all__ = ["world"]


def new_key(directory: Path, name: str) -> tuple[str, dict[str, str]]:
    """Return a new recipient, and how the settings name the file of its key."""
    key = pyrage.x25519.Identity.generate()
    text = f"# created: today\n# public key: {key.to_public()}\n{key}\n"
    return str(key.to_public()), build.secret(directory, name, text)


def with_settings(world: World, **changed: object) -> World:
    settings = world.system.settings
    made = settings.model_validate(settings.model_dump() | changed)
    return replace(world, system=replace(world.system, settings=made))


@pytest.fixture
def encrypted(world: World, tmp_path: Path) -> World:
    """The world with a policy that wants ciphertext, for two recipients, and the key of the second."""
    (first, _), (second, key) = new_key(tmp_path, "one.key"), new_key(tmp_path, "two.key")
    dumps = {"bucket": "backups", "prefix": "daily/", "encrypt": True}
    policy = whole.model().model_validate(
        world.system.policy.model_dump(include={"system", "database", "timezone"})
        | {"tables": {}, "backups": {"dumps": dumps}}
    )
    made = replace(world, system=replace(world.system, policy=policy))
    return with_settings(made, dump_recipients=[first, second], dump_identity=key)


def test_what_is_stored_is_ciphertext_and_the_drill_opens_it(encrypted: World):
    taken = encrypted.dump()
    data = encrypted.read(taken.key)
    beside = encrypted.read(manifest.beside(taken.key, roles.NAME))
    assert data.startswith(age.MAGIC)
    assert beside.startswith(age.MAGIC)
    assert b"PGDMP" not in data
    assert CANARY.encode() not in data + encrypted.read(manifest.beside(taken.key))
    assert taken.encryption is not None
    assert taken.encryption.recipients == tuple(encrypted.system.settings.dump_recipients)
    assert taken.size == len(data) != taken.encryption.size
    with psycopg.connect(encrypted.admin) as conn:
        held, made_of = measure.tables(conn), structure.read(conn)
    told = str(taken.to_json())
    guessed = [content.digest for content in held.values() if content.rows]
    guessed += [digest for kind in made_of.objects.values() for digest in kind.values()]
    assert guessed
    assert not [digest for digest in guessed if len(digest) > 9 and digest in told]
    with copied.rows(encrypted.system, taken, copied.Wanted("people"), Timings()) as found:
        assert found.conn.execute("select count(*) from public.people").fetchall() == [(301,)]
    outcome = encrypted.drill()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
    assert encrypted.left_behind() == []


def test_without_the_right_key_nothing_is_known_of_a_dump_and_the_missing_one_is_named(
    encrypted: World, tmp_path: Path
):
    encrypted.dump()
    recipients = encrypted.system.settings.dump_recipients
    _, other = new_key(tmp_path, "other.key")
    cases = {
        "no key is set that opens": with_settings(encrypted, dump_identity=None),
        "does not open what was encrypted for": with_settings(encrypted, dump_identity=other),
    }
    for said, other_world in cases.items():
        outcome = other_world.drill()
        assert outcome.verdict is Verdict.UNVERIFIED, outcome.summary
        assert said in outcome.summary
        assert recipients[1] in outcome.summary
        assert "AGE-SECRET-KEY" not in str(outcome)
        assert other_world.left_behind() == []


def test_a_dump_that_is_not_encrypted_is_found_where_the_policy_wants_it(
    world: World, encrypted: World
):
    taken = world.dump()
    outcome = encrypted.drill()
    assert outcome.verdict is Verdict.FAIL
    assert (taken.key, "it is not encrypted, and the policy says that dumps are") in [
        (f.target, f.what) for f in outcome.failures
    ]


def test_ciphertext_that_was_altered_is_a_bad_dump(encrypted: World):
    taken = encrypted.dump()
    data = bytearray(encrypted.read(taken.key))
    data[len(data) // 2] ^= 1
    encrypted.write(taken.key, bytes(data))
    assert encrypted.drill().verdict is Verdict.FAIL
    beside = manifest.beside(taken.key, roles.NAME)
    text = encrypted.read(beside)
    data[len(data) // 2] ^= 1
    encrypted.write(taken.key, bytes(data))
    for place in (-1, len(age.MAGIC) + 60):  # its content, and for whom it is
        other = bytearray(text)
        other[place] ^= 1
        encrypted.write(beside, bytes(other))
        outcome = encrypted.drill()
        assert outcome.verdict is Verdict.FAIL, outcome.summary


def test_a_dump_in_clear_does_not_count_for_its_slot_once_the_policy_wants_it_encrypted(
    world: World, encrypted: World
):
    assert work(dump.carry_out, world.system, world.claim(), NOW).well
    claim = encrypted.claim()
    assert work(dump.carry_out, encrypted.system, claim, NOW).well
    taken = shelf.of_slot(encrypted.system, claim)
    assert taken is not None
    assert encrypted.read(taken.key).startswith(age.MAGIC)


def test_no_dump_is_taken_that_would_have_to_be_stored_bare(encrypted: World):
    nobody = with_settings(encrypted, dump_recipients=[])
    with pytest.raises(InputError, match="nobody is named for whom"):
        work(dump.carry_out, nobody.system, nobody.claim(), NOW)
    wrong = with_settings(encrypted, dump_recipients=["age1nobody"])
    with pytest.raises(InputError, match="no recipient of age"):
        work(dump.carry_out, wrong.system, wrong.claim(), NOW)
    assert encrypted.keys() == []


def test_a_dump_needs_no_private_key(encrypted: World):
    blind = with_settings(encrypted, dump_identity=None)
    blind.dump()
    assert shelf.look(encrypted.system).dumps
    assert encrypted.drill().verdict is Verdict.PASS
