"""Moves of the production alias at the same time: one is first, the others are told."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from churn_core.errors import ChurnError, GateRefused, RegistryError
from churn_core.params import Params
from churn_core.tracking import Entry, check_model, history, promote, rollback
from churn_core.tracking.client import connect
from churn_core.tracking.ledger import append, locate, standing
from churn_core.tracking.log import claim_key
from tests.support.tracking import MODEL, Project

TOLD = (
    "moved the production alias to version . at the same time and was first"
    "|put version . into production last, but the alias"
    "|was not compared with version ., which is in production"
    "|went into production, and at once"
)


@dataclass
class Three:
    """Three versions, of which the first is live; a verdict for any of them is made when it is needed."""

    project: Project
    digests: dict[str, str]

    def head(self) -> Entry:
        return history(self.project.params, self.project.root)[-1]

    def live(self) -> str:
        """Digest of what the alias names."""
        with connect(self.project.where) as client:
            found = client.get_model_version_by_alias(MODEL, "production")
        return self.digests[str(found.version)]

    def move(self, version: str, champion: str, who: str) -> Entry:
        verdict = self.project.verdict(self.digests[version], champion)
        return promote(self.project.params, self.project.root, version, who=who, verdict=verdict)


@pytest.fixture(scope="module")
def three(empty_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        project = Project(tmp_path_factory.mktemp("races"), empty_registry)
        done = [project.judged(intercept=-1.0 - number / 10) for number in range(3)]
        ready = Three(project, {one.version: one.digest for one in done})
        ready.move("1", "", "first")
        ready.move("2", ready.digests["1"], "second")
        yield ready


class Interrupted:
    """A client that lets somebody else act before its call of a number."""

    def __init__(self, client: Any, at: int, act: Callable[[], None]) -> None:
        self._client, self._at, self._act = client, at, act
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)

        def call(*args: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self._at:
                self._act()
            return found(*args, **options)

        return call


def interrupted(monkeypatch: pytest.MonkeyPatch, at: int, act: Callable[[], None]) -> list[Interrupted]:
    """Let the next `connect` of a promotion give an interrupted client."""
    given: list[Interrupted] = []

    @contextmanager
    def once(where: Any) -> Iterator[Any]:
        with connect(where) as client:
            if given:
                yield client
            else:
                given.append(Interrupted(client, at, act))
                yield given[0]

    # By name of the module: the package has a function of the same name.
    monkeypatch.setattr(import_module("churn_core.tracking.promote"), "connect", once)
    return given


def rivals(three: Three, version: str, other: str, champion: str) -> dict[str, Callable[[], Entry]]:
    params, root = three.project.params, three.project.root
    return {
        "another": lambda: three.move(other, champion, "rival"),
        "the same": lambda: three.move(version, champion, "rival"),
        "overruling": lambda: promote(params, root, other, who="rival", reason="urgent", override=True),
        "rolling back": lambda: rollback(params, root, who="rival"),
    }


@pytest.mark.parametrize("kind", ["another", "the same", "overruling", "rolling back"])
def test_a_rival_between_any_two_calls(kind: str, three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    at, calls = 0, 1
    while at <= calls:
        at += 1
        before = history(three.project.params, three.project.root)
        champion = before[-1].bundle
        version, other = sorted(one for one, digest in three.digests.items() if digest != champion)
        results: dict[str, Entry | ChurnError] = {}

        def attempt(
            who: str, act: Callable[[], Entry], results: dict[str, Entry | ChurnError] = results
        ) -> None:
            try:
                results[who] = act()
            except ChurnError as error:
                results[who] = error

        act = rivals(three, version, other, champion)[kind]
        with monkeypatch.context() as patch:
            given = interrupted(patch, at, lambda act=act, attempt=attempt: attempt("rival", act))
            attempt("ana", lambda: three.move(version, champion, "ana"))  # noqa: B023
        calls = given[0].calls
        after = history(three.project.params, three.project.root)
        assert after[: len(before)] == before
        assert three.live() == after[-1].bundle
        winners = [who for who, result in results.items() if result == after[-1]]
        assert after[-1].who in winners
        for who, result in results.items():
            if who not in winners and result not in after:
                assert any(part in str(result) for part in ("same time", "production", "present one")), result
        if kind in ("another", "the same") or "rival" not in results:
            assert len(after) == len(before) + 1
        if kind == "another" and "rival" in results:
            (told,) = (str(one) for one in results.values() if isinstance(one, ChurnError))
            with pytest.raises(ChurnError, match=TOLD):
                raise ChurnError(told)
    assert calls > 10


def test_threads(three: Three) -> None:
    for _round in range(4):
        champion = three.head().bundle
        number = three.head().number
        versions = [one for one, digest in three.digests.items() if digest != champion] * 2
        start, said = threading.Barrier(len(versions)), list[str]()

        def race(
            version: str,
            who: str,
            champion: str = champion,
            start: threading.Barrier = start,
            said: list[str] = said,
        ) -> None:
            start.wait()
            try:
                entry = three.move(version, champion, who)
                said.append("won" if entry.who == who else "there already")
            except (RegistryError, GateRefused) as error:
                said.append(str(error))

        threads = [
            threading.Thread(target=race, args=(version, f"racer {place}"))
            for place, version in enumerate(versions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert said.count("won") == 1, said
        assert three.head().number == number + 1
        assert three.live() == three.head().bundle


def _process(root: Path, digests: dict[str, str], name: str, start: Any, answers: Any, rounds: int) -> None:
    project = Project(root)
    project.params = Params()
    three = Three(project, digests)
    for _round in range(rounds):
        start.wait(120)
        champion = three.head().bundle
        versions = sorted(one for one, digest in digests.items() if digest != champion)
        start.wait(120)
        try:
            three.move(versions[int(name)], champion, name)
            answers.put((name, ""))
        except ChurnError as error:
            answers.put((name, str(error)))


def test_processes(three: Three) -> None:
    rounds, context = 10, multiprocessing.get_context("spawn")
    start, answers = context.Barrier(2), context.Queue()
    before = len(history(three.project.params, three.project.root))
    racers = [
        context.Process(
            target=_process, args=(three.project.root, three.digests, name, start, answers, rounds)
        )
        for name in ("0", "1")
    ]
    for racer in racers:
        racer.start()
    said = [answers.get(timeout=120) for _ in range(2 * rounds)]
    for racer in racers:
        racer.join(60)
    entries = history(three.project.params, three.project.root)[before:]
    assert len(entries) == rounds == sum(not message for _, message in said)
    assert three.live() == entries[-1].bundle
    for _name, message in said:
        if message:
            with pytest.raises(ChurnError, match=TOLD):
                raise ChurnError(message)


# interruptions


@pytest.mark.parametrize("name", ["set_registered_model_tag", "log_param", "set_registered_model_alias"])
def test_a_killed_promotion_is_done_again(
    name: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = project.judged()
    with monkeypatch.context() as patch:
        patch.setattr(f"mlflow.MlflowClient.{name}", _killed)
        with pytest.raises(KeyboardInterrupt):
            promote(project.params, project.root, who="ana")
    written = history(project.params, project.root)
    assert len(written) == (name == "set_registered_model_alias")
    assert not check_model(project.params, project.root).passed
    entry = promote(project.params, project.root, who="ben")
    assert entry.who == ("ana" if written else "ben")
    assert history(project.params, project.root) == (entry,)
    assert check_model(project.params, project.root).digest == done.digest


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_nothing_is_judged_against_a_champion_that_is_being_replaced(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = [project.judged(intercept=-1.0 - number / 10) for number in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr("mlflow.MlflowClient.set_registered_model_alias", _killed)
        with pytest.raises(KeyboardInterrupt):
            promote(project.params, project.root, done[0].version, who="ana")
    with pytest.raises(RegistryError, match="ana put version 1 into production last, but the alias"):
        promote(project.params, project.root, done[1].version, who="ben")
    assert promote(project.params, project.root, done[0].version, who="ben").number == 1


def test_a_lost_answer_leaves_the_entry(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.judged()
    with connect(project.where) as client:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        real = MlflowClient.log_param

        def lossy(self: Any, *args: Any, **options: Any) -> None:
            real(self, *args, **options)
            raise MlflowException("API request failed with exception timed out")

        with monkeypatch.context() as patch:
            patch.setattr("mlflow.MlflowClient.log_param", lossy)
            with pytest.raises(RegistryError, match="does not answer"):
                promote(project.params, project.root, who="ana")
        assert len(standing(project.where, client).entries) == 1
    assert promote(project.params, project.root, who="ben").who == "ana"


def test_an_entry_that_the_ledger_does_not_name_counts_for_nothing(project: Project) -> None:
    project.judged()
    first = promote(project.params, project.root, who="ana")
    forged = first.model_copy(update={"number": 2, "previous": first.digest, "to_version": "9"})
    with connect(project.where) as client:
        client.set_registered_model_tag(MODEL, forged.key, forged.model_dump_json())
        assert standing(project.where, client).entries == (first,)
        client.delete_registered_model_tag(MODEL, first.key)
        with pytest.raises(RegistryError, match="lacks its entry of number 1"):
            standing(project.where, client)


def test_a_model_that_was_made_by_hand_gets_a_ledger(project: Project) -> None:
    with connect(project.where) as client:
        client.create_registered_model(MODEL)
        project.judged()
        old = promote(project.params, project.root, who="ana")
        run = client.get_registered_model(MODEL).tags["promotions"]
        assert client.get_run(run).data.params == {claim_key(1): old.digest}
        client.delete_registered_model_tag(MODEL, "promotions")
        assert standing(project.where, client).entries == (old,)
        later = old.model_copy(update={"number": 2, "previous": old.digest})
        append(project.where, client, later)
        assert standing(project.where, client).entries == (old, later)
        assert locate(project.where, client, later).version == "1"
