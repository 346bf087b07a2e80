"""Figures and report: self-contained, escaped, traceable, the same bytes every time."""

from __future__ import annotations

import json
import re
import struct
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from churn_core.bundle import Manifest, decision_policy
from churn_core.bundle.manifest import Interval
from churn_core.features import FieldReference
from churn_core.params import CostParams
from churn_core.protocols import LeaderboardRow
from churn_core.schemas import TelcoVisionCustomer
from churn_core.train.evaluation import Evaluation, Numbers, evaluate
from churn_core.train.evaluation.figures import FIGURES, draw, drawable
from churn_core.train.evaluation.style import to_png, to_svg
from churn_core.train.evaluation.words import between, money, number, points, share, share_between
from churn_core.train.leaderboard import write_leaderboard
from churn_core.train.report import sentences
from churn_core.train.report.build import render, write_report
from tests.support.evaluations import ready

HOSTILE = '<script>alert("x")</script> & $a_b$ \\frac{'
REJECTS = {"rows": 9, "rejected": 1, "reasons": [{"reason": HOSTILE, "rows": 1}], "ignored_columns": []}
VOID = {"meta", "br", "hr", "img", "link", "input"}


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    project = ready(tmp_path_factory.mktemp("project"), rows=800)
    return evaluate(project.params, project.root)


@pytest.fixture(scope="module")
def page(evaluation: Evaluation) -> str:
    return evaluation.report.read_text(encoding="utf-8")


