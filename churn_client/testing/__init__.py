"""A churn service inside the test process, for those who build on the client.

```python
from churn_client import predict_churn
from churn_client.testing import FakeChurnService


def test_likely_churners_are_called() -> None:
    with FakeChurnService(probability=0.9) as service:
        my_campaign()  # calls predict_churn, or makes a ChurnClient
    assert service.customers[0].customer_id == "7590-VHVEG"
```

pytest has it as the fixture `churn_service` (`churn_client.pytest_plugin`).
"""

from __future__ import annotations

from churn_client.testing._service import FakeChurnService

__all__ = ["FakeChurnService"]
