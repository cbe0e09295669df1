"""`lifecycle policy decide`: asks a person what a draft left open, and writes the answers into the file."""

import contextlib
import io
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lifecycle import show as shown
from lifecycle.cli_options import JsonOption
from lifecycle.commands.policy_places import conninfo
from lifecycle.errors import InputError
from lifecycle.words import counted

if TYPE_CHECKING:
    from lifecycle.policy.decisions import Answer, Question

_HELP = "goes / nobody: why / keep: why / later / each (one by one)"


def decide(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A drafted policy.")],
    answers: Annotated[
        Path | None,
        typer.Option("--answers", help="Take the answers from this YAML file, and ask nothing."),
    ] = None,
    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn",
            help="Show three rows' shapes of this database, never values; without a password.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Answer what a draft left open, a question for many tables at a time; stop whenever you like and go on later."""
    from lifecycle.config.yaml_file import read_yaml
    from lifecycle.policy import decisions

    read_yaml(file)  # one clear error for what is no good YAML
    document, write = _opened(file)
    tables = cast("dict[str, Any]", document.get("tables") or {})
    given = _given(answers) if answers else None
    if answers and given:
        _must_be_asked(answers, given, tables)
    decisions.follow(tables)
    with _looking(dsn) as look:
        for question in decisions.questions(tables):
            if given is None:
                _ask(question, tables, look, write)
            else:
                _take(question, tables, given)
    write()
    left = decisions.questions(tables)
    if as_json:
        open_ = [{"question": q.text, "tables": list(q.here), "also": list(q.also)} for q in left]
        shown.document("policy-decide", {"file": str(file), "open": open_})
        return
    _tell(file, tables, left)


def _tell(file: Path, tables: dict[str, Any], left: "tuple[Question, ...]") -> None:
    """Print what is left: the questions with their tables, and what only the file can answer."""
    from lifecycle.config.mistake import dotted
    from lifecycle.policy import check

    places = sum(len(question.here) + len(question.also) for question in left)
    others = [one for one in check.open_places(("tables",), tables) if one.path[-1] != "because"]
    for question in left:
        shown.text(f"left: {question.text} {', '.join((*question.here, *question.also))}")
    for one in others:
        shown.text(f"left: {dotted(one.path)}, which is answered in the file")
    open_tables = f"{counted(places, 'table')} in {counted(len(left), 'question')} left"
    decided = "every table is decided" if not others else "every question is answered"
    shown.text(
        f"{file}: {open_tables if left else decided}. Next: `lifecycle policy check {file}`."
    )


def _opened(file: Path) -> tuple[dict[str, Any], Callable[[], None]]:
    """Return the document, comments and all, and what writes it back: whole, or not at all."""
    from ruamel.yaml import YAML

    yaml: Any = YAML()
    yaml.width = 100_000
    yaml.preserve_quotes = True
    document: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"))

    def write() -> None:
        text = io.StringIO()
        yaml.dump(document, text)
        half = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            half.write_text(text.getvalue(), encoding="utf-8")
            half.chmod(file.stat().st_mode & 0o777)
            half.replace(file)
        except OSError as error:
            half.unlink(missing_ok=True)
            raise InputError(
                f"{file} cannot be written ({error.strerror})", hint="Nothing of it was changed."
            ) from None

    return document, write


def _given(file: Path) -> dict[str, Any]:
    from lifecycle.config.yaml_file import read_yaml

    data, _ = read_yaml(file)
    if not isinstance(data, dict):
        raise InputError(
            f"{file}: no answers", hint="Write `question: answer`, or `table: answer`."
        )
    return cast("dict[str, Any]", data)


def _must_be_asked(answers: Path, given: dict[str, Any], tables: dict[str, Any]) -> None:
    """Raise InputError for an answer to nothing: a question or a table that is not spelled as in the file."""
    from lifecycle.policy import decisions
    from lifecycle.words import did_you_mean

    asked = [question.text for question in decisions.questions(tables)]
    for name in given:
        # A question may have been answered before: a file can be taken twice.
        if name not in tables and name not in asked and not name.endswith("?"):
            known = (*asked, *tables)
            raise InputError(
                f"{answers}: {name!r} is neither a question of the draft nor one of its tables",
                hint=did_you_mean(name, known, "Spell it as the draft does."),
            )


def _take(question: "Question", tables: dict[str, Any], given: dict[str, Any]) -> None:
    """Carry out what the answers say of a table, or else of its question."""
    from lifecycle.policy import decisions

    for name in (*question.here, *(n for n in question.also if n in given)):
        said = given.get(name, given.get(question.text))
        if said is None:
            continue
        answer = decisions.parse(said)
        if answer.word in decisions.possible(tables[name]):
            decisions.carry_out(tables[name], answer)
        elif name in given:
            raise InputError(
                f"{answer.word!r} is no answer for {name}, which has no owner",
                hint="Answer `nobody: why`, or write whose it is in the file.",
            )
    decisions.follow(tables)


def _ask(
    question: "Question",
    tables: dict[str, Any],
    look: Callable[[str], tuple[str, ...]],
    write: Callable[[], None],
) -> None:
    """Ask once for all tables of a question, or for each; every answer is written at once."""
    from lifecycle.policy import decisions

    shown.text(f"\n{question.text}")
    for name, here in question.here.items():
        shown.text(f"  {name}{f' ({here})' if here else ''}")
        for row in dict.fromkeys(look(name)):
            shown.text(f"      {row}")
    if question.also:
        shown.text(f"  and what is decided with them: {', '.join(question.also)}")
    asked = f"{question.text}\n{counted(len(question.here), 'table')}: {_HELP}"
    said = _prompt(asked, each=len(question.here) > 1)
    for name in question.here:
        answer = said or _prompt(f"{name}: goes / nobody: why / keep: why / later", each=False)
        if answer is not None and answer.word not in decisions.possible(tables[name]):
            shown.text(f"  {name} has no owner: say whose it is in the file, or `nobody: why`")
        elif answer is not None:
            decisions.carry_out(tables[name], answer)
    decisions.follow(tables)
    write()


def _prompt(text: str, *, each: bool) -> "Answer | None":
    """Return an answer, asked again until it is one; None where the tables are to be asked about one by one."""
    from lifecycle.policy import decisions

    while True:
        said = typer.prompt(text, default="later", show_default=True)
        if each and said.strip() == "each":
            return None
        try:
            return decisions.parse(said.strip())
        except InputError as error:
            shown.text(f"  {error.what}: {error.hint}")


@contextlib.contextmanager
def _looking(dsn: str | None) -> Generator[Callable[[str], tuple[str, ...]]]:
    """Yield what shows the shapes of rows, nothing without a database."""
    if dsn is None:
        yield lambda _: ()
        return
    import psycopg

    from lifecycle.policy import shapes
    from lifecycle.postgres import catalog, connect, reasons

    with connect.connect(conninfo(dsn, None), "policy", write=False) as conn:
        picture = catalog.read(conn)

        def look(name: str) -> tuple[str, ...]:
            if name not in picture.tables:
                return ()
            try:
                return shapes.of(conn, picture.tables[name])
            except psycopg.Error as error:
                return (f"its rows cannot be read {reasons.state(error.sqlstate)}",)

        yield look
