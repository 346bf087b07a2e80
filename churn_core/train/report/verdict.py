"""The gate's verdict in the report: evaluation comes first, so the page keeps a place for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from churn_core.bundle import read_bundle
from churn_core.errors import ChurnError, GateRefused
from churn_core.gate import Verdict, read_verdict
from churn_core.gate.render import WORDS
from churn_core.train.report.environment import environment
from churn_core.train.report.sources import Sources

__all__ = ["fill", "last_verdict", "tell_verdict"]

_START, _END = "<!-- verdict -->", "<!-- end of verdict -->"
_CANDIDATE, _PAGE = Path("models/candidate"), Path("outputs/report.html")


def tell_verdict(root: Path) -> None:
    """Bring the page up to date with `outputs/gate.json`; write it again where it was lost.

    The page tells the verdict only if both are about the same bundle. Without an evaluation of that
    bundle there is no page.
    """
    bundle = _evaluated(root)
    if not bundle:
        return
    page = root / _PAGE
    try:
        text = page.read_text(encoding="utf-8")
    except OSError:
        _write_again(root, bundle)
        return
    filled = fill(text, last_verdict(root / "outputs", bundle))
    if filled != text:
        page.write_text(filled, encoding="utf-8")


def last_verdict(outputs: Path, bundle: str) -> Verdict | None:
    """The last verdict, if it is about the bundle of that digest."""
    try:
        verdict = read_verdict((outputs / "gate.json").read_bytes())
    except (OSError, GateRefused):
        return None
    return verdict if verdict.candidate == bundle else None


def fill(page: str, verdict: Verdict | None) -> str:
    """The page with this verdict, or without any, in its place."""
    before, start, rest = page.partition(_START)
    _, end, after = rest.partition(_END)
    if not end:
        return page
    told = f"\n{_section(verdict)}\n" if verdict else ""
    return f"{before}{start}{told}{end}{after}"


def _section(verdict: Verdict) -> str:
    sources = Sources({"gate.json": verdict.model_dump(mode="json")}, currency="")
    context: dict[str, Any] = {
        "bounds": sources.bounds,
        "measures": lambda one: list(dict.fromkeys((*one.numbers, *one.intervals, *one.thresholds))),
        "show": sources.show,
        "verdict": verdict,
        "words": WORDS,
    }
    return environment(marked=True).get_template("verdict.html.j2").render(context).strip()


def _evaluated(root: Path) -> str:
    try:
        metrics = json.loads((root / "outputs/metrics/metrics.json").read_text(encoding="utf-8"))
        return str(metrics.get("bundle", ""))
    except (OSError, ValueError):
        return ""


def _write_again(root: Path, bundle: str) -> None:
    from churn_core.train.report.build import write_report

    try:
        manifest = read_bundle(root / _CANDIDATE).manifest
        if manifest.digest == bundle:
            write_report(root / "outputs", manifest)
    except ChurnError:  # a bundle or an evaluation that cannot be read has no report
        return
