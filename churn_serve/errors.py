"""Every error that churn_serve raises on purpose.

```text
ChurnError
└── ServeError          the service cannot start or go on
    ├── SettingsError   an environment variable is wrong
    ├── Unprotected     it would answer the network without asking who calls
    ├── AddressError    it cannot listen where it was told to
    ├── UnknownEvent    Lambda was invoked with something that is no HTTP request
    ├── Unfinished      it had to stop before all was answered
    └── Refusal         one request is answered by a problem document
```
"""

from __future__ import annotations

from collections.abc import Sequence

from churn_core.errors import ChurnError
from churn_core.schemas.wire import ProblemField

__all__ = [
    "AddressError",
    "Refusal",
    "ServeError",
    "SettingsError",
    "Unfinished",
    "UnknownEvent",
    "Unprotected",
]

Headers = Sequence[tuple[bytes, bytes]]


class ServeError(ChurnError):
    """The service cannot start or go on."""


class SettingsError(ServeError):
    """An environment variable is wrong."""


class Unprotected(ServeError):
    """The service would answer the network without asking who calls."""


class AddressError(ServeError):
    """The service cannot listen where it was told to."""


class UnknownEvent(ServeError):
    """Lambda was invoked with something that is no HTTP request."""


class Unfinished(ServeError):
    """The service had to stop before all was answered."""


class Refusal(ServeError):
    """One request is answered by a problem document.

    Attributes:
        status: The HTTP status.
        detail: One sentence for the person who sent the request.
        errors: What is wrong with which field.
        headers: Further headers of the response.
    """

    def __init__(
        self, status: int, detail: str, errors: Sequence[ProblemField] = (), headers: Headers = ()
    ) -> None:
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = tuple(headers)
        super().__init__(status, detail, self.errors, self.headers)
