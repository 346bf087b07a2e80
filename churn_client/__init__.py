"""churn_client: ask a churn service, with types.

```python
from churn_client import IbmTelcoCustomer, predict_churn

answer = predict_churn(IbmTelcoCustomer(customer_id="7590-VHVEG", ...))
answer.churn_probability, answer.churn_risk, answer.reasons
```
"""

from __future__ import annotations

from churn_client._async_client import AsyncChurnClient
from churn_client._client import ChurnClient
from churn_client._config import Options
from churn_client._errors import (
    BadRequest,
    CallFailed,
    ChurnClientError,
    CircuitOpen,
    ClientClosed,
    ConfigError,
    ConnectionFailed,
    CustomerRefused,
    InvalidCustomer,
    NotAuthorized,
    NotCustomers,
    NotFound,
    ProtocolBroken,
    RequestRefused,
    RequestTooLarge,
    RequestTooSlow,
    RowError,
    ServiceFailed,
    StatusError,
    TimedOut,
    TooManyRequests,
    UnexpectedAnswer,
    WrongLoop,
    WrongMediaType,
)
from churn_client._messages import Request, Response
from churn_client._shared import predict_churn
from churn_core.schemas import (
    Action,
    Change,
    ChurnPrediction,
    IbmTelcoCustomer,
    ProbabilityInterval,
    Reason,
    TelcoVisionCustomer,
)

__all__ = [
    "Action",
    "AsyncChurnClient",
    "BadRequest",
    "CallFailed",
    "Change",
    "ChurnClient",
    "ChurnClientError",
    "ChurnPrediction",
    "CircuitOpen",
    "ClientClosed",
    "ConfigError",
    "ConnectionFailed",
    "CustomerRefused",
    "IbmTelcoCustomer",
    "InvalidCustomer",
    "NotAuthorized",
    "NotCustomers",
    "NotFound",
    "Options",
    "ProbabilityInterval",
    "ProtocolBroken",
    "Reason",
    "Request",
    "RequestRefused",
    "RequestTooLarge",
    "RequestTooSlow",
    "Response",
    "RowError",
    "ServiceFailed",
    "StatusError",
    "TelcoVisionCustomer",
    "TimedOut",
    "TooManyRequests",
    "UnexpectedAnswer",
    "WrongLoop",
    "WrongMediaType",
    "predict_churn",
]
