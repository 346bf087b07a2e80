"""`python -m benchmarks.fuzz.target BUNDLE [libFuzzer's ARGUMENT ...]`: fuzzes until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import atheris

with atheris.instrument_imports(  # pyright: ignore[reportAttributeAccessIssue]
    include=["churn_serve", "churn_core.schemas"]
):
    import churn_core
    from benchmarks.fuzz.reference import Reply, Request, check
    from churn_serve import create_app


def main() -> None:
    """Hand each input to the service and its answer to the reference."""
    name, bundle, *arguments = sys.argv
    scorer = churn_core.load(bundle)
    service = create_app(scorer)
    loop = asyncio.new_event_loop()

    def one_input(text: bytes) -> None:
        request = Request.read(text)
        if request:
            check(request, loop.run_until_complete(answer(service, request)), scorer)

    atheris.Setup([name, *arguments], one_input)
    atheris.Fuzz()


async def answer(service: Any, request: Request) -> Reply:
    """What the service answers, without a server."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query,
        "root_path": "",
        "headers": request.headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await service(scope, receive, send)
    start, *rest = sent
    return Reply(start["status"], dict(start["headers"]), b"".join(part.get("body", b"") for part in rest))


if __name__ == "__main__":
    main()
