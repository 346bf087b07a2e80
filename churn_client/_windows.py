"""Several questions under way at once, their answers in order, no more of either than the window holds."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["async_window", "window"]

Q = TypeVar("Q")
A = TypeVar("A")


def window(questions: Iterable[Q], ask: Callable[[Q, threading.Event], A], width: int) -> Generator[A]:
    """Answers in the order of the questions, `width` of them asked at once in threads.

    Questions are taken in the thread that takes the answers. Where it stops, those under way are
    told by the event, and waited for. Where questions end in an error, it is raised after the answers.
    """
    stop = threading.Event()
    if width == 1:
        yield from (ask(question, stop) for question in questions)
        return
    pending: deque[Future[A]] = deque()
    failed: list[Exception] = []
    threads = ThreadPoolExecutor(width, "churn_client")
    try:
        for question in _until_failure(questions, failed):
            pending.append(threads.submit(ask, question, stop))
            if len(pending) == width:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if failed:
            raise failed[0]
    finally:
        stop.set()
        threads.shutdown(cancel_futures=True)


async def async_window(
    questions: AsyncIterator[Q], ask: Callable[[Q], Awaitable[A]], width: int
) -> AsyncGenerator[A]:
    """The same in tasks, which are cancelled where the answers are no longer taken."""
    pending: deque[asyncio.Future[A]] = deque()
    failed: list[Exception] = []
    try:
        async for question in _async_until_failure(questions, failed):
            pending.append(asyncio.ensure_future(ask(question)))
            if len(pending) == width:
                yield await pending[0]
                pending.popleft()
        while pending:
            yield await pending[0]
            pending.popleft()
        if failed:
            raise failed[0]
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _until_failure(questions: Iterable[Q], failed: list[Exception]) -> Iterator[Q]:
    try:
        yield from questions
    except Exception as error:  # noqa: BLE001 - it is raised once all answers are taken
        failed.append(error)


async def _async_until_failure(questions: AsyncIterator[Q], failed: list[Exception]) -> AsyncIterator[Q]:
    try:
        async for question in questions:
            yield question
    except Exception as error:  # noqa: BLE001 - see above
        failed.append(error)
