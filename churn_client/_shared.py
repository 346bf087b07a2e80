"""`predict_churn`: one function for one question, over a client that all callers share."""

from __future__ import annotations

import atexit
import threading

from churn_client._client import ChurnClient
from churn_client._config import environment
from churn_client._core import AnyCustomer
from churn_client._forks import renew_after_fork
from churn_core.schemas import ChurnPrediction, LanguageName

__all__ = ["predict_churn", "use_client"]


class _Shared:
    """One client for all callers of this process, made when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: ChurnClient | None = None
        self._made_for: dict[str, str] = {}
        self._given: ChurnClient | None = None
        renew_after_fork(self)

    def current(self) -> ChurnClient:
        """The client to ask; a new one where the environment has changed."""
        wanted = environment()
        with self._lock:
            if self._given:
                return self._given
            if self._own is None or self._made_for != wanted:
                fresh = ChurnClient()
                self.close()
                self._own, self._made_for = fresh, wanted
            return self._own

    def use(self, client: ChurnClient | None) -> ChurnClient | None:
        """Ask through `client`, or through an own one again; returns the one given before."""
        with self._lock:
            before, self._given = self._given, client
        return before

    def close(self) -> None:
        """Close the own client."""
        if self._own:
            self._own.close()

    def after_fork(self) -> None:
        self._lock = threading.Lock()


_SHARED = _Shared()
atexit.register(_SHARED.close)
use_client = _SHARED.use


def predict_churn(
    customer: AnyCustomer,
    *,
    explain: bool = True,
    interval: bool = False,
    action: bool = False,
    language: LanguageName = "en",
) -> ChurnPrediction:
    """Ask the service in `CHURN_API_URL` whether a customer will leave.

    Args:
        customer: Of any schema that the service answers, or a mapping of its fields.
        explain: Whether to give the strongest reasons.
        interval: Whether to say how sure the probability is.
        action: Whether to say what could keep the customer.
        language: Of the texts of reasons and action.

    Raises:
        InvalidCustomer: The customer does not fit the schema.
        ConfigError: `CHURN_API_URL` is not set or no URL.
        ConnectionFailed: The service cannot be reached.
        StatusError: It refused or failed; `NotAuthorized` without a valid `CHURN_API_KEY`.
    """
    client = _SHARED.current()
    return client.predict(customer, explain=explain, interval=interval, action=action, language=language)
