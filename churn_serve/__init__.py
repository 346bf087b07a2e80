"""churn_serve: a churn model over HTTP."""

from __future__ import annotations

from churn_serve.app import create_app
from churn_serve.settings import Settings

__all__ = ["Settings", "create_app"]
