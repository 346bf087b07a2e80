"""Promotion: nothing goes live without a verdict, and everything that did is on record."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core.errors import BundleError, GateRefused, RegistryError
from churn_core.params import CheckParams, GateParams, Params
from churn_core.tracking import (
    Entry,
    MlflowStore,
    check_model,
    history,
    live,
    promote,
    rollback,
    store_verdict,
)
from churn_core.tracking.client import connect
from churn_core.tracking.log import live_at, previous_version, read_log
from tests.support.tracking import MODEL, Project


def production(project: Project) -> str:
    with connect(project.where) as client:
        return str(client.get_registered_model(MODEL).aliases.get("production", ""))


def tags(project: Project) -> dict[str, str]:
    with connect(project.where) as client:
        return dict(client.get_registered_model(MODEL).tags)


def line_up(project: Project, count: int) -> list[str]:
    """Promote `count` models one after the other; their digests."""
    digests = [""]
    for number in range(count):
        digests.append(project.judged(digests[-1], intercept=-1.0 - number / 10).digest)
        promote(project.params, project.root, who="ana", reason=f"model {number + 1}")
    return digests[1:]


def test_a_model_that_passed_goes_live(project: Project) -> None:
    done = project.judged()
    before = datetime.now(UTC).replace(microsecond=0)
    entry = promote(project.params, project.root, who="ana", reason="first")
    assert production(project) == "1"
    assert before <= entry.when <= datetime.now(UTC)
    assert entry.model_dump(exclude={"when"}) == {
        "number": 1,
        "previous": "",
        "action": "promote",
        "who": "ana",
        "why": "first",
        "from_version": "",
        "to_version": "1",
        "bundle": done.digest,
        "verdict": project.verdict(done.digest).digest,
        "override": False,
    }
    assert history(project.params, project.root) == (entry,)


@pytest.mark.parametrize("ref", ["1", "candidate", f"models:/{MODEL}/1", f"models:/{MODEL}@candidate"])
def test_a_version_has_many_names(ref: str, project: Project) -> None:
    project.judged()
    assert promote(project.params, project.root, ref, who="ana").to_version == "1"


def test_a_live_model_is_not_promoted_twice(project: Project) -> None:
    project.judged()
    first = promote(project.params, project.root, who="ana")
    assert promote(project.params, project.root, who="ben") == first
    assert len(history(project.params, project.root)) == 1


def test_a_damaged_live_model_is_noticed(project: Project) -> None:
    line_up(project, 1)
    folder, _ = MlflowStore(project.where).fetch(f"models:/{MODEL}/1")
    (folder / "model.onnx").write_bytes(b"")
    for override in (False, True):
        with pytest.raises(BundleError):
            promote(project.params, project.root, who="ana", reason="again", override=override)
    assert len(history(project.params, project.root)) == 1


def test_a_live_model_that_the_gate_refuses_now_is_noticed(project: Project) -> None:
    (digest,) = line_up(project, 1)
    again = project.verdict(digest, digest)
    assert promote(project.params, project.root, who="ana", verdict=again).number == 1
    store_verdict(project.params, project.verdict(digest, digest, passed=False), project.root)
    with pytest.raises(GateRefused, match=r"did not pass the gate \(floors\)"):
        promote(project.params, project.root, who="ana")
    stricter = GateParams(checks=(CheckParams(name="floors", options={"roc_auc": 0.9}),))
    with pytest.raises(GateRefused, match="another policy"):
        promote(Params(gate=stricter, mlflow=project.params.mlflow), project.root, who="ana", verdict=again)
    assert len(history(project.params, project.root)) == 1


def test_a_live_model_was_compared_with_the_champion_of_its_time(project: Project) -> None:
    first, second = line_up(project, 2)
    assert promote(project.params, project.root, "2", who="ana").number == 2
    other = project.verdict(second, "e" * 64)
    with pytest.raises(GateRefused, match="not compared with version 2, which is in production"):
        promote(project.params, project.root, "2", who="ana", verdict=other)
    rollback(project.params, project.root, who="ben")
    assert promote(project.params, project.root, "1", who="ana").bundle == first
    assert len(history(project.params, project.root)) == 3


def test_an_overruled_gate_still_speaks_against_a_live_model(project: Project) -> None:
    project.judged(passed=False)
    first = promote(project.params, project.root, who="ana", reason="urgent", override=True)
    with pytest.raises(GateRefused, match="did not pass"):
        promote(project.params, project.root, who="ana")
    assert promote(project.params, project.root, who="ben", reason="still", override=True) == first


def refused(project: Project, message: str, **options: Any) -> None:
    before = production(project)
    with pytest.raises(GateRefused, match=message):
        promote(project.params, project.root, who="ana", **options)
    assert production(project) == before
    assert not any(key.startswith("promotion.") for key in tags(project))


def test_without_a_verdict_nothing_goes_live(project: Project) -> None:
    project.register()
    refused(project, f"was not judged; run `churn gate --candidate models:/{MODEL}/1`")


def test_a_refused_model_does_not_go_live(project: Project) -> None:
    project.judged(passed=False)
    refused(project, r"did not pass the gate \(floors\)")


def test_a_verdict_counts_for_its_own_bundle_only(project: Project) -> None:
    done = project.judged()
    project.register(intercept=-1.0)
    verdict = project.verdict(done.digest)
    refused(project, "about another bundle", verdict=verdict)


def test_a_verdict_counts_for_its_own_policy_only(project: Project) -> None:
    project.judged()
    stricter = GateParams(checks=(CheckParams(name="floors", options={"roc_auc": 0.9}),))
    project.params = Params(gate=stricter)
    refused(project, "another policy than params.yaml has now")


def test_a_verdict_counts_against_its_own_champion_only(project: Project) -> None:
    line_up(project, 1)
    project.judged(champion="", intercept=-2.0)
    with pytest.raises(GateRefused, match="not compared with version 1, which is in production"):
        promote(project.params, project.root, who="ana")
    assert production(project) == "1"


def test_a_verdict_against_a_champion_that_is_gone_does_not_count(project: Project) -> None:
    project.judged(champion="e" * 64)
    refused(project, "not compared with no champion")


def test_a_later_refusal_takes_the_place_of_an_earlier_pass(project: Project) -> None:
    done = project.judged()
    store_verdict(project.params, project.verdict(done.digest, passed=False), project.root)
    refused(project, "did not pass")


def test_a_changed_verdict_does_not_count(project: Project) -> None:
    done = project.judged(passed=False)
    folder = project.root / f"mlartifacts/{done.run_id}/artifacts/gate"
    (path,) = folder.glob("*.json")
    content = json.loads(path.read_text())
    content["results"][0]["status"] = "pass"
    path.write_text(json.dumps({**content, "passed": True}))
    refused(project, "was changed")
    path.write_bytes(project.verdict(done.digest).to_bytes())
    refused(project, "was replaced")
    path.unlink()
    with pytest.raises(RegistryError, match="has lost its file gate/"):
        promote(project.params, project.root, who="ana")


def test_a_damaged_bundle_does_not_go_live_even_by_override(project: Project) -> None:
    project.judged()
    folder, _ = MlflowStore(project.where).fetch(f"models:/{MODEL}/1")
    (folder / "model.onnx").write_bytes(b"")
    for override in (False, True):
        with pytest.raises(BundleError):
            promote(project.params, project.root, who="ana", reason="urgent", override=override)
    assert production(project) == ""


def test_another_models_version_is_refused(project: Project) -> None:
    with pytest.raises(RegistryError, match="no version with the alias 'candidate'"):
        promote(project.params, project.root, who="ana")
    project.judged()
    with pytest.raises(RegistryError, match="is not of the model"):
        promote(project.params, project.root, "models:/other/1", who="ana")


def test_overriding_takes_a_name_and_a_reason(project: Project) -> None:
    done = project.judged(passed=False)
    for who, reason in (("", "urgent"), ("ana", ""), (" ", " ")):
        with pytest.raises(GateRefused, match="only by name and with a reason"):
            promote(project.params, project.root, who=who, reason=reason, override=True)
    entry = promote(project.params, project.root, who="ana", reason="the champion is on fire", override=True)
    assert (entry.override, entry.who, entry.why) == (True, "ana", "the champion is on fire")
    assert entry.verdict == project.verdict(done.digest, passed=False).digest
    assert production(project) == "1"


def test_overriding_needs_no_verdict(project: Project) -> None:
    project.register()
    assert promote(project.params, project.root, who="ana", reason="urgent", override=True).verdict == ""


@pytest.mark.parametrize(("who", "reason"), [("", ""), ("ana", "x" * 2001), ("a" * 201, "")])
def test_the_log_takes_no_endless_texts(who: str, reason: str, project: Project) -> None:
    project.judged()
    with pytest.raises(RegistryError, match="does not take this"):
        promote(project.params, project.root, who=who, reason=reason)
    assert production(project) == ""


# rollback


def test_rollbacks_go_back_step_by_step(project: Project) -> None:
    line_up(project, 3)
    steps = [rollback(project.params, project.root, who="ben", reason="odd") for _ in range(2)]
    assert [(e.action, e.from_version, e.to_version) for e in steps] == [
        ("rollback", "3", "2"),
        ("rollback", "2", "1"),
    ]
    assert production(project) == "1"
    with pytest.raises(GateRefused, match="before the present one"):
        rollback(project.params, project.root, who="ben")
    assert check_model(project.params, project.root).passed


def test_a_promotion_after_a_rollback_starts_from_there(project: Project) -> None:
    first = line_up(project, 2)[0]
    rollback(project.params, project.root, who="ben")
    project.judged(first, intercept=-3.0)
    promote(project.params, project.root, who="ana")
    assert rollback(project.params, project.root, who="ben").to_version == "1"


def test_a_damaged_model_is_not_put_back(project: Project) -> None:
    line_up(project, 2)
    folder, _ = MlflowStore(project.where).fetch(f"models:/{MODEL}/1")
    shutil.rmtree(folder)
    with pytest.raises(BundleError):
        rollback(project.params, project.root, who="ben")
    assert production(project) == "2"


def test_there_may_be_nothing_to_go_back_to(project: Project) -> None:
    with pytest.raises(RegistryError, match="has no model"):
        rollback(project.params, project.root, who="ben")
    project.register()
    with pytest.raises(GateRefused, match="before the present one"):
        rollback(project.params, project.root, who="ben")


# history


def entry(number: int, action: str, version: int, previous: str = "") -> Entry:
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return Entry.model_validate(
        {
            "number": number,
            "previous": previous,
            "action": action,
            "when": when,
            "who": "ana",
            "why": "",
            "from_version": "",
            "to_version": str(version),
            "bundle": "b" * 64,
            "verdict": "",
        }
    )


@given(st.lists(st.integers(1, 4) | st.none(), max_size=30))
def test_rollbacks_behave_like_a_pile(moves: list[int | None]) -> None:
    """A number promotes that version, `None` rolls back where that is possible."""
    pile: list[int] = []
    entries: list[Entry] = []
    for move in moves:
        target = previous_version(entries)
        assert (target.to_version if target else None) == (str(pile[-2]) if len(pile) > 1 else None)
        if move is not None and pile[-1:] != [move]:
            pile.append(move)
            entries.append(entry(len(entries) + 1, "promote", move))
        elif move is None and target is not None:
            pile.pop()
            entries.append(entry(len(entries) + 1, "rollback", pile[-1]))
    assert (live_at(entries, datetime.now(UTC)) is None) == (not pile)


def test_versions_of_two_registries_are_told_apart_by_their_bundles() -> None:
    first, second = entry(1, "promote", 1), entry(2, "promote", 1).model_copy(update={"bundle": "c" * 64})
    assert previous_version([first, second]) == first
    assert previous_version([first, first]) is None


def test_what_was_live_when(project: Project) -> None:
    line_up(project, 2)
    rollback(project.params, project.root, who="ben")
    entries = history(project.params, project.root)
    assert [e.to_version for e in entries] == ["1", "2", "1"]
    for one in entries:
        assert live(project.params, project.root, at=one.when) in entries
    assert live(project.params, project.root, at=entries[0].when - timedelta(seconds=1)) is None
    latest = live(project.params, project.root, at=datetime(2999, 1, 1))
    assert latest == entries[-1]


def test_live_at_knows_zones() -> None:
    entries = [entry(1, "promote", 1), entry(2, "promote", 2)]
    second = entries[1].when
    assert live_at(entries, second) == entries[1]
    assert live_at(entries, second - timedelta(microseconds=1)) == entries[0]
    assert live_at(entries, datetime.fromisoformat("2026-01-03T01:00:00+01:00")) == entries[1]
    assert live_at(entries, datetime.fromisoformat("2026-01-03T00:59:00+01:00")) == entries[0]
    assert live_at(entries, datetime.fromisoformat("2026-01-01")) is None


# the log


def chain(count: int) -> dict[str, str]:
    written: dict[str, str] = {"owner": "someone"}
    previous = ""
    for number in range(1, count + 1):
        one = entry(number, "promote", number, previous)
        written[one.key] = one.model_dump_json()
        previous = one.digest
    return written


def test_the_log_is_read_in_order() -> None:
    assert [one.number for one in read_log(chain(12))] == list(range(1, 13))
    assert read_log({}) == ()


@given(st.data())
def test_any_change_of_the_log_is_noticed(data: st.DataObject) -> None:
    written = chain(4)
    keys = [key for key in written if key != "owner"]
    # Losing the last entries leaves a shorter log that is sound in itself; `check_model` sees that.
    key = data.draw(st.sampled_from(keys))
    kind = data.draw(st.sampled_from(["remove", "edit", "double"]))
    if kind == "remove":
        key = data.draw(st.sampled_from(keys[:-1]))
        del written[key]
    elif kind == "edit":
        place = data.draw(st.integers(0, len(written[key]) - 1))
        text = written[key]
        other = data.draw(st.characters(codec="ascii").filter(lambda c: c != text[place]))
        written[key] = text[:place] + other + text[place + 1 :]
    else:
        number = int(key.split(".")[1])
        rival = entry(number, "promote", 99, "f" * 64)
        written[rival.key] = rival.model_dump_json()
    with pytest.raises(RegistryError, match="promotion log"):
        read_log(written)


# check-model


def test_a_promoted_model_may_be_deployed(project: Project) -> None:
    (digest,) = line_up(project, 1)
    found = check_model(project.params, project.root)
    assert (found.passed, found.version, found.digest, found.problems) == (True, "1", digest, ())


def problems(project: Project, **options: bool) -> str:
    found = check_model(project.params, project.root, **options)
    assert not found.passed
    return "; ".join(found.problems)


def test_there_must_be_a_production_model(project: Project) -> None:
    assert "no version with the alias 'production'" in problems(project)
    project.judged()
    assert "no version with the alias 'production'" in problems(project)


def test_the_alias_must_come_from_a_promotion(project: Project) -> None:
    line_up(project, 1)
    project.judged(intercept=-3.0)
    with connect(project.where) as client:
        client.set_registered_model_alias(MODEL, "production", "2")
    assert "version 2 carries the alias 'production', but the promotion log" in problems(project)


def test_a_shortened_log_is_seen(project: Project) -> None:
    line_up(project, 2)
    with connect(project.where) as client:
        client.delete_registered_model_tag(MODEL, history(project.params, project.root)[-1].key)
    assert "the promotion log lacks its entry of number 2" in problems(project)


def test_a_tampered_log_is_seen(project: Project) -> None:
    line_up(project, 1)
    with connect(project.where) as client:
        (key,) = [key for key in client.get_registered_model(MODEL).tags if key.startswith("promotion.")]
        client.set_registered_model_tag(MODEL, key, "{}")
    assert "the promotion log cannot be read" in problems(project)


def test_an_overridden_gate_is_not_passed(project: Project) -> None:
    project.judged(passed=False)
    promote(project.params, project.root, who="ana", reason="urgent", override=True)
    assert "was promoted over the gate by ana: urgent" in problems(project)
    assert check_model(project.params, project.root, allow_override=True).passed


def test_a_damaged_production_model_is_seen(project: Project) -> None:
    line_up(project, 1)
    folder, _ = MlflowStore(project.where).fetch(f"models:/{MODEL}@production")
    (folder / "manifest.json").write_bytes(b"{}")
    assert "manifest.json has format None" in problems(project)
    shutil.rmtree(folder)
    assert "is not a bundle" in problems(project)


def test_a_lost_verdict_is_seen(project: Project) -> None:
    line_up(project, 1)
    for path in project.root.glob("mlartifacts/*/artifacts/gate/*.json"):
        path.unlink()
    assert "has lost its file gate/" in problems(project)


def test_a_later_verdict_does_not_touch_what_is_live(project: Project) -> None:
    (digest,) = line_up(project, 1)
    store_verdict(project.params, project.verdict(digest, digest, passed=False), project.root)
    assert check_model(project.params, project.root).passed
