"""Customers who wait at the same moment are answered together.

The model takes hardly longer for eight customers than for one, so a busy service answers several
times as many. Nobody is kept waiting for company: what has arrived is answered in the event loop's
next turn, and each customer's answer has the same bits in any company.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from churn_core.bundle import Scorer
from churn_core.schemas import ChurnPrediction, Customer
from churn_serve.admission import too_late
from churn_serve.wanted import Wanted

__all__ = ["Together", "answers"]

_Waiting = tuple[Customer, asyncio.Future[ChurnPrediction], float]


def answers(scorer: Scorer, customers: Sequence[Customer], wanted: Wanted) -> list[ChurnPrediction]:
    """The answers about customers who want the same."""
    return scorer.predict_many(
        customers,
        explain=wanted.explain,
        interval=wanted.interval,
        language=wanted.language,
        action=wanted.action,
    )


@dataclass(frozen=True)
class _Group:
    """Customers who want the same, in one event loop."""

    wanted: Wanted
    loop: asyncio.AbstractEventLoop
    waiting: list[_Waiting] = field(default_factory=list[_Waiting])


class Together:
    """Answers one customer for each call, and calls of the same moment at once."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._open: dict[Wanted, _Group] = {}

    def __call__(
        self, customer: Customer, wanted: Wanted, until: float = math.inf
    ) -> asyncio.Future[ChurnPrediction]:
        """The answer, once it is there.

        Args:
            until: When nobody waits for it any more, on the clock of `time.perf_counter`.

        Raises:
            Refusal: 503, it is later than that when the turn comes.
            Exception: The scorer's, of this customer only.
        """
        loop = asyncio.get_running_loop()
        group = self._open.get(wanted)
        if group is None or group.loop is not loop:  # on Lambda, loops come and go
            group = self._open[wanted] = _Group(wanted, loop)
            loop.call_soon(self._close, group)
        future: asyncio.Future[ChurnPrediction] = loop.create_future()
        group.waiting.append((customer, future, until))
        return future

    def _close(self, group: _Group) -> None:
        if self._open.get(group.wanted) is group:
            del self._open[group.wanted]
        now = time.perf_counter()
        for _, future, until in group.waiting:
            if until < now:
                _settle(future, too_late())
        self._answer([one for one in group.waiting if not one[1].done()], group.wanted)

    def _answer(self, waiting: Sequence[_Waiting], wanted: Wanted) -> None:
        if not waiting:
            return
        try:
            found = answers(self._scorer, [customer for customer, _, _ in waiting], wanted)
        except Exception as error:  # noqa: BLE001 - each caller gets his own
            if len(waiting) == 1:
                _settle(waiting[0][1], error)
            else:
                for one in waiting:
                    self._answer([one], wanted)
            return
        for (_, future, _), answer in zip(waiting, found, strict=True):
            _settle(future, answer)


def _settle(future: asyncio.Future[ChurnPrediction], outcome: ChurnPrediction | Exception) -> None:
    if future.done():  # the caller has left
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
