"""MLflow: runs, the model registry, and the way into production.

```python
register(params)
gate_candidate(params)
promote(params, who="ana", reason="autumn campaign")
```
"""

from __future__ import annotations

from churn_core.tracking.check import ModelCheck, check_model
from churn_core.tracking.config import Tracking, tracking
from churn_core.tracking.gate import gate_candidate, holdout, training_customers
from churn_core.tracking.log import Entry
from churn_core.tracking.promote import history, live, promote, rollback
from churn_core.tracking.register import Registered, register
from churn_core.tracking.seals import Seal, make_key, read_seal
from churn_core.tracking.store import MlflowStore
from churn_core.tracking.transfer import export_log, import_log
from churn_core.tracking.verdicts import store_verdict

__all__ = [
    "Entry",
    "MlflowStore",
    "ModelCheck",
    "Registered",
    "Seal",
    "Tracking",
    "check_model",
    "export_log",
    "gate_candidate",
    "history",
    "holdout",
    "import_log",
    "live",
    "make_key",
    "promote",
    "read_seal",
    "register",
    "rollback",
    "store_verdict",
    "tracking",
    "training_customers",
]
