"""What can go wrong with a deploy.

DeployError
├── Conflict
└── RolledBack
"""

from __future__ import annotations

from churn_serve.errors import ServeError

__all__ = ["Conflict", "DeployError", "RolledBack"]


class DeployError(ServeError):
    """The deploy stopped; callers get the old version or the new one, as the message says."""


class Conflict(DeployError):
    """Somebody else changed the function or its alias in the meantime."""


class RolledBack(DeployError):
    """The new version did worse under traffic; all of it goes to the old one again."""
