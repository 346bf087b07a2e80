"""Can the bundle be served: how quick it answers, how large it is, what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from time import process_time
from typing import Annotated

import numpy as np
from pydantic import Field

from churn_core.bundle import Manifest
from churn_core.features import RawTable
from churn_core.gate.evidence import Evidence
from churn_core.gate.verdict import Bound, CheckResult
from churn_core.schemas.rules import Frozen

__all__ = ["Budgets"]

_Times = Annotated[float, Field(gt=0)]
_ROUNDS, _BULK = 4, 500
_HEAVY = (
    "pandas", "scipy", "sklearn", "pyarrow", "mlflow", "pycaret", "lightgbm", "xgboost", "catboost", "onnx",
    "torch", "tensorflow", "matplotlib", "jinja2", "pyspark", "dvc",
)  # fmt: skip

# Run by a fresh interpreter: what opening this bundle imports, and how long that takes beside the
# two packages that no bundle can do without.
_IMPORTS = """
import json, sys, time
path, features, heavy = json.loads(sys.argv[1])
sys.path[:] = path
start = time.process_time()
import numpy, onnxruntime
middle = time.process_time()
import churn_core.bundle
from churn_core import registry
for name in features:
    registry.get("features", name)
end = time.process_time()
found = [name for name in heavy if name in sys.modules]
print(json.dumps([found, (end - middle) / max(middle - start, 1e-9)]))
"""


class Budgets(Frozen):
    """Latency, size and imports, measured on the spot.

    Times are processor time and ratios to work of a known size on the same machine at the same
    moment: the hyperbolic tangent of 64,000 numbers by numpy, a fraction of a millisecond. They
    decide, but no verdict carries them, so that it stays the same from run to run; bounds are so
    generous that no machine and no moment turns them.

    Attributes:
        one: One answer, without its reasons, takes at most so many times the reference.
        bulk: The same for 500 customers at once.
        megabytes: Size of the bundle's files at most.
        imports: What a fresh interpreter imports to open the bundle takes at most so many times
            what numpy and onnxruntime take.
        forbidden: Packages that opening the bundle must not import.
    """

    one: _Times = 10.0
    bulk: _Times = 1000.0
    megabytes: _Times = 50.0
    imports: _Times = 10.0
    forbidden: tuple[str, ...] = _HEAVY

    def check(self, evidence: Evidence) -> CheckResult:
        size = _size(evidence.manifest)
        problems = (*self._large(size), *self._slow(evidence), *self._heavy(evidence.manifest))
        return CheckResult(
            status="fail" if problems else "pass",
            sentence=(
                f"The bundle cannot be served within its budgets: {problems[0]}."
                if problems
                else f"The bundle of {size:.1f} MB keeps its budgets of time, size and imports."
            ),
            numbers={"megabytes": size},
            thresholds={"megabytes": Bound(at_most=self.megabytes)},
            details=problems,
        )

    def _large(self, size: float) -> Iterator[str]:
        if size > self.megabytes:
            yield f"it is too large, {size:.1f} MB ({self.megabytes:g} MB allowed)"

    def _slow(self, evidence: Evidence) -> Iterator[str]:
        ask, raw = evidence.candidate.opened("the candidate").probabilities, evidence.raw
        one = RawTable(raw.spec, raw.values[:1])
        many = RawTable(raw.spec, np.resize(raw.values, (_BULK, raw.values.shape[1])))
        if not _keeps(lambda: ask(one), self.one, calls=20):
            yield f"it is too slow: one answer takes more than {self.one:g} times the reference computation"
        elif not _keeps(lambda: ask(many), self.bulk, calls=1):
            yield (
                f"it is too slow: {_BULK} answers at once take more than {self.bulk:g} times the "
                "reference computation"
            )

    def _heavy(self, manifest: Manifest) -> Iterator[str]:
        problem = _imports_problem(tuple(one.name for one in manifest.derived), self.forbidden, self.imports)
        if problem:
            yield problem


def _size(manifest: Manifest) -> float:
    """Megabytes of all files of a bundle."""
    return (sum(file.size for file in manifest.files) + len(manifest.to_bytes())) / 1e6


def _keeps(call: Callable[[], object], bound: float, calls: int) -> bool:
    """Whether a call takes at most so many times the reference, in one of a few rounds."""
    numbers = np.linspace(-1.0, 1.0, 64_000)
    for _ in range(_ROUNDS):
        reference = min(_seconds(lambda: np.tanh(numbers)) for _ in range(5))
        start = process_time()
        quickest = float("inf")
        for _ in range(calls):
            quickest = min(quickest, _seconds(call))
            if process_time() - start > 1:  # far beyond any bound, and nobody wants to wait
                break
        if quickest <= bound * reference:
            return True
    return False


def _seconds(call: Callable[[], object]) -> float:
    start = process_time()
    call()
    return process_time() - start


@lru_cache
def _imports_problem(features: tuple[str, ...], forbidden: tuple[str, ...], bound: float) -> str:
    """What is wrong with the imports of bundles with these features; empty for nothing.

    It is the same for all of them, so a process that judges many asks once.
    """
    for _ in range(_ROUNDS):
        loaded, times = _fresh_imports(features, forbidden)
        if loaded:
            return f"opening it imports {', '.join(loaded)}, which no service should need"
        if times <= bound:
            return ""
    return f"opening it imports more than {bound:g} times what numpy and onnxruntime take"


def _fresh_imports(features: tuple[str, ...], heavy: tuple[str, ...]) -> tuple[list[str], float]:
    """Which of the heavy packages are imported, and the time in units of numpy and onnxruntime."""
    arguments = json.dumps([sys.path, features, heavy])
    answer = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _IMPORTS, arguments], capture_output=True, text=True, check=True, timeout=120
    )
    loaded, times = json.loads(answer.stdout)
    return loaded, times
