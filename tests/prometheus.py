"""Evaluates the expressions of docs/alerts.yml over one scrape, by Prometheus' own rules; `for:` is left out.

Knows only what those expressions use, and raises ValueError on anything else: a rule that nobody evaluated has no test.
"""

import operator
import re
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Value = Vector | float

_TOKEN = re.compile(r'\s*(?:(\d+(?:\.\d+)?)|([a-zA-Z_]\w*)|("[^"]*")|(=~|==|[-+*><(){},=]))')
_COMPARE = {">": operator.gt, "<": operator.lt, "==": operator.eq}
_ARITHMETIC = {"-": operator.sub, "+": operator.add, "*": operator.mul}


class Scrape:
    """The figures of one scrape, asked at an instant (seconds since 1970)."""

    def __init__(self, text: str, now: float) -> None:
        self.now = now
        self.words: list[str] = []
        self.series: dict[str, Vector] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                known = self.series.setdefault(sample.name, {})
                known[frozenset(sample.labels.items())] = sample.value

    def fires(self, expression: str) -> list[dict[str, str]]:
        """Return the labels of every series for which the rule's expression holds."""
        self.words = _words(expression)
        found = self._either()
        if self.words or not isinstance(found, dict):
            raise ValueError(f"not a rule that is known here: {expression}, at {self.words}")
        return [dict(labels) for labels in found]

    def _either(self) -> Value:
        left = self._comparison()
        while self._next("or"):
            right = self._comparison()
            assert isinstance(left, dict)
            assert isinstance(right, dict)
            left = right | left
        return left

    def _comparison(self) -> Value:
        left = self._sum()
        for sign, holds in _COMPARE.items():
            if self._next(sign):
                return _pairs(left, self._sum(), holds, keeps=True)
        return left

    def _sum(self) -> Value:
        left = self._product()
        while self.words and self.words[0] in "+-":
            sign = self.words.pop(0)
            left = _pairs(left, self._product(), _ARITHMETIC[sign], keeps=False)
        return left

    def _product(self) -> Value:
        left = self._one()
        while self._next("*"):
            left = _pairs(left, self._one(), operator.mul, keeps=False)
        return left

    def _one(self) -> Value:
        word = self.words.pop(0)
        if word == "(":
            return self._closed(self._either())
        if re.fullmatch(r"[\d.]+", word):
            return float(word)
        if word == "time":
            self._must("(")
            return self._closed(self.now)
        if word == "absent":
            self._must("(")
            found = self._closed(self._either())
            return {} if found else {frozenset(): 1.0}
        if word == "max":
            return self._greatest()
        if word.startswith("lifecycle_"):
            return self._selected(word)
        raise ValueError(f"{word} is not known here")

    def _greatest(self) -> Vector:
        self._must("by")
        self._must("(")
        names = {self.words.pop(0)}
        while self._next(","):
            names.add(self.words.pop(0))
        self._must(")")
        self._must("(")
        found = self._closed(self._either())
        assert isinstance(found, dict)
        greatest: Vector = {}
        for labels, value in found.items():
            kept = frozenset(pair for pair in labels if pair[0] in names)
            greatest[kept] = max(value, greatest.get(kept, value))
        return greatest

    def _selected(self, name: str) -> Vector:
        found = self.series.get(name, {})
        if self._next("{"):
            label = self.words.pop(0)
            self._must("=~")
            pattern = re.compile(self.words.pop(0).strip('"'))
            self._must("}")
            found = {k: v for k, v in found.items() if pattern.fullmatch(dict(k).get(label, ""))}
        return found

    def _next(self, word: str) -> bool:
        if self.words[:1] == [word]:
            self.words.pop(0)
            return True
        return False

    def _must(self, word: str) -> None:
        if not self._next(word):
            raise ValueError(f"{word} is missing before {self.words}")

    def _closed(self, value: Value) -> Value:
        self._must(")")
        return value


def _words(expression: str) -> list[str]:
    words, at, text = list[str](), 0, expression.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"not known here: {text[at:]}")
        words.append(found.group().strip())
        at = found.end()
    return words


def _pairs(
    left: Value, right: Value, work: Callable[[float, float], float], *, keeps: bool
) -> Value:
    """Work on each pair of series with the same labels; one that `keeps` leaves the left where it holds."""
    if not isinstance(left, dict):
        if not isinstance(right, dict):
            return work(left, right)
        left = dict.fromkeys(right, left)
    others = right if isinstance(right, dict) else dict.fromkeys(left, right)
    both = {labels: (a, others[labels]) for labels, a in left.items() if labels in others}
    if keeps:
        return {labels: a for labels, (a, b) in both.items() if work(a, b)}
    return {labels: work(a, b) for labels, (a, b) in both.items()}
