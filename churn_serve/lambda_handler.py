"""The entry point on AWS Lambda: `churn_serve.lambda_handler.handler`.

The bundle is loaded once, when the runtime imports this module, from the folder in `CHURN_BUNDLE`
or else `/var/task/model`. Lambda is reached from outside, so keys or `CHURN_AUTH` are required.
"""

from __future__ import annotations

import sys

from mangum import Mangum

import churn_core
from churn_serve.app import create_app
from churn_serve.auth import require_protection
from churn_serve.logs import Log
from churn_serve.settings import Settings

__all__ = ["DEFAULT_BUNDLE", "create_handler", "handler"]

DEFAULT_BUNDLE = "/var/task/model"
# All others reach API Gateway as base64, which REST APIs hand to the caller as it is.
_TEXT = ["text/", "application/json", "application/problem+json"]


def create_handler(settings: Settings) -> Mangum:
    """A handler of API Gateway, function URL and load balancer events.

    Raises:
        Unprotected: Neither keys nor `CHURN_AUTH` say who may ask.
        BundleError: The bundle is missing or damaged.
    """
    require_protection(settings, "AWS Lambda")
    scorer = churn_core.load(settings.bundle or DEFAULT_BUNDLE)
    # With its lifespan on, Mangum would start and stop the application for every event.
    return Mangum(create_app(scorer, settings, log=Log(sys.stderr)), lifespan="off", text_mime_types=_TEXT)


handler = create_handler(Settings.from_environment())
