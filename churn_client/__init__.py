"""churn_client: ask a churn service, with types.

```python
from churn_client import IbmTelcoCustomer, predict_churn

answer = predict_churn(IbmTelcoCustomer(customer_id="7590-VHVEG", ...))
answer.churn_probability, answer.churn_risk, answer.reasons
```
"""

from __future__ import annotations

from churn_client._client import AsyncChurnClient, ChurnClient
from churn_client._errors import (
    ChurnClientError,
    ClientClosed,
    ConfigError,
    ConnectionFailed,
    CustomerRefused,
    InvalidCustomer,
    NotAuthorized,
    NotCustomers,
    RequestRefused,
    RowError,
    ServiceFailed,
    StatusError,
    TimedOut,
    TooManyRequests,
    UnexpectedAnswer,
)
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
    "Change",
    "ChurnClient",
    "ChurnClientError",
    "ChurnPrediction",
    "ClientClosed",
    "ConfigError",
    "ConnectionFailed",
    "CustomerRefused",
    "IbmTelcoCustomer",
    "InvalidCustomer",
    "NotAuthorized",
    "NotCustomers",
    "ProbabilityInterval",
    "Reason",
    "RequestRefused",
    "RowError",
    "ServiceFailed",
    "StatusError",
    "TelcoVisionCustomer",
    "TimedOut",
    "TooManyRequests",
    "UnexpectedAnswer",
    "predict_churn",
]
