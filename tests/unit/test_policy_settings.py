"""Where the settings come from, in which order, and how a system is opened by its name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lifecycle import settings_file
from lifecycle.errors import InputError, NotFound

POLICY = """\
system: {name}
database: library
tables:
  books: {{personal: none, because: a catalogue}}
"""
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    for name in (
        "LIFECYCLE_SETTINGS",
        "LIFECYCLE_POLICY",
        "LIFECYCLE_DSN",
        "LIFECYCLE_REFERENCE_KEY_FILE",
        "PGHOST",
        "PGPORT",
        "PGDATABASE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings_file, "PLACES", (Path("lifecycle.yaml"), tmp_path / "etc.yaml"))
    monkeypatch.chdir(tmp_path)

    def _write(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    for system in ("one", "two"):
        _write(f"{system}-policy.yaml", POLICY.format(name=system))
    return _write


def systems(*names: str, dsn: str = "dbname={name}") -> str:
    entries = [f"  {n}: {{policy: {n}-policy.yaml, dsn: '{dsn.format(name=n)}'}}\n" for n in names]
    return "systems:\n" + "".join(entries)


def test_the_file_that_is_named_wins_then_the_variable_then_here_then_etc(
    write: Write, monkeypatch: pytest.MonkeyPatch
):
    write("etc.yaml", systems("one") + "reports: etc\n")
    assert settings_file.settings_from(None).reports == "etc"
    write("lifecycle.yaml", systems("one") + "reports: here\n")
    assert settings_file.settings_from(None).reports == "here"
    monkeypatch.setenv(
        "LIFECYCLE_SETTINGS", str(write("variable.yaml", systems("one") + "reports: variable\n"))
    )
    assert settings_file.settings_from(None).reports == "variable"
    assert (
        settings_file.settings_from(
            write("named.yaml", systems("one") + "reports: named\n")
        ).reports
        == "named"
    )


def test_a_file_that_is_named_and_missing_is_not_passed_over(
    write: Write, monkeypatch: pytest.MonkeyPatch
):
    write("lifecycle.yaml", systems("one"))
    monkeypatch.setenv("LIFECYCLE_SETTINGS", "nowhere.yaml")
    with pytest.raises(InputError, match=r"nowhere\.yaml does not exist"):
        settings_file.settings_from(None)


def test_two_variables_are_enough_for_one_system(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with pytest.raises(InputError, match="no settings"):
        settings_file.settings_from(None)
    monkeypatch.setenv("LIFECYCLE_POLICY", "one-policy.yaml")
    with pytest.raises(InputError, match="no settings"):
        settings_file.settings_from(None)
    monkeypatch.setenv("LIFECYCLE_DSN", "host=db dbname=library")
    monkeypatch.setenv("LIFECYCLE_REFERENCE_KEY_FILE", "/run/key")
    system = settings_file.open(settings_file.settings_from(None), None)
    assert (system.name, system.settings.dsn, system.settings.password) == (
        "one",
        "host=db dbname=library",
        None,
    )
    assert system.settings.reference_key
    assert system.settings.reference_key.file == "/run/key"
    assert system.machine.base == tmp_path


def test_a_system_is_opened_by_its_name_or_when_it_is_the_only_one(write: Write):
    settings = settings_file.settings_from(write("s.yaml", systems("one", "two")))
    assert settings_file.open(settings, "two").name == "two"
    with pytest.raises(InputError, match="none was named") as refused:
        settings_file.open(settings, None)
    assert refused.value.hint == "Add `--system NAME`: one, two."
    with pytest.raises(NotFound, match="no system is called 'three'"):
        settings_file.open(settings, "three")
    alone = settings_file.settings_from(write("s.yaml", systems("one")))
    system = settings_file.open(alone, None)
    assert (system.name, len(system.policy_digest)) == ("one", 64)


def test_a_policy_of_another_system_is_refused(write: Write):
    write("one-policy.yaml", POLICY.format(name="other"))
    with pytest.raises(
        InputError, match=r"call a system 'one', and its policy .* is written for 'other'"
    ):
        settings_file.open(settings_file.settings_from(write("s.yaml", systems("one"))), None)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("host=db dbname=x", "postgresql://db:5432/x"),
        ("host=db user=x", "host=db dbname=x user=lifecycle"),
        ("dbname=x", "dbname=x port=5432 user=me"),
    ],
)
def test_two_policies_for_one_database_are_refused(write: Write, first: str, second: str):
    text = (
        f"systems:\n  one: {{policy: a, dsn: '{first}'}}\n  two: {{policy: b, dsn: '{second}'}}\n"
    )
    with pytest.raises(
        InputError, match="two policies for one database: the dsn of 'one' and of 'two'"
    ):
        settings_file.settings_from(write("s.yaml", text))


def test_a_dsn_that_cannot_be_read_is_refused_without_repeating_it(write: Write):
    with pytest.raises(InputError, match=r"systems\.one\.dsn cannot be read") as refused:
        settings_file.settings_from(write("s.yaml", systems("one", dsn="passwrd=hunter2")))
    assert "hunter2" not in refused.value.what + refused.value.hint
