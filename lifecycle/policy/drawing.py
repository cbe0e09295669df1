"""Draws a policy as one page for the browser: people on the left, what hangs on them to the right, sentences below.

Pure. No script, no font, no address: the page can be mailed and read in ten years. A table is a link to what is said
about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifecycle.config.mistake import Lines
from lifecycle.policy import telling
from lifecycle.policy.diagram import FATES, SENTENCES, Arrow, Diagram
from lifecycle.policy.model import Policy

WIDTH, HEIGHT, ACROSS, DOWN = 190, 24, 120, 10
"""Of a box, and between boxes, in units of the drawing."""

TOP = 30


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box stands: its upper left corner."""

    x: int
    y: int


def page(policy: Policy, diagram: Diagram, lines: Lines, digest: str) -> str:
    """Return the page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("lifecycle.policy"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    places = layout(diagram)
    columns = max((box.step for box in diagram.boxes), default=0) + 1
    return environment.get_template("graph.html").render(
        system=diagram.system,
        digest=digest,
        file=lines.file,
        boxes=[(box, places[box.table]) for box in diagram.boxes],
        arrows=[(arrow, path(places, arrow)) for arrow in diagram.arrows],
        apart=diagram.apart,
        fates={fate: FATES[fate] for fate in FATES if any(b.fate == fate for b in diagram.boxes)},
        sentences=[word for word in SENTENCES if any(a.sentence == word for a in diagram.arrows)],
        told=[
            (name, _told(policy, name, lines), _leading(diagram, name))
            for name in _in_order(diagram)
        ],
        width=columns * (WIDTH + ACROSS) - ACROSS + 60,
        height=max((place.y for place in places.values()), default=0) + HEIGHT + DOWN,
        box=(WIDTH, HEIGHT),
    )


def layout(diagram: Diagram) -> dict[str, Place]:
    """Return where each table stands: a column for each step from people, and beside whom it hangs on."""
    order: dict[int, list[str]] = {}
    for box in diagram.boxes:
        order.setdefault(box.step, []).append(box.table)
    for _ in range(3):
        for step in sorted(order)[1:]:
            before = {name: n for n, name in enumerate(order.get(step - 1, []))}
            order[step] = sorted(
                order[step], key=lambda name: (_middle(diagram, name, before), name)
            )
    return {
        name: Place(step * (WIDTH + ACROSS), TOP + n * (HEIGHT + DOWN))
        for step, names in order.items()
        for n, name in enumerate(names)
    }


def _middle(diagram: Diagram, name: str, before: Mapping[str, int]) -> float:
    """Return how far down those stand, of the column before, with whom this table has a key."""
    ends = [a.to for a in diagram.arrows if a.table == name] + [
        a.table for a in diagram.arrows if a.to == name
    ]
    found = [before[end] for end in ends if end in before]
    return sum(found) / len(found) if found else len(before)


def path(places: Mapping[str, Place], arrow: Arrow) -> str:
    """Return the curve of an arrow, as SVG writes it: between two columns, or beside the one in which both stand."""
    left, right = sorted((places[arrow.table], places[arrow.to]), key=lambda place: place.x)
    y1, y2 = left.y + HEIGHT / 2, right.y + HEIGHT / 2
    x1, x2 = left.x + WIDTH, right.x
    if left.x == right.x:
        out, y2 = x1 + 30, y2 + (6 if arrow.table == arrow.to else 0)
        return f"M{x1},{y1} C{out},{y1} {out},{y2} {x1},{y2}"
    bend = (x2 - x1) / 2
    return f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"


def _in_order(diagram: Diagram) -> Sequence[str]:
    return [*(box.table for box in diagram.boxes), *diagram.apart]


def _told(policy: Policy, name: str, lines: Lines) -> list[tuple[int, str, str]]:
    """Return (line, sentence, effect) of everything that is said about a table."""
    if name not in policy.tables:
        return []
    return [(lines.of(said.path), str(said), said.effect) for said in telling.of(policy, name)]


def _leading(diagram: Diagram, name: str) -> list[tuple[str, Arrow]]:
    """Return the arrows from and to a table, with the table at the other end."""
    out = [(arrow.to, arrow) for arrow in diagram.arrows if arrow.table == name]
    return out + [(a.table, a) for a in diagram.arrows if a.to == name and a.table != name]
