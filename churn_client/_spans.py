"""A span of OpenTelemetry for each call, where it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from churn_client._config import Config
from churn_client._errors import ConfigError, ConnectionFailed
from churn_client._messages import Response

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.trace import Span as OtelSpan

__all__ = ["NO_SPAN", "Span", "make_span", "require_tracing"]


class Span:
    """No span: what follows is the same without one.

    Attributes:
        headers: By which the service continues the trace.
    """

    headers: Mapping[str, str] = {}

    def ended(self, attempts: int, outcome: Response | ConnectionFailed) -> None:
        """Say how the call ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A call is over."""


NO_SPAN = Span()


class _TracedSpan(Span):
    """Covers all attempts of a call; named as the semantic conventions of HTTP want it."""

    def __init__(self, path: str, config: Config) -> None:
        from opentelemetry import propagate, trace

        route = path.partition("?")[0]
        place = urlsplit(config.url)
        port = place.port or (443 if place.scheme == "https" else 80)
        attributes = {"url.template": route, "server.address": place.hostname or "", "server.port": port}
        tracer = trace.get_tracer("churn_client")
        self._span: OtelSpan = tracer.start_span(
            f"churn {route}", kind=trace.SpanKind.CLIENT, attributes=attributes
        )
        headers: dict[str, str] = {}
        propagate.inject(headers, trace.set_span_in_context(self._span))
        self.headers = headers

    def ended(self, attempts: int, outcome: Response | ConnectionFailed) -> None:
        from opentelemetry.trace import StatusCode

        answered = isinstance(outcome, Response)
        self._span.set_attribute("http.request.resend_count", attempts - 1)
        if answered:
            self._span.set_attribute("http.response.status_code", outcome.status)
        if not answered or outcome.status >= 400:
            kind = str(outcome.status) if answered else type(outcome).__name__
            self._span.set_attribute("error.type", kind)
            self._span.set_status(StatusCode.ERROR)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._span.end()


def make_span(path: str, config: Config) -> Span:
    """A span that begins now, below the one that the caller is in."""
    return _TracedSpan(path, config)


def require_tracing() -> None:
    """Find out now, not at the first call.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """
    try:
        import opentelemetry.trace  # noqa: F401 # pyright: ignore[reportUnusedImport]
    except ModuleNotFoundError:
        raise ConfigError("tracing needs OpenTelemetry: pip install 'churn-client[otel]'") from None
