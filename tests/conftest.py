"""Settings and fixtures that all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# Machines are noisy: a slow moment is no failure.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

# Nothing that tests start reports home.
os.environ["DVC_NO_ANALYTICS"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