class Parsed(HTMLParser):
    """Tags, whether they close in order, and what is said."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", "".join(self.words))


def test_the_page_is_well_formed_and_needs_nothing_else(page: str) -> None:
    parsed = Parsed(page)
    assert parsed.open == []
    assert not parsed.tags & {"script", "link", "img", "iframe", "object", "form"}
    references = [v or "" for name, v in parsed.attributes if name in ("href", "src", "xlink:href", "action")]
    assert all(reference.startswith("#") for reference in references)
    assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org/)", page)
    assert page.startswith("<!doctype html>")


def test_the_page_serves_phones_darkness_and_paper(page: str) -> None:
    assert 'content="width=device-width, initial-scale=1"' in page
    for feature in ("prefers-color-scheme: dark", "max-width: 640px", "@media print"):
        assert feature in page


def test_every_figure_says_what_it_shows(page: str) -> None:
    assert page.count("<svg") == page.count('role="img" aria-label="') == len(FIGURES) - 2  # without reasons


def test_every_metric_of_the_file_is_told(evaluation: Evaluation, page: str) -> None:
    content = json.loads(evaluation.metrics_file.read_text())
    text = Parsed(page).text
    for name, digits in (
        ("roc_auc", 3),
        ("log_loss", 3),
        ("calibration_slope", 2),
        ("profit", 2),
        ("lift_10", 2),
    ):
        assert number(content[name]["value"], digits) in text, name
        assert between(content[name], digits) in text, name
    for name in ("top_rate_10", "recall", "churn_rate", "contacted"):
        assert share_between(content[name], 1) in text, name
    manifest = evaluation.manifest
    digests = (
        manifest.digest,
        manifest.files[0].sha256,
        manifest.schema_fingerprint,
        manifest.lineage.holdout_digest,
    )
    assert all(digest in text for digest in digests)
    assert all(field.description in text for field in manifest.schema_spec.fields)


def test_slices_and_deciles_are_told(evaluation: Evaluation, page: str) -> None:
    text = Parsed(page).text
    for row in evaluation.numbers.tables["slices"]:
        assert f"{row['customers']:,} customers" in text
        assert points(row["gap"]) in text
    for row in evaluation.numbers.tables["deciles"]:
        assert share(row["lowest_probability"], 1) in text


def test_what_training_expected_stands_beside_the_result(evaluation: Evaluation) -> None:
    expected = {"roc_auc": Interval(value=0.8765, low=0.8, high=0.9)}
    manifest = evaluation.manifest.model_copy(update={"metrics": expected})
    assert "0.876" in Parsed(render(manifest, evaluation.numbers, figures={})).text


def test_groups_that_differ_are_marked(evaluation: Evaluation) -> None:
    rows = [dict(row) for row in evaluation.numbers.tables["slices"]]
    for row in rows:
        row.update(gap=0.01, gap_low=-0.01, gap_high=0.02)
    assert "differs" not in render(evaluation.manifest, with_tables(evaluation, slices=rows), figures={})
    rows[0].update(gap=-0.05, gap_low=-0.09, gap_high=-0.01)
    assert (
        render(evaluation.manifest, with_tables(evaluation, slices=rows), figures={}).count("differs</span>")
        == 1
    )


def with_tables(evaluation: Evaluation, **tables: Any) -> Numbers:
    return Numbers(evaluation.numbers.metrics, {**evaluation.numbers.tables, **tables})


def with_metrics(evaluation: Evaluation, **metrics: Any) -> dict[str, Any]:
    return {**evaluation.numbers.metrics, **metrics}


def test_the_leaderboard_is_shown_where_there_is_one(evaluation: Evaluation) -> None:
    assert "Models compared" not in evaluation.report.read_text()
    rows = [
        LeaderboardRow("gbc", {"roc_auc": 0.85123, "log_loss": 0.41}, {"roc_auc": 0.004}, 3.2, True, 1.0),
        LeaderboardRow("rf", {}, {}, 1.0, note="failed: <out of time>"),
    ]
    write_leaderboard(evaluation.folder.parent, rows)
    text = Parsed(write_report(evaluation.folder, evaluation.manifest).read_text()).text
    (evaluation.folder / "leaderboard.json").unlink()
    assert "Models compared" in text
    assert "0.8512 ± 0.0040" in text
    assert "failed: <out of time>" in text


def hostile_manifest(manifest: Manifest) -> Manifest:
    spec = manifest.schema_spec
    fields = (spec.fields[0].model_copy(update={"description": HOSTILE, "unit": "</svg>"}), *spec.fields[1:])
    return manifest.model_copy(
        update={
            "name": HOSTILE,
            "schema_spec": spec.model_copy(update={"fields": fields}),
            "lineage": manifest.lineage.model_copy(update={"dataset": HOSTILE}),
            "decision": decision_policy(CostParams(currency="<b>")),
        }
    )


def test_nothing_in_the_data_becomes_markup(evaluation: Evaluation) -> None:
    rows = [{**row, "description": HOSTILE} for row in evaluation.numbers.tables["importance"]]
    slices = [{**row, "group": HOSTILE} for row in evaluation.numbers.tables["slices"]]
    metrics = with_metrics(evaluation, currency="<b>", dataset=HOSTILE, schema=HOSTILE)
    tables = {**evaluation.numbers.tables, "importance": rows, "slices": slices}
    numbers = Numbers(metrics, tables)
    manifest = hostile_manifest(evaluation.manifest)
    figures = {name: to_svg(draw(name, numbers)) for name in drawable(numbers)}
    page = render(manifest, numbers, rejects=REJECTS, figures=figures)
    parsed = Parsed(page)
    assert parsed.open == []
    assert not parsed.tags & {"script", "b"}
    assert HOSTILE in parsed.text
    assert "<script" not in page
    markdown = render(manifest, numbers, rejects=REJECTS)
    assert "<script" not in markdown.replace("\\<", "")


def test_the_report_is_made_from_files_alone(evaluation: Evaluation, page: str) -> None:
    assert write_report(evaluation.folder, evaluation.manifest).read_text() == page


@pytest.mark.parametrize("name", sorted(set(FIGURES) - {"swarm", "dependence"}))
def test_a_figure_has_the_same_bytes_each_time(name: str, evaluation: Evaluation) -> None:
    first, again = draw(name, evaluation.numbers), draw(name, evaluation.numbers)
    png = to_png(first)
    assert png == to_png(again) == (evaluation.figures / f"{name}.png").read_bytes()
    assert to_svg(first) == to_svg(again)
    width, height = struct.unpack(">II", png[16:24])
    assert width == 900
    assert 500 <= height <= 1100
    assert not {b"tEXt", b"tIME", b"iTXt"} & chunks(png)


def chunks(png: bytes) -> set[bytes]:
    found: set[bytes] = set()
    place = 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        found.add(png[place + 4 : place + 8])
        place += 12 + length
    return found


@pytest.mark.parametrize("name", sorted(set(FIGURES) - {"swarm", "dependence"}))
def test_a_figure_in_the_page_takes_colours_and_font_from_it(name: str, evaluation: Evaluation) -> None:
    svg = to_svg(draw(name, evaluation.numbers))
    assert svg.startswith("<svg ")
    assert "<metadata" not in svg
    assert "<text" in svg
    assert "DejaVu" not in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    variables = set(re.findall(r"var\(--(\w+)\)", svg))
    assert (
        {"ink", "muted", "font"} <= variables <= {"ink", "muted", "grid", "paper", "blue", "orange", "font"}
    )


def test_the_page_defines_every_colour_in_light_and_dark() -> None:
    folder = Path(sentences.__file__).parent / "templates"
    css = (folder / "report.css").read_text()
    used = set(re.findall(r"var\(--(\w+)\)", css)) - {"font"}
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    assert len(blocks) == 3  # light, dark, print
    assert all(used <= set(re.findall(r"--(\w+):", block)) for block in blocks)


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


@pytest.mark.parametrize(
    ("slope", "intercept", "p", "words"),
    [
        (interval(1.0, 0.9, 1.1), interval(0.0, -0.1, 0.1), 0.6, "taken at their word"),
        (interval(1.6, 0.8, 6.8), interval(0.0, -0.1, 0.1), 0.6, "too few customers to find one"),
        (interval(0.6, 0.5, 0.8), interval(0.0, -0.1, 0.1), 0.6, "too extreme"),
        (interval(1.4, 1.2, 1.6), interval(0.0, -0.1, 0.1), 0.6, "too timid"),
        (interval(1.0, 0.9, 1.1), interval(0.3, 0.1, 0.5), 0.6, "too low on average"),
        (
            interval(0.6, 0.5, 0.8),
            interval(-0.3, -0.5, -0.1),
            0.0,
            "average and they are too high on average",
        ),
        (interval(1.0, 0.9, 1.1), interval(0.0, -0.1, 0.1), 0.01, "more than chance explains"),
        (interval(1.0, 0.9, 1.1), interval(0.0, -0.1, 0.1), None, "could not be measured"),
    ],
)
def test_calibration_in_words(
    slope: dict[str, float], intercept: dict[str, float], p: float | None, words: str
) -> None:
    metrics = {"calibration_slope": slope, "calibration_intercept": intercept, "spiegelhalter_p": p}
    assert words in sentences.calibration(metrics).words


def said(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


def test_findings_in_words(evaluation: Evaluation) -> None:
    metrics = with_metrics(
        evaluation,
        top_rate_10=interval(0.7232, 0.6458, 0.8021),
        churn_rate=interval(0.2654, 0.2427, 0.2896),
        roc_auc=interval(0.8348, 0.8127, 0.8556),
        profit=interval(10.0, 8.6, 11.4),
        profit_all=interval(6.8, 5.0, 8.0),
        mpc=interval(10.5, 9.0, 12.0),
    )
    found = said(render(evaluation.manifest, Numbers(metrics, evaluation.numbers.tables)))
    assert "highest risk, 72 % left (65 to 80 %); among all it was 27 %." in found
    assert "has the higher risk in 83 % of pairs (81 to 86 %)" in found
    assert "brings 10,000 EUR for every 1,000 customers (95 % interval 8,600 to 11,400)" in found
    assert f"and {10 * metrics['holdout_rows']:,} EUR for the {metrics['holdout_rows']} customers" in found
    assert "Calling everybody would bring 6,800 EUR for every 1,000" in found
    assert "more than 10,500 EUR on these customers (MPC; 9,000 to 12,000)" in found
    assert "this bundle" not in found


def with_costs(evaluation: Evaluation, costs: CostParams) -> str:
    typical = (FieldReference(field="monthly_charges", typical=20.0, quantiles=(1.0, 90.0)),)
    decision = decision_policy(costs, typical)
    manifest = evaluation.manifest.model_copy(update={"decision": decision})
    return said(render(manifest, evaluation.numbers))


def test_the_rule_in_words(evaluation: Evaluation) -> None:
    found = with_costs(evaluation, CostParams())
    assert "Call a customer whose probability of leaving is 16.4 % or more. From there on a call" in found
    assert "is called brings 56.00 EUR on average: 30 % accept an offer of 10.00 EUR" in found
    assert "would have stayed costs 11.00 EUR" in found
    assert "set by hand" in with_costs(evaluation, CostParams(threshold=0.5))
    never = with_costs(evaluation, CostParams(customer_value=12))
    assert "Call nobody: at these costs even a call to a customer who is sure to leave" in never
    assert "From there on a call" not in never


def test_the_rule_where_customers_are_worth_different_sums(evaluation: Evaluation) -> None:
    costs = CostParams(value_field="monthly_charges", value_months=10)
    found = with_costs(evaluation, costs)
    assert "Call a customer worth 200.00 EUR whose probability of leaving is 16.4 % or more." in found
    assert "monthly_charges times 10; the more he is worth, the lower" in found
    assert "the threshold is the same for all" in with_costs(
        evaluation, costs.model_copy(update={"threshold": 0.5})
    )


def test_what_to_tell_of_a_given_probability() -> None:
    rows = [{"probability": p / 10, "customers": c} for p, c in ((1, 90), (2, 31), (3, 29), (5, 40))]
    assert sentences.featured(rows) == 1
    assert sentences.featured([{**row, "customers": row["customers"] // 10} for row in rows]) == 0


def test_every_metric_has_a_meaning(evaluation: Evaluation) -> None:
    assert set(sentences.MEANINGS) == set(evaluation.headline)


def test_numbers_in_words() -> None:
    assert number(1234.5678, 2) == "1,234.57"
    assert number(-0.0004, 3) == "0.000"
    assert number(None) == share(None) == money(None, "EUR") == points(None) == "not defined"
    assert (share(0.745), share(0.1234, 1)) == ("74\u00a0%", "12.3\u00a0%")
    assert money(-3.478, "EUR") == "-3.48 EUR"
    assert (points(0.0123), points(-0.0001)) == ("+1.2", "+0.0")
    assert between({"low": 0.1, "high": None}) == share_between({"low": None, "high": 1.0}) == "not defined"


def test_slices_of_the_schema_are_those_of_the_page(page: str) -> None:
    text = Parsed(page).text
    spec = TelcoVisionCustomer.spec
    assert all(spec.field(one.field).description in text for one in spec.slices)
