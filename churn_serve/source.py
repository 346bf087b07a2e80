"""Where the model comes from, and which copy of it answers.

A folder is read as it is. A registry is asked once, when the service starts, and for a limited
time; if it does not give a sound bundle, the last good copy answers, and else the one that came
with the service. Only a registry that answers, and says that there is no such version, is believed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from churn_core.bundle import Bundle, Scorer
from churn_core.bundle.stores import open_bundle
from churn_core.errors import BundleError, ChurnError, NoSuchVersion, RegistryError
from churn_serve.settings import Settings

if TYPE_CHECKING:
    from churn_serve.copies import Copies

__all__ = ["BAKED", "GIVEN", "NOTHING", "Opened", "Source", "excuse", "open_model"]

T = TypeVar("T")

# Where an image has its bundle.
BAKED = Path("/var/task/model")


@dataclass(frozen=True)
class Source:
    """Which copy answers.

    Attributes:
        source: `baked`, a folder; `registry`; `last-known-good`, a copy of an earlier start; `given`
            by the program that runs the service; or `none`.
        since: When this copy was fetched or read, in UTC; empty where that is not known.
        note: Why it is this one, in a sentence that anybody may read.
    """

    source: str
    since: str
    note: str


GIVEN = Source("given", "", "The program that runs the service chose it.")
NOTHING = Source("none", "", "No model is loaded yet.")


class Opened(NamedTuple):
    """A model to answer from; `problem` is for the log, where it is not the copy that was asked for."""

    scorer: Scorer
    source: Source
    problem: str = ""


def open_model(ref: str, settings: Settings) -> Opened:
    """The model that a reference names, or the next best copy of it.

    Args:
        ref: A folder, `models:/name@alias` or `models:/name/version`.

    Raises:
        BundleError: The folder holds no sound bundle.
        NoSuchVersion: The registry answers, and has no such version.
        RegistryError: It gives no sound bundle, and there is no copy of it.
    """
    if ":/" not in ref:
        return Opened(Scorer(open_bundle(ref)), Source("baked", _now(), "The service has its own copy."))
    from churn_serve.copies import Copies, default_cache  # would delay the start from a folder

    registry = os.environ.get("MLFLOW_TRACKING_URI", "")
    copies = Copies(Path(settings.cache_dir or default_cache()), ref, registry)
    try:
        bundle = _within(settings.fetch_seconds or _patience(), lambda: _fetch(ref, registry, copies))
        scorer = Scorer(bundle)
    except NoSuchVersion:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and none may stop a start
        return _next_best(copies, error)
    source = Source("registry", _now(), "The registry gave it when the service started.")
    try:
        copies.keep(bundle, source.since)
    except OSError as error:
        return Opened(scorer, source, f"no copy was kept: {type(error).__name__}")
    return Opened(scorer, source)


def excuse(error: ChurnError) -> Source:
    """What to tell callers where there is no model at all."""
    why = "The bundle is missing or damaged" if isinstance(error, BundleError) else _why(error)
    return Source("none", _now(), f"{why}, so no model is loaded.")


def _next_best(copies: Copies, error: Exception) -> Opened:
    why, problems = _why(error), [_sentence(error)]
    try:
        if kept := copies.last():
            note = f"{why}; this copy is from an earlier start."
            return Opened(Scorer(kept.bundle), Source("last-known-good", kept.fetched, note), problems[0])
    except ChurnError as spoiled:
        problems.append(str(spoiled))
    try:
        if BAKED.is_dir():
            note = f"{why}; this copy came with the service."
            return Opened(Scorer(open_bundle(str(BAKED))), Source("baked", _now(), note), "; ".join(problems))
    except ChurnError as spoiled:
        problems.append(str(spoiled))
    raise RegistryError("; ".join([*problems, "there is no good copy to start from"])) from error


def _fetch(ref: str, registry: str, copies: Copies) -> Bundle:
    if ref.startswith("models:/") and registry.startswith(("http://", "https://")):
        from churn_serve.registry import Registry  # so would this

        return Registry(registry).fetch(ref, copies.find)
    return open_bundle(ref)


def _patience() -> float:
    return 5.0 if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else 60.0


def _within(seconds: float, work: Callable[[], T]) -> T:
    """The result of `work`, which is left behind if it takes longer.

    Time-outs of sockets are no such limit: they leave out the search for an address, and begin
    anew with every byte.
    """
    box: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def run() -> None:
        try:
            box.put((work(), None))
        except Exception as error:  # noqa: BLE001 - raised again by the caller
            box.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = box.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"the registry took longer than {seconds:g} seconds") from None
    if error:
        raise error
    return result  # type: ignore[return-value] # there is an error or a result


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "The registry took too long"
    if isinstance(error, BundleError):
        return "The registry's copy is damaged"
    if isinstance(error, NoSuchVersion):
        return "The registry has no such version"
    return "The registry does not answer, or refuses"


def _sentence(error: Exception) -> str:
    """For the log; of foreign errors the kind only."""
    return str(error) if isinstance(error, ChurnError | TimeoutError) else type(error).__name__


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
