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

from churn_core.testing.conformance import check_plugin
from churn_core.testing.customers import Faulty, customer_dicts, customers, invalid_customers
from churn_core.testing.evidence import example_evidence, write_example_bundle
from churn_core.testing.files import FileRows, file_rows

__all__ = [
    "Faulty",
    "FileRows",
    "check_plugin",
    "customer_dicts",
    "customers",
    "example_evidence",
    "file_rows",
    "invalid_customers",
    "write_example_bundle",
]
