"""The verdict in the report, and in the forms in which people read it."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from churn_core.cli.gate import show_verdict
from churn_core.gate import Bound, CheckResult, Estimate, Verdict, markdown
from churn_core.params import read_params
from churn_core.tracking import gate_candidate
from churn_core.train.evaluation.run import evaluate
from churn_core.train.report.verdict import fill, tell_verdict
from tests.core.test_evaluation_sources import Numbers, looked_up, read
from tests.support.evaluations import add_candidate, ready

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Path:
    """A project with an evaluation and a verdict about it."""
    root = tmp_path_factory.mktemp("judged")
    ready(root)
    shutil.copy(empty_registry, root / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        params = read_params(root / "params.yaml")
        evaluate(params, root)
        gate_candidate(params, root)
    return root


def page_of(root: Path) -> str:
    return (root / "outputs/report.html").read_text(encoding="utf-8")


def section(page: str) -> str:
    return page[page.index("<!-- verdict -->") : page.index("<!-- end of verdict -->")]


def rich_verdict(passed: bool = False) -> Verdict:
    result = CheckResult(
        name="own",
        status="pass" if passed else "fail",
        sentence="Worse <b>by far</b> | in one group.",
        numbers={"rows": 1409, "v1.5 share": 0.25, "tiny": 1.25e-7},
        intervals={"roc_auc": Estimate(value=0.8456, low=0.8312, high=0.8601)},
        thresholds={"roc_auc": Bound(at_least=0.6), "tiny": Bound(at_most=1e-6), "gone": Bound(at_least=1)},
        details=("gender = Female & older: 0.1 worse",),
    )
    return Verdict.of("a" * 64, "", "c" * 64, "d" * 64, 1409, (result,))


def test_the_page_tells_the_verdict_with_its_sources(judged: Path) -> None:
    told = section(page_of(judged))
    content = {"gate.json": json.loads((judged / "outputs/gate.json").read_text())}
    numbers = Numbers(told)
    assert len(numbers.told) >= 8
    for source, value, times, text in numbers.told:
        assert float(value) == looked_up(content, source), source
        shown, half = read(text)
        assert shown == pytest.approx(looked_up(content, source) * times, abs=half * 1.0001), source
    assert not [text for text in numbers.loose if re.search(r"\d", text)]
    for result in content["gate.json"]["results"]:
        assert result["sentence"] in unescape(told)


def test_every_kind_of_number_has_its_source() -> None:
    verdict = rich_verdict()
    page = fill("a<!-- verdict --><!-- end of verdict -->b", verdict)
    content = {"gate.json": verdict.model_dump(mode="json")}
    found = {source: value for source, value, _, _ in Numbers(page).told}
    assert float(found.pop("gate.json#results.0.numbers.v1%2E5 share")) == 0.25
    assert len(found) == 9
    for source, value in found.items():
        assert float(value) == looked_up(content, unquote(source))
    assert "&lt;b&gt;by far" in page
    assert "not defined" in page
    assert fill(page, verdict) == page
    assert fill(page, None) == "a<!-- verdict --><!-- end of verdict -->b"
    assert fill("without a place", verdict) == "without a place"


def test_the_page_follows_the_verdict(judged: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(judged, tmp_path / "project"))
    params, before = read_params(root / "params.yaml"), page_of(root)
    tell_verdict(root)
    assert page_of(root) == before
    evaluate(params, root)
    assert page_of(root) == before, "an evaluation of the same bundle keeps the verdict"
    (root / "outputs/report.html").unlink()
    tell_verdict(root)
    assert page_of(root) == before, "a lost page is written again"
    other = Verdict.of("f" * 64, "", "c" * 64, "d" * 64, 1, ())
    (root / "outputs/gate.json").write_bytes(other.to_bytes())
    tell_verdict(root)
    assert section(page_of(root)) == "<!-- verdict -->"
    add_candidate(root, intercept=-0.3)
    (root / "outputs/report.html").unlink()
    tell_verdict(root)
    assert not (root / "outputs/report.html").exists(), "of a bundle that was not evaluated there is no page"
    shutil.rmtree(root / "outputs")
    tell_verdict(root)


def test_the_pipeline_does_not_take_the_verdict_for_a_change() -> None:
    """What the gate writes must be no output of a stage, or every `dvc repro` would run it again."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    outs = json.dumps([stage.get("outs", []) for stage in stages.values()])
    for written in ("outputs/report.html", "outputs/gate"):
        assert written not in outs


def test_the_comment_folds_its_numbers() -> None:
    page = markdown(rich_verdict())
    lines = page.splitlines()
    assert lines[0] == "# Gate: refused"
    assert lines[2].startswith("The candidate is refused (judged on 1,409 held-out customers")
    assert "| own | failed | Worse &lt;b&gt;by far&lt;/b&gt; \\| in one group. |" in lines
    assert f"Candidate `{'a' * 12}` · champion none · policy `{'c' * 12}`" in lines
    assert page.count("<details>") == page.count("</details>") == 2
    first = page.index("<details>")
    assert all(number not in page[:first] for number in ("0.8456", "1.25e-07"))
    assert "| roc_auc | 0.8456 | 0.8312 to 0.8601 | at least 0.6 |" in page
    for start in ("<details>", "</details>"):
        for place in (one.start() for one in re.finditer(start, page)):
            assert page[:place].endswith("\n\n"), "Markdown within HTML needs an empty line"


@pytest.mark.parametrize("passed", [True, False])
def test_a_terminal_shows_numbers_in_80_columns(
    passed: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    verdict = rich_verdict(passed)
    show_verdict(verdict)
    plain = capsys.readouterr().out
    assert plain.splitlines()[0] == f"{'pass' if passed else 'fail'} own: {verdict.results[0].sentence}"
    assert "\x1b" not in plain
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    show_verdict(verdict)
    drawn = capsys.readouterr().out
    assert "\x1b[" in drawn
    lines = re.sub(r"\x1b\[[0-9;]*m", "", drawn).splitlines()
    assert max(map(len, lines[:-1])) <= 80
    (row,) = [line for line in lines if "roc_auc" in line]
    assert row.split() == ["roc_auc", "0.8456", "0.8312", "to", "0.8601", "at", "least", "0.6"]
    assert any("tiny" in line and "at most 1e-06" in line for line in lines)
    assert ("older: 0.1 worse" in "\n".join(lines)) != passed
