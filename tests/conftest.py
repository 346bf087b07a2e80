"""Settings and fixtures that all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# Machines are noisy: a slow moment is no failure. People search at random; where a change is
# let in or not, the same examples are tried each time.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")

# Nothing that tests start reports home.
os.environ["DVC_NO_ANALYTICS"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
