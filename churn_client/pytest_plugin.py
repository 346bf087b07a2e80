"""pytest's fixture `churn_service`: a churn service for tests of code that asks one.

pytest finds it by itself where `churn-client` is installed.

```python
def test_likely_churners_are_called(churn_service):
    churn_service.probability = 0.9
    my_campaign()  # calls predict_churn, or makes a ChurnClient
    assert churn_service.customers[0].customer_id == "7590-VHVEG"
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from churn_client.testing import FakeChurnService

__all__ = ["churn_service", "churn_service_options"]


@pytest.fixture
def churn_service_options() -> Mapping[str, Any]:
    """Arguments of `FakeChurnService`; define a fixture of this name to give others, such as `schema`."""
    return {}


@pytest.fixture
def churn_service(churn_service_options: Mapping[str, Any]) -> Iterator[FakeChurnService]:
    """A service that answers `predict_churn` and every client that the test makes."""
    from churn_client.testing import (
        FakeChurnService,
    )  # only where it is used: pytest loads this module always

    with FakeChurnService(**churn_service_options) as service:
        yield service
