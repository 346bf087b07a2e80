"""A verdict for readers; `Verdict.to_bytes` is the one for machines."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from churn_core.gate.verdict import CheckResult, Verdict

__all__ = ["WORDS", "headline", "markdown", "measurements"]

WORDS = {"pass": "passed", "fail": "failed", "warn": "passed, with a warning", "skip": "not asked"}


def headline(verdict: Verdict) -> str:
    """The verdict in one sentence."""
    rivals = "the champion" if verdict.champion else "no champion yet"
    ground = f"judged on {verdict.rows:,} held-out customers, against {rivals}"
    if verdict.passed:
        return f"The candidate may go into production ({ground})."
    names = ", ".join(result.name for result in verdict.failures()) or "no check answered"
    return f"The candidate is refused ({ground}): {names}."


def measurements(result: CheckResult) -> Iterator[tuple[str, str, str, str]]:
    """Rows of metric, value, interval and what was asked."""
    for name in dict.fromkeys((*result.numbers, *result.intervals, *result.thresholds)):
        asked = str(result.thresholds[name]) if name in result.thresholds else ""
        if name in result.intervals:
            one = result.intervals[name]
            yield name, f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}", asked
        else:
            value = f"{result.numbers[name]:.6g}" if name in result.numbers else "not defined"
            yield name, value, "", asked


def markdown(verdict: Verdict) -> str:
    """The verdict as a Markdown page, which also fits into a comment: numbers are folded away."""
    return "\n".join(_lines(verdict)) + "\n"


def _lines(verdict: Verdict) -> Iterator[str]:
    yield f"# Gate: {'passed' if verdict.passed else 'refused'}"
    yield from ("", headline(verdict), "", "| Check | Result | Finding |", "|---|---|---|")
    for result in verdict.results:
        yield f"| {_cell(result.name)} | {WORDS[result.status]} | {_cell(result.sentence)} |"
    named = {"Candidate": verdict.candidate, "champion": verdict.champion, "policy": verdict.policy}
    yield ""
    yield " · ".join(
        f"{name} `{digest[:12]}`" if digest else f"{name} none" for name, digest in named.items()
    )
    for result in verdict.results:
        yield from _section(result)
    yield from ("", "<details><summary>What was judged</summary>", "", "| | SHA-256 |", "|---|---|")
    for label, digest in (
        ("Candidate", verdict.candidate or "cannot be read"),
        ("Champion", verdict.champion or "none"),
        ("Policy", verdict.policy),
        ("Customers and outcomes", verdict.data),
        ("Training customers and outcomes", verdict.training or "not at hand"),
        ("This verdict", verdict.digest),
    ):
        yield f"| {label} | `{digest}` |"
    yield from ("", "</details>")


def _section(result: CheckResult) -> Iterator[str]:
    rows = list(measurements(result))
    if not rows and not result.details:
        return
    yield from ("", f"<details><summary>{escape(result.name)}: {WORDS[result.status]}</summary>")
    if rows:
        yield from ("", "| Measure | Value | Interval | Asked |", "|---|---|---|---|")
        yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)
    if result.details:
        yield ""
        yield from (f"- {_cell(detail)}" for detail in result.details)
    yield from ("", "</details>")


def _cell(text: str) -> str:
    return " ".join(escape(text, quote=False).replace("|", "\\|").split())
