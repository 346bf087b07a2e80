"""The gate: whether a candidate may replace the champion, and why.

```python
verdict = judge(open_contender("models/candidate"), champion, data, params.gate)
```
"""

from __future__ import annotations

from churn_core.gate.evidence import Contender, EvaluationData, Evidence, contender, open_contender
from churn_core.gate.judge import judge
from churn_core.gate.render import headline, markdown
from churn_core.gate.verdict import Bound, CheckResult, Estimate, Verdict, policy_digest, read_verdict

__all__ = [
    "Bound",
    "CheckResult",
    "Contender",
    "Estimate",
    "EvaluationData",
    "Evidence",
    "Verdict",
    "contender",
    "headline",
    "judge",
    "markdown",
    "open_contender",
    "policy_digest",
    "read_verdict",
]
