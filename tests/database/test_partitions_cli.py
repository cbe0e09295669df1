"""A person asks, sees and applies, by the same code as the night."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from typer import Typer
from typer.testing import CliRunner

from lifecycle import cli_options
from lifecycle.errors import Conflict
from lifecycle.partitions import cli as partitions
from retention import cli as retention
from tests.conftest import VITALIS, Vitalis

Say = Callable[..., Any]


@pytest.fixture
def say(vitalis: Vitalis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run one command of a room over the sample system and return its JSON document."""
    name = str(conninfo_to_dict(vitalis.admin)["dbname"])
    text = (VITALIS / "policy.yaml").read_text()
    (tmp_path / "policy.yaml").write_text(text.replace("database: vitalis", f"database: {name}"))
    settings = tmp_path / "lifecycle.yaml"
    dsn = vitalis.system.settings.dsn
    settings.write_text(json.dumps({"systems": {"vitalis": {"policy": "policy.yaml", "dsn": dsn}}}))
    monkeypatch.setenv("LIFECYCLE_SETTINGS", str(settings))
    monkeypatch.setattr(cli_options, "chosen", cli_options.Chosen())

    def run(app: Typer, *words: str) -> Any:
        result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


def test_partitions_are_shown_planned_and_applied_by_hash(vitalis: Vitalis, say: Say) -> None:
    rows = say(partitions.app, "status")["rows"]
    assert {row["table"]: row["missing"] for row in rows}["audit_log"] == 2
    plan = say(partitions.app, "plan")
    assert {step["parent"] for step in plan["steps"]} >= {"audit_log", "wearable_daily"}
    outcome = say(partitions.app, "apply", plan["hash"])
    assert (outcome["verdict"], outcome["counts"]["made"]) == ("pass", len(plan["steps"]))
    assert say(partitions.app, "plan")["steps"] == []
    with pytest.raises(Conflict):
        say(partitions.app, "apply", plan["hash"])


def test_retention_is_shown_planned_and_applied_by_hash(vitalis: Vitalis, say: Say) -> None:
    rows = say(retention.app, "status")["rows"]
    overdue = sum(row["overdue"] for row in rows)
    assert overdue > 0
    plan = say(retention.app, "plan")
    assert sum(step["rows"] for step in plan["steps"]) == overdue
    outcome = say(retention.app, "apply", plan["hash"])
    assert (outcome["verdict"], outcome["counts"]["overdue"]) == ("pass", 0)
    with psycopg.connect(vitalis.admin) as conn:
        assert conn.execute(
            "select asked_by, verdict from lifecycle.run where job = 'retention.expire'"
        ).fetchall() == [("person", "pass")]
    assert say(retention.app, "plan")["steps"] == []
