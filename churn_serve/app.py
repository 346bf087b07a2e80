"""Puts a service together. Importing this module starts and reads nothing."""

from __future__ import annotations

from churn_core.bundle import Scorer
from churn_core.protocols import Sink
from churn_serve.logs import Log
from churn_serve.service import Service
from churn_serve.settings import Settings
from churn_serve.source import GIVEN, Source

__all__ = ["create_app"]


def create_app(
    scorer: Scorer | None = None,
    settings: Settings | None = None,
    sink: Sink | None = None,
    log: Log | None = None,
    source: Source = GIVEN,
) -> Service:
    """A service as an ASGI application.

    Args:
        scorer: The verified bundle to answer from. Without one the service says that it is not
            ready, until `Service.use` gives it one.
        settings: How it behaves; the defaults ask for no key.
        sink: Receives what was answered, for monitoring.
        log: Where a line for each request goes; nowhere by default.
        source: Where the bundle is from.
    """
    service = Service(settings or Settings(), sink, log)
    if scorer:
        service.use(scorer, source)
    return service
