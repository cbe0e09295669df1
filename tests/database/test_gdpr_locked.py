"""Objects that Object Lock keeps: looked at before the first delete anywhere, on a store that locks."""

import functools
from typing import Any

import pytest

from gdpr import foresee, survey
from gdpr.locks import Locked
from gdpr.promise import PROMISE
from lifecycle.words import moment
from tests.database.clinic import ANNA, NOW, Clinic, lock, unlock
from tests.keep import plan


def untouched(clinic: Clinic, before: object) -> bool:
    events = clinic.ask(
        "select count(*) from lifecycle.evidence where event like 'gdpr.%%' and event <> 'gdpr.noted'"
    )
    return (clinic.everything(), events) == (before, [0]) and clinic.calls() == []


def calls_to(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each call to the store from now on is added, by its name."""
    from lifecycle.outside import objects

    made, asked = objects.kept.__wrapped__, list[str]()

    def heard(model: Any, **_: object) -> None:
        asked.append(model.name)

    @functools.cache
    def kept(*way: Any) -> Any:
        client = made(*way)
        client.meta.events.register("before-call.s3", heard)
        return client

    monkeypatch.setattr(objects, "kept", kept)
    return asked


def test_a_locked_version_keeps_everything_as_it_is_until_the_lock_is_gone(clinic: Clinic) -> None:
    until, before = lock(clinic), clinic.everything()
    why = f"Object Lock keeps 3 versions of their objects in papers: 2 until {moment(until)}, 1 under a legal hold of the store"
    decision = plan(PROMISE, clinic.system, NOW).decision
    assert [one.what for one in decision.refusals] == [why]
    assert (
        f"runbooks run object-lock-in-the-way --request {clinic.reference(1)}"
        in decision.refusals[0].hint
    )
    assert decision.steps == ()
    assert why in foresee.foresee(clinic.system, None, ANNA).refusals
    outcome = clinic.erase()
    assert [one.what for one in outcome.failures] == [why]
    assert untouched(clinic, before)
    assert len(clinic.store.versions("papers", "scan-1.jpg")) == 1
    unlock(clinic)
    clinic.erase()
    assert clinic.traces() == []
    assert [
        len(clinic.store.versions("papers", key)) for key in ("scan-1", "scan-2", "scan-10")
    ] == [0, 0, 1]


def test_what_was_locked_since_the_plan_is_looked_at_once_more_before_anything_goes(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(clinic)
    before = clinic.everything()

    def nothing(*_: object) -> dict[str, Locked]:
        return {}

    monkeypatch.setattr(survey, "locked", nothing)
    assert plan(PROMISE, clinic.system, NOW).decision.refusals == ()
    [failure] = clinic.erase().failures
    assert "Object Lock keeps 3 versions" in failure.what
    assert untouched(clinic, before)


def test_of_a_bucket_without_object_lock_no_version_is_asked(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = calls_to(clinic, monkeypatch)
    plan(PROMISE, clinic.system, NOW)
    assert asked.count("GetObjectLockConfiguration") == 1
    assert "HeadObject" not in asked
    lock(clinic)
    asked.clear()
    plan(PROMISE, clinic.system, NOW)
    assert asked.count("HeadObject") == 5  # a delete marker is asked, too
