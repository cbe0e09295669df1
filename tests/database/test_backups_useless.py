"""A dump of which nobody could come back is found where it lies, and none is stored in clear anew."""

from dataclasses import replace
from pathlib import Path

from backups import manifest, shelf, slots
from backups.manifest import Manifest
from lifecycle.outcome import Verdict
from lifecycle.policy import whole
from tests.database.test_backups import World, world
from tests.database.test_backups_classes import DAY, FIRST, PROMISED, classes, dumped, kept
from tests.database.test_backups_encrypted import new_key, with_settings

__all__ = ["classes", "world"]


def encrypted(world: World, directory: Path, name: str) -> World:
    """Return the world with a policy that wants ciphertext, for a new key of this name, which alone is set."""
    recipient, key = new_key(directory, name)
    policy = whole.model().model_validate(
        world.system.policy.model_dump(include={"system", "database", "timezone"})
        | {"tables": {}, "backups": {"dumps": PROMISED | {"encrypt": True}}}
    )
    made = replace(world, system=replace(world.system, policy=policy))
    return with_settings(made, dump_recipients=[recipient], dump_identity=key)


def on_shelf(world: World, kind: int) -> tuple[Manifest, ...]:
    of = slots.kinds(world.system.policy.backups.dumps)[kind]  # type: ignore[attr-defined]
    return shelf.look(world.system, of=of).dumps


def test_no_dump_in_clear_is_copied_for_months_once_the_policy_wants_them_encrypted(
    classes: World, tmp_path: Path
):
    for day in range(2):
        dumped(classes, day)
    now = encrypted(classes, tmp_path, "key")
    now.dump(FIRST + 2 * DAY, FIRST + 2 * DAY)
    outcome = kept(now, 2)
    copies = (*on_shelf(now, 1), *on_shelf(now, 2))
    assert copies
    assert [copy.key for copy in copies if copy.encryption is None] == []
    assert "2 dumps from before dumps were encrypted, in clear until over age" in outcome.summary


def test_copies_that_no_key_opens_any_more_are_named_until_their_key_is_there_again(
    classes: World, tmp_path: Path
):
    before = encrypted(classes, tmp_path, "old")
    for day in range(2):
        dumped(before, day)
    assert kept(before, 1).verdict is Verdict.PASS
    after = encrypted(classes, tmp_path, "new")
    after.dump(FIRST + 2 * DAY, FIRST + 2 * DAY)
    outcome = kept(after, 2)
    assert outcome.verdict is Verdict.FAIL
    lost = {failure.target for failure in outcome.failures}
    assert {failure.what for failure in outcome.failures} == {
        "no key under `dump_identity` opens it"
    }
    assert {one.key for kind in (1, 2) for one in on_shelf(before, kind)} < lost
    assert "AGE-SECRET-KEY" not in str(outcome)
    (tmp_path / "new").write_text((tmp_path / "new").read_text() + (tmp_path / "old").read_text())
    assert kept(after, 2).verdict is Verdict.PASS


def test_a_copy_that_became_another_file_is_found_and_made_again_while_its_day_is_there(
    classes: World,
):
    for day in range(2):
        dumped(classes, day)
    assert kept(classes, 1).verdict is Verdict.PASS
    (monthly,) = on_shelf(classes, 2)
    data = classes.read(monthly.key)

    def told(altered: bytes) -> list[tuple[str, str]]:
        classes.write(monthly.key, altered)
        outcome = kept(classes, 1)
        assert outcome.verdict is Verdict.FAIL
        assert manifest.beside(monthly.key) in classes.keys()  # noqa: SIM118 - what the bucket holds
        return [(f.target, f.what) for f in outcome.failures]

    what = "it was not what its manifest speaks of, and was copied anew"
    assert told(data[: len(data) // 2]) == [(monthly.key, what)]
    assert classes.read(monthly.key) == data
    assert kept(classes, 1).verdict is Verdict.PASS
    for daily in on_shelf(classes, 0):
        classes.remove(daily)
    assert (monthly.key, "it is not what its manifest speaks of") in told(data[:99])


def test_a_bucket_that_was_copied_without_its_metadata_is_no_failure(classes: World):
    dumped(classes, 0)
    for key in classes.keys():  # noqa: SIM118 - what the bucket holds
        classes.write(key, classes.read(key))
    outcome = kept(classes, 0)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
