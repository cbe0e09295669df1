"""What the pages name is there: commands with their options, keys, jobs, figures, alerts, links."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from backups.section import SECTION as BACKUPS_SECTION
from backups.statements import RESTORER
from backups.wal_g.words import WalG
from lifecycle import rooms
from lifecycle.admin import logins
from lifecycle.policy import load, whole
from lifecycle.settings.model import Settings
from lifecycle.systems import shipped
from lifecycle.timescale.section import Hypertable
from lifecycle.watch import metrics

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNNING = (ROOT / "docs/running.md").read_text(encoding="utf-8")
SYSTEMS = (ROOT / "docs/systems.md").read_text(encoding="utf-8")
ALERTS = ROOT / "docs/alerts.yml"
SAMPLES = tuple(load.policy(shipped.named(name).policy)[0] for name in shipped.NAMES)
# No system that comes with it has a hypertable.
TIMES = {"marks": Hypertable.model_validate({"compress": "30 days", "order_by": ("at desc",)})}
# Nor does one promise anything of WAL-G.
WAL_G = WalG.model_validate(
    {"push": True, "keep": "14 days", "window": "7 days", "rpo": "5 minutes", "rto": "1 hour"}
)
BACKUPS = BACKUPS_SECTION.of(SAMPLES[0]).model_copy(update={"wal_g": WAL_G})
POLICIES = (*SAMPLES, SAMPLES[0].model_copy(update={"timescale": TIMES, "backups": BACKUPS}))
JOBS = {job.name: job for policy in POLICIES for job in rooms.jobs(policy)}


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TREE = {words: command for words, command, _ in script("commands_page").tree()}
MODELS = [
    dict(script("policy_page").keys(part))
    for model in (whole.model(), Settings)
    for _, part in script("policy_page").parts(model)
]
KEYS = {name for keys in MODELS for name in keys} | {"file", "env"}


def commands(page: Path) -> Iterator[str]:
    """Yield every command line of ours: shown in a block or named in a sentence."""
    text = page.read_text(encoding="utf-8")
    shown = re.findall(
        r"^(?:    |\$ |ExecStart=|[A-Z_]+=.*? )(.*\blifecycle .*)$", text, re.MULTILINE
    )
    named = re.findall(r"`([^`\n]*\blifecycle [^`\n]*)`", text)
    for line in (*shown, *named):
        found = re.search(r"(?:^|[\s/])lifecycle (?=[a-z-])(.*)$", line)
        if found and not re.match(r"(and|is|to|of|in|the|was|with|role)\b", found[1]):
            yield found[1]


COMMANDS = [(page.name, line) for page in PAGES for line in commands(page)]


def words_of(line: str) -> list[str]:
    line = re.split(r"\s[|>#]|;|`", line)[0]
    return shlex.split(line.rstrip(".,:"))


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_every_command_on_a_page_is_one_with_its_options(page: str, line: str) -> None:
    here, words = "lifecycle", words_of(line)
    known = set(TREE[here].params)
    while words:
        word = words.pop(0)
        if word == "--help":  # every command has it
            continue
        options = {o: p for p in known for o in (*p.opts, *p.secondary_opts)}
        if word.startswith("-") and word != "-":  # which stands for standard input
            assert word in options, f"{page}: `lifecycle {line}`: {here} has no {word}"
            if not options[word].is_flag and words:
                words.pop(0)
        elif hasattr(TREE[here], "list_commands"):
            here = f"{here} {word}"
            assert here in TREE, f"{page}: there is no `{here}`"
            known |= set(TREE[here].params)


def test_the_pages_name_commands_at_all() -> None:
    assert {page for page, _ in COMMANDS} >= {"README.md", "policy.md", "running.md"}
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_key_on_a_page_is_one_of_the_policy_or_the_settings(page: Path) -> None:
    text = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for name in re.findall(r"`([a-z_0-9]+):`", text):
        assert name in KEYS, name
    sections = set(whole.model().model_fields) | set(Settings.model_fields)
    for path in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", text):
        first, *rest = path.split(".")
        if first in sections and path not in JOBS and not path.endswith((".md", ".yaml", ".yml")):
            assert set(rest) <= KEYS, path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_job_on_a_page_is_offered(page: Path) -> None:
    rooms_of_jobs = "|".join({name.partition(".")[0] for name in JOBS})
    for name in re.findall(rf"`((?:{rooms_of_jobs})\.[a-z]+)`", page.read_text(encoding="utf-8")):
        known = name in JOBS or set(name.split(".")) <= KEYS
        assert known or (ROOT / name.replace(".", "/")).exists(), name


def test_the_table_of_jobs_has_each_with_its_time_and_limit() -> None:
    rows = re.findall(
        r"^\| `(\w+\.\w+)` \| `([^`]+)` \| (\d+) (minutes?|hours?) \|$", RUNNING, re.MULTILINE
    )
    told = {
        name: (cron, timedelta(**{unit.rstrip("s") + "s": int(count)}))
        for name, cron, count, unit in rows
    }
    plain = [sample.model_copy(update={"schedule": {}}) for sample in POLICIES]
    offered = [job for sample in plain for job in rooms.jobs(sample)]
    assert told == {job.name: (job.cron, job.limit) for job in offered}
    assert {(job.catch_up, job.max_lateness, job.retry_safe) for job in JOBS.values()} == {
        ("last", timedelta(days=2), True)
    }, "running.md tells what becomes of a slot nobody ran"


def figures() -> set[str]:
    families = metrics.Figures().families
    return {f"{f.name}_total" if f.type == "counter" else f.name for f in families.values()}


def test_the_table_of_figures_has_every_figure_and_no_other() -> None:
    tabled = set(re.findall(r"^\| `(lifecycle_[a-z_]+)` \|", RUNNING, re.MULTILINE))
    assert tabled - {logins.DDL, logins.OWNER} == figures()


@pytest.mark.parametrize("page", [*PAGES, ALERTS], ids=lambda page: page.name)
def test_every_figure_on_a_page_is_one(page: Path) -> None:
    named = re.findall(r"\blifecycle_[a-z_]+", page.read_text(encoding="utf-8"))
    assert set(named) - {logins.DDL, logins.OWNER, RESTORER} <= figures()


def test_the_rules_for_prometheus_can_be_read_and_name_labels_that_exist() -> None:
    parser: Any = YAML(typ="safe", pure=True)
    (group,) = parser.load(ALERTS)["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [
        "LifecycleJobOverdue",
        "LifecycleRunNotPassed",
        "LifecycleDown",
        "LifecycleFiguresStale",
        "LifecycleAlertsUndelivered",
        "LifecycleErasureOverdue",
        "LifecycleFenced",
    ]
    labels = {"system", "version", "job", "state", "room"}
    for rule in group["rules"]:
        assert rule["expr"].count("(") == rule["expr"].count(")")
        for inside in re.findall(r"\bby \(([^)]+)\)", rule["expr"]):
            assert set(inside.split(", ")) <= labels
        for text in (*rule["annotations"].values(), rule["expr"]):
            assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels


def test_the_kinds_of_alerts_are_those_that_are_written() -> None:
    rows = re.findall(
        r"^\| `([a-z ]+)` \| [^|]+ \|$", RUNNING.partition("| kind | when |")[2], re.MULTILINE
    )
    source = "".join(
        file.read_text(encoding="utf-8") for file in sorted((ROOT / "lifecycle").rglob("*.py"))
    )
    written = re.findall(
        r"(?:alerts\.write(?:_unless_\w+)?|_alert)\(\s*conn, (?:claim|system)[^\"]*?\"([a-z]+)\"",
        source,
    )
    assert set(rows) == {*written, "fail", "could not verify"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_page_and_to_a_heading_of_it(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, target


@pytest.mark.parametrize("language", ["yaml", "json"])
def test_every_block_of_data_can_be_read(language: str) -> None:
    found = re.findall(rf"^```{language}\n(.*?)^```$", RUNNING, re.MULTILINE | re.DOTALL)
    assert found
    parser: Any = YAML(typ="safe", pure=True)
    assert all(isinstance(parser.load(block), dict) for block in found)


@pytest.mark.parametrize("name", shipped.NAMES)
def test_the_page_of_systems_says_of_each_which_jobs_hold_and_how_many_tables_it_has(
    name: str,
) -> None:
    policy = load.policy(shipped.named(name).policy)[0]
    [row] = re.findall(rf"^\| `{name}`: .*$", SYSTEMS, re.MULTILINE)
    _, _, holds, _ = (cell.strip() for cell in row.strip("|").split(" | "))
    jobs = {job.name for job in rooms.jobs(policy)}
    assert set(re.findall(r"`(\w+\.\w+)`", holds)) == jobs
    assert f"{len(policy.tables)} tables" in row
