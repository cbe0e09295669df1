"""Who hangs on whom, as a picture: people, tables, and the keys between them with their sentences. Pure.

`mermaid` writes it as text for a repository's page; `drawing.py` as a page for the browser.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lifecycle.policy import foreign_keys, graph, sentences, virtual, whole
from lifecycle.policy.model import Parties, Policy, SharedBy
from lifecycle.postgres.catalog import Catalog

FATES: Mapping[str, str] = {
    "people": "people",
    "goes": "goes with them",
    "shared": "goes with the last",
    "kept": "stays, without them",
    "nobody": "nobody's, and may name people",
    "unsaid": "not declared",
}
"""What becomes of a table's rows, and how the legend says it."""

SENTENCES = (
    "owner",
    "shared",
    "party",
    "author",
    "mention",
    "keep",
    "ignore",
    "unproven",
    "unsaid",
)
"""What is said of a key: `unproven` that nothing proves it stays within one person, `unsaid` nothing at all."""


@dataclass(frozen=True, slots=True)
class Box:
    """A table. `step` is how many keys lie between it and people, from 0."""

    table: str
    fate: str
    step: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """A key from one table to another, and what the policy says of it."""

    table: str
    to: str
    by: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """The boxes by step and name, the arrows between them, and the tables from which nothing leads to people."""

    system: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    apart: tuple[str, ...]


def of(policy: Policy, catalog: Catalog) -> Diagram:
    """Return the picture of a policy over this catalog, which has the references of the policy among its keys."""
    arrows = tuple(dict.fromkeys(_arrows(policy, catalog)))
    steps = _steps(policy, arrows)
    names = {*policy.tables, *catalog.tables}
    boxes = (Box(name, _fate(policy, name), steps[name]) for name in names if name in steps)
    return Diagram(
        policy.system,
        tuple(sorted(boxes, key=lambda box: (box.step, box.table))),
        arrows,
        tuple(sorted(name for name in names if name not in steps)),
    )


def _arrows(policy: Policy, catalog: Catalog) -> Iterator[Arrow]:
    for key, kind in foreign_keys.into_people(policy, catalog):
        said = sentences.of(policy, key, kind)
        if said or not foreign_keys.explained(policy, key):
            word = said[0].word if said else _silence(policy, catalog, key.table)
            yield Arrow(key.table, key.referenced, ", ".join(sorted(virtual.names(key))), word)


def _silence(policy: Policy, catalog: Catalog, table: str) -> str:
    declared = policy.tables.get(table)
    return "unproven" if declared and declared.owner and table in catalog.tables else "unsaid"


def _steps(policy: Policy, arrows: tuple[Arrow, ...]) -> dict[str, int]:
    """Return table -> how many keys lie between it and people, by the shortest way, of those that lead there."""
    found = {subject.table: 0 for subject in policy.subjects.values()}
    waiting = deque(found)
    while waiting:
        table = waiting.popleft()
        near = [a.table for a in arrows if a.to == table]
        near += [a.to for a in arrows if a.table == table and a.sentence == "shared"]
        for other in near:
            if other not in found:
                found[other] = found[table] + 1
                waiting.append(other)
    owned = (name for name, table in policy.tables.items() if table.owner and name not in found)
    return found | dict.fromkeys(owned, 1)


def _fate(policy: Policy, name: str) -> str:
    table = policy.tables.get(name)
    if table is None:
        return "unsaid"
    if any(subject.table == name for subject in policy.subjects.values()):
        return "people"
    if table.owner is None:
        return "nobody"
    if not any(name in graph.deleted(policy, kind) for kind in table.owner) or whole.cleared(
        policy, name
    ):
        return "kept"
    shared = any(isinstance(how, SharedBy | Parties) for how in table.owner.values())
    return "shared" if shared else "goes"


def mermaid(diagram: Diagram) -> str:
    """Return the picture in Mermaid's language: one line for each table and key."""
    number = {box.table: f"t{n}" for n, box in enumerate(diagram.boxes)}
    lines = ["flowchart RL"]
    lines += [f"  {number[b.table]}[{_quoted(b.table)}]:::{b.fate}" for b in diagram.boxes]
    lines += [
        f"  {number[a.table]} -->|{_quoted(f'{a.by}: {a.sentence}')}| {number[a.to]}"
        for a in diagram.arrows
    ]
    colours = {
        "people": "fill:#d9e8f7,stroke:#2f6090", "goes": "fill:#f9dedc,stroke:#b3372f",
        "shared": "fill:#fbe9d0,stroke:#a86a10", "kept": "fill:#dcefe4,stroke:#2f7d5b",
        "nobody": "fill:#eef0f2,stroke:#76818c", "unsaid": "fill:#fff,stroke:#b3372f,stroke-dasharray:4",
    }  # fmt: skip
    lines += [f"  classDef {fate} {style},color:#1d2733" for fate, style in colours.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace('\\"', "#quot;")
