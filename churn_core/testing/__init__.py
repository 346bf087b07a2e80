"""Tools for the tests of schemas and plugins. Needs Hypothesis.

```python
from hypothesis import given
from churn_core.testing import check_plugin, customers

@given(customers(AcmeCustomer))
def test_something(customer): ...

def test_our_schema_is_a_good_plugin():
    check_plugin("schemas", "acme")
```
"""

from __future__ import annotations

from churn_core.testing.customers import Faulty, customer_dicts, customers, invalid_customers
from churn_core.testing.files import FileRows, file_rows

__all__ = ["Faulty", "FileRows", "customer_dicts", "customers", "file_rows", "invalid_customers"]
