"""README's "Put it over your own database", word for word, over a clinic the product has never seen."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle.sandbox import installation, s3

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "README.md").read_text().partition("## Put it over your own database\n")[2]
COMMANDS = re.findall(r"^    (.+)$", SECTION.partition("\n## ")[0], re.MULTILINE)
SEVEN = "00000000-0000-4000-8000-000000000007"
TABLES = """
    select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('clinic', 'billing') and c.relkind in ('r', 'p') and not c.relispartition
"""
# The person's answers to what the draft asks. A column that looks like a person has to be named.
ANSWERS = {
    "billing.invoice": "goes with the patient and is no book",
    "billing.invoice_line": "goes with the invoice",
    "clinic.attachment": "scans",
    "clinic.audit_trail": "a diary of the ward and no evidence",
    "clinic.erasure_request": "it is theirs",
    "clinic.practitioner": "email and name of staff",
}


@dataclass
class Own:
    """The clinic's database, and a shell in a directory where the product is installed."""

    admin: str
    directory: Path
    environment: dict[str, str]
    objects: "S3Client"

    @property
    def policy(self) -> Path:
        return self.directory / "policy.yaml"

    def sh(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run one line as a shell would, with the clinic's address in place of README's."""
        where = conninfo_to_dict(self.admin)
        line = line.replace("host=db", f"host={where['host']} port={where['port']}")
        line = line.replace("dbname=mine", f"dbname={where['dbname']}")
        if line.startswith("export "):
            words = shlex.split(line)[1:]
            self.environment |= dict(word.split("=", 1) for word in words)
            line = "true"
        return subprocess.run(
            ["/bin/sh", "-c", line],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ok(self, line: str) -> str:
        """Run one line, which must end with 0, and return what it printed."""
        ended = self.sh(line)
        assert ended.returncode == 0, f"$ {line}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def planned(self, room: str) -> tuple[str, list[dict[str, Any]]]:
        """Return the plan's hash and its steps."""
        plan = json.loads(self.ok(f"lifecycle --json {room} plan"))
        return plan["hash"], plan["steps"]

    def ask(self, query: str) -> list[Any]:
        with psycopg.connect(self.admin, autocommit=True) as conn:
            cursor = conn.execute(query.encode())
            return [row[0] for row in cursor] if cursor.description else []

    def rows(self) -> set[tuple[str, str]]:
        """Return every row of the clinic as (table, text)."""
        return {
            (table, row)
            for table in self.ask(TABLES)
            for row in self.ask(f"select t::text from {table} t")
        }

    def shape(self) -> set[str]:
        return set(
            self.ask(
                "select format('%s %s ', c.oid::regclass, c.relkind) || coalesce(pg_get_expr(c.relpartbound, c.oid), '') "
                "from pg_class c where c.relnamespace in ('clinic'::regnamespace, 'billing'::regnamespace)"
            )
        )

    def edit(self, old: str, new: str) -> None:
        text = self.policy.read_text()
        assert old in text
        self.policy.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product as `pip install .` installs it, in a directory of its own."""
    site = tmp_path_factory.mktemp("site")
    words = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", *words)
    subprocess.run([*pip, "--target", str(site), str(ROOT)], check=True)
    return site


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3.start(tmp_path_factory.mktemp("s3")) as running:
        yield running.url


@pytest.fixture
def own(database: str, site: Path, store: str, tmp_path: Path) -> Own:
    """The clinic, after README's commands."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute((ROOT / "tests/days/clinic.sql").read_bytes())
    environment = {
        "PATH": f"{site}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(site),
        "HOME": str(tmp_path),
    }
    own = Own(database, tmp_path, environment, installation.objects_at(store))
    before = own.rows(), own.shape()
    for command in COMMANDS:
        if command.endswith("pip install ."):  # done by `site`
            continue
        # A day's wait is left out, nothing else.
        own.ok(command.replace("lifecycle daemon", "lifecycle daemon --until-idle"))
        if " generate " in command:
            refused = own.sh("lifecycle policy check policy.yaml")
            assert refused.returncode == 2
            assert refused.stderr.count("decide") == len(ANSWERS)
            for table, answer in ANSWERS.items():
                text = re.sub(
                    rf"(  {table}: .*)\"DECIDE[^\"]*\"", rf"\1{answer}", own.policy.read_text()
                )
                own.policy.write_text(text)
    assert (own.rows(), own.shape()) == before
    return own


def test_the_section_is_six_commands_and_installs_a_service_that_lacks_nothing(own: Own) -> None:
    assert [command.split()[0] for command in COMMANDS].count("lifecycle") == 3
    assert len(COMMANDS) == 6
    found = json.loads(own.sh("lifecycle --json doctor").stdout)["findings"]
    wrong = [f for f in found if f["verdict"] == "fail"]
    assert wrong == []
    kinds = own.ask("select kind from lifecycle.evidence")
    assert "effect" not in kinds


def test_exactly_the_planned_partitions_are_made_and_evidence_says_so(own: Own) -> None:
    before = own.shape(), own.rows()
    plan, steps = own.planned("partitions")
    wanted = {step["target"] for step in steps}
    assert len(wanted) == 2
    assert "pass: 2 partitions made" in own.ok(f"lifecycle partitions apply {plan}")
    after = own.shape()
    made = {line.split()[0] for line in after - before[0] if " r " in line}
    assert (made, before[0] <= after, own.rows()) == (wanted, True, before[1])
    owners = own.ask(
        "select distinct relowner::regrole::text from pg_class where relname like 'reading_%'"
    )
    assert owners == ["clinic_owner"]
    assert set(own.ask("select target from lifecycle.evidence where kind = 'effect'")) == wanted
    again = own.sh(f"lifecycle partitions apply {plan}")
    assert (again.returncode, "the world has changed since the plan was shown" in again.stderr) == (
        7,
        True,
    )
    told = own.ok("lifecycle runs show 1")
    assert "partitions.created" in told
    assert "{" not in told


def test_a_rule_lets_go_what_the_plan_counted_and_nothing_else(own: Own) -> None:
    own.edit("# retention:\n", "retention:\n")
    rule = "{table: clinic.login, by: at, after: 90 days, do: delete, because: kept for abuse only}"
    own.policy.write_text(re.sub(r"#   - \{table: .*", f"  - {rule}", own.policy.read_text()))
    assert "the service may not update" in own.sh("lifecycle doctor").stdout
    own.ok(next(command for command in COMMANDS if command.endswith("lifecycle init")))
    before = own.rows()
    plan, (step,) = own.planned("retention")
    assert (step["target"], "40 rows" in step["cost"]) == ("clinic.login", True)
    own.edit("after: 90 days", "after: 60 days")
    assert own.sh(f"lifecycle retention apply {plan}").returncode == 7
    own.edit("after: 60 days", "after: 90 days")
    own.ask("alter table clinic.login rename column at to since")
    assert own.sh(f"lifecycle retention apply {plan}").returncode != 0
    own.ask("alter table clinic.login rename column since to at")
    assert own.rows() == before
    own.ok(f"lifecycle retention apply {plan}")
    gone = before - own.rows()
    assert (len(gone), {table for table, _ in gone}) == (40, {"clinic.login"})
    assert own.ask("select count(*) from clinic.login where at < now() - interval '90 days'") == [0]
    assert own.rows() <= before


def erasure(own: Own) -> None:
    """Write the sections that the draft offers, and settings for S3, as somebody who follows the hints."""
    head, _, tail = own.policy.read_text().partition("# erasure:\n")
    tail = "erasure:\n" + "\n".join(line.removeprefix("# ") for line in tail.splitlines()) + "\n"
    keep = "keep: {clear: [patient_id], because: proof that it was honoured}"
    head = re.sub(r"(  clinic.erasure_request: [^#\n]*)\}", rf"\1, {keep}}}", head)
    own.policy.write_text(head + tail)
    own.ok("openssl rand -hex 32 > reference.key && chmod 600 reference.key")
    bucket = f"scans-{conninfo_to_dict(own.admin)['dbname']}"
    key = {"env": "STORE_KEY"}
    own.environment["STORE_KEY"] = s3.ACCESS_KEY
    system = {
        "policy": "policy.yaml",
        "dsn": own.environment["LIFECYCLE_DSN"],
        "reference_key": {"file": "reference.key"},
        "buckets": {"scans": bucket},
        "s3": {"endpoint": own.objects.meta.endpoint_url, "access_key": key, "secret_key": key},
    }
    settings = {"systems": {_name(own): system}}
    (own.directory / "lifecycle.yaml").write_text(
        json.dumps(settings | {"daemon": {"listen": None}})
    )
    own.objects.create_bucket(Bucket=bucket)
    for object_key in own.ask("select object_key from clinic.attachment"):
        own.objects.put_object(Bucket=bucket, Key=object_key, Body=b"a scan")
    own.ok("lifecycle policy check --live")
    own.ok(next(command for command in COMMANDS if command.endswith("lifecycle init")))


def _name(own: Own) -> str:
    found = re.search(r"^system: (\w+)", own.policy.read_text(), re.MULTILINE)
    assert found
    return found[1]


def test_who_is_due_is_forgotten_everywhere_and_everybody_else_is_as_before(own: Own) -> None:
    erasure(own)
    before = own.rows()
    plan, steps = own.planned("gdpr")
    wanted = {step["target"] for step in steps if step["verb"] == "delete"}
    refused = own.sh(f"lifecycle gdpr apply {plan}")
    assert refused.returncode == 1
    assert "clinic.pulse_by_month: an identifier stands in a materialized view" in refused.stdout
    own.ask("refresh materialized view clinic.pulse_by_month")
    own.ask("update lifecycle.schedule set covered_until = now() - interval '25 hours'")
    own.ok("lifecycle daemon --until-idle")
    erased = own.sh("lifecycle run gdpr.erase")
    assert (erased.returncode, "1 of 1 due requests erased" in erased.stdout) == (9, True)
    assert "not looked at: log of the database server" in erased.stdout
    gone, new = before - own.rows(), own.rows() - before
    people = [row for table, row in gone if "Pairing" not in table]
    assert {table.replace('"', "") for table, _ in gone} - {"clinic.erasure_request"} == wanted
    assert len(gone) == 8 + 10 + 3 + 1  # a row each, ten readings, three logins, and the request
    assert [table for table, _ in new] == ["clinic.erasure_request"]
    assert SEVEN not in " ".join(row for _, row in own.rows())
    assert sum(SEVEN in row for row in people) == 19  # lines, notes and pairings do not name them
    assert own.ask("select state from clinic.erasure_request order by id") == [
        "completed",
        "pending",
    ]
    assert own.ask(f"select count(*) from clinic.pulse_by_month where patient_id = '{SEVEN}'") == [
        0
    ]
    bucket = json.loads((own.directory / "lifecycle.yaml").read_text())["systems"][_name(own)][
        "buckets"
    ]["scans"]
    keys = [
        item.get("Key", "")
        for item in own.objects.list_objects_v2(Bucket=bucket).get("Contents", [])
    ]
    assert (len(keys), any(SEVEN in key for key in keys)) == (19, False)
    assert "completed" not in own.ok("lifecycle gdpr status")
    assert "gdpr.erase" in own.ok("lifecycle runs list")
    own.ok("lifecycle audit report -o report")
    assert SEVEN not in (own.directory / "report/report.json").read_text()
    assert "patient7@mail.test" not in (own.directory / "report/report.html").read_text()


def test_a_server_that_only_reads_is_refused_before_anything_begins(own: Own) -> None:
    before = own.rows(), own.ask("select count(*) from lifecycle.run")
    plan, _ = own.planned("partitions")
    name = conninfo_to_dict(own.admin)["dbname"]
    own.ask(f"alter database {name} set default_transaction_read_only = on")
    for command in (f"partitions apply {plan}", "daemon --until-idle", "run partitions.create"):
        ended = own.sh(f"lifecycle {command}")
        assert (ended.returncode, "the server is read-only" in ended.stderr) == (4, True), command
    assert (own.rows(), own.ask("select count(*) from lifecycle.run")) == before
