"""Brings an image to AWS Lambda: publish, try, shift traffic in steps, and take it back where it goes wrong.

```python
wanted = Wanted(image="...@sha256:...", function="churn", role="arn:...")
outcome = deploy(wanted, open_scorer("build/model"), Aws())
```

What was done is read back from AWS itself (descriptions, weights, tags), so that a deploy which was cut off
at any point goes on when it is started again.
"""

from __future__ import annotations

from churn_serve.deploy.aws import Aws
from churn_serve.deploy.errors import Conflict, DeployError, RolledBack
from churn_serve.deploy.run import Outcome, deploy, plan, rollback, status
from churn_serve.deploy.wanted import Wanted
from churn_serve.deploy.watch import Clock

__all__ = [
    "Aws",
    "Clock",
    "Conflict",
    "DeployError",
    "Outcome",
    "RolledBack",
    "Wanted",
    "deploy",
    "plan",
    "rollback",
    "status",
]
