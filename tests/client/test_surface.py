"""Nothing that callers rely on goes or changes without a new major version."""

from __future__ import annotations

from tests.client.surface import FILE, facts, lost

KNOWN = FILE.read_text(encoding="utf-8").splitlines()


def test_nothing_is_taken_from_callers() -> None:
    gone = lost(KNOWN, facts())
    assert not gone, "these break callers: raise the major version (before 1.0, the minor one), then " + (
        "`python -m tests.client.surface --breaking`: " + "; ".join(gone)
    )


def test_what_is_new_is_written_down() -> None:
    new = [fact for fact in facts() if fact not in KNOWN]
    assert not new, "promise these knowingly: run `python -m tests.client.surface` and look at what it adds"


def test_what_breaks_callers_is_told_from_what_does_not() -> None:
    before = ["f() -> int", "f(a): int = required", "f(b): int = 1"]
    assert lost(before, [*before, "f(c): int (by name) = 2", "g(x): int = required"]) == []
    assert lost(before, [*before, "f(c): int = required"]) == ["f(c): int = required"]
    assert lost(before, before[:2]) == ["f(b): int = 1"]
    assert lost(before, [*before[:2], "f(b): int = 2"]) == ["f(b): int = 1"]
