"""Every number of the report stands in a file, and the report of a trained bundle tells all of it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from churn_core.bundle import Manifest
from churn_core.train import run
from churn_core.train.evaluation import Evaluation, evaluate
from churn_core.train.evaluation.figures import FIGURES
from churn_core.train.report.sources import Sources
from tests.support.evaluations import ready
from tests.support.projects import Project, write_csv

TRAIN = {"trainer": "native", "models": ["lr"], "folds": 3, "tune": 0}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("trained")
    write_csv(root / "mine.csv", rows=900)
    project = Project(root, train=TRAIN)
    project.prepare()
    run(project.params, root)
    return project


@pytest.fixture(scope="module")
def evaluation(project: Project) -> Evaluation:
    return evaluate(project.params, project.root)


@pytest.fixture(scope="module")
def page(evaluation: Evaluation) -> str:
    return evaluation.report.read_text(encoding="utf-8")


class Told(NamedTuple):
    """A number of the page."""

    source: str
    value: str
    times: float
    text: str


class Numbers(HTMLParser):
    """Numbers that name their source, and text of tables and tiles that lies outside of such numbers."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.told: list[Told] = []
        self.loose: list[str] = []
        self._at: dict[str, str | None] | None = None
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "data":
            self._at = found
        elif tag in ("td", "thead", "code") or found.get("class") in ("card", "figure"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "data":
            self._at = None
        elif self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._at is not None:
            times = float(self._at.get("data-times") or 1)
            self.told.append(Told(str(self._at["data-from"]), str(self._at["value"]), times, data))
        elif self._inside and self._inside[-1] in ("td", "p"):
            self.loose.append(data)


def files(project: Project) -> dict[str, Any]:
    outputs = project.root / "outputs"
    manifest = (project.root / "models/candidate/manifest.json").read_bytes()
    return {
        "metrics.json": json.loads((outputs / "metrics/metrics.json").read_text()),
        "leaderboard.json": json.loads((outputs / "leaderboard.json").read_text()),
        "rejects/summary.json": json.loads((project.root / "data/rejects/summary.json").read_text()),
        "manifest.json": Manifest.from_bytes(manifest).model_dump(by_alias=True),
        **{f"plots/{one.name}": json.loads(one.read_text()) for one in (outputs / "plots").iterdir()},
    }


def looked_up(content: dict[str, Any], source: str) -> Any:
    """Found without the code that wrote the page."""
    file, _, keys = source.partition("#")
    found = content[file]
    for key in keys.split("."):
        found = found[int(key) if isinstance(found, list | tuple) else key]
    return found


def read(text: str) -> tuple[float, float]:
    """A number as it is told, and half of its last digit."""
    number = re.search(r"[-+]?[\d,]*\.?\d+(?:e[-+]?\d+)?", text)
    assert number, text
    digits = number[0].replace(",", "")
    mantissa, _, exponent = digits.partition("e")
    half = 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    scale = 0.01 if "%" in text else 1.0
    return float(digits) * scale, half * scale


def test_every_number_of_the_page_is_that_of_its_file(project: Project, page: str) -> None:
    content = files(project)
    told = Numbers(page).told
    assert len(told) > 300
    for source, value, times, text in told:
        found = looked_up(content, source)
        assert float(value) == found, source
        shown, half = read(text)
        assert shown == pytest.approx(found * times, abs=half * 1.0001), (source, text)


def test_tables_and_tiles_hold_no_other_numbers(page: str) -> None:
    fields = re.sub(r'<table class="fields">.*?</table>', "", page, flags=re.DOTALL)  # the schema's words
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", fields, flags=re.DOTALL)
    assert [text for text in Numbers(body).loose if re.search(r"\d", text)] == []


def test_a_trained_bundle_fills_every_section(evaluation: Evaluation, page: str) -> None:
    assert page.count('role="img" aria-label="') == page.count("<svg") == len(FIGURES)
    links = set(re.findall(r'href="#([\w-]+)"', page))
    assert {"leaderboard", "offers", "slices", "drivers", "policy", "use"} <= links
    assert links <= set(re.findall(r'id="([\w-]+)"', page))
    assert page.count("Association, not cause.") == 2
    assert "this bundle gives no interval" not in page.lower()


def test_headings_follow_each_other(page: str) -> None:
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_the_interval_is_told_in_words(evaluation: Evaluation, page: str) -> None:
    row = evaluation.numbers.tables["given"][3]
    assert row["probability"] == 0.3
    text = re.sub(r"<[^>]*>", "", page).replace("\u00a0", " ")
    low, high = (round(100 * row[end]) for end in ("low", "high"))
    assert f"Of 100 customers given 30 %, between {low} and {high} leave (the bundle's 90 % interval)" in text


def test_markdown_says_the_same(evaluation: Evaluation, page: str) -> None:
    text = (evaluation.folder / "report.md").read_text(encoding="utf-8")
    plain = text.replace("\u00a0", " ")
    files = (
        "plots/capacity.json",
        "leaderboard.json",
    )
    for source, _, times, told in Numbers(page).told:
        if source.startswith(files) and times == 1:
            assert told.replace("\u00a0", " ") in plain, source
    for heading in ("In short", "How good it is", "What could keep them", "Models compared", "Groups"):
        assert f"\n## {heading}\n" in text
    assert all(len(set(row_lengths(table))) == 1 for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE))
    assert "<data" not in text


def row_lengths(table: str) -> list[int]:
    return [len(re.split(r"(?<!\\)\|", line)) for line in table.splitlines()]


def test_a_bundle_without_intervals_reasons_and_moves(tmp_path: Path) -> None:
    project = ready(tmp_path, rows=500)
    found = evaluate(project.params, project.root)
    text = found.report.read_text(encoding="utf-8")
    assert "This bundle gives no interval" in text
    assert "no exact reasons" in text
    assert found.numbers.metrics["interval_width"] is None
    assert [found.numbers.tables[name] for name in ("reasons", "swarm", "dependence")] == [[], [], []]


def test_a_source_in_words() -> None:
    sources = Sources({"f.json": {"rows": [{"x": 0.256, "low": 0.2, "high": None, "<": 1.5}]}}, "<b>")
    assert sources.show("f.json#rows.0.x", "share") == (
        '<data value="0.256" data-from="f.json#rows.0.x">26\u00a0%</data>'
    )
    assert 'data-times="100.0"' in sources.show("f.json#rows.0.x", "hundred")
    assert "1.50\u00a0&lt;b&gt;" in sources.show("f.json#rows.0.<", "money")
    assert sources.show("f.json#rows.0.high") == sources.bounds("f.json#rows.0") == "not defined"
    with pytest.raises(KeyError):
        sources.show("f.json#rows.0.y")
