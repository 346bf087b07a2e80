"""`python -m benchmarks [NAME [ARGUMENT ...]]`: one of them, or all measurements in turn."""

from __future__ import annotations

import sys
from importlib import import_module

MEASUREMENTS = {
    "actions": "what it costs to find what could keep a customer",
    "client": "what the client costs beside a bare call of httpx, and many customers at once",
    "faults": "whether the client keeps its word over a network that fails in all its ways",
    "quality": "what models are worth on hold-outs of five splits",
    "compare": "two ways to train, by repeated cross-validation on training rows",
    "unseen": "data sets that nothing was tuned on, beside AutoML libraries",
    "coverage": "whether intervals hold the churn rate as often as they say",
    "pipeline": "the pipeline beside PyCaret's own compare and tune",
    "reasons": "what reasons cost, and how exact they are",
    "serve": "the service beside its bare framework, MLflow's server and a PyCaret pipeline behind pandas",
}
# Minutes each; they end with 1 where they find something.
PROOFS = {
    "conformance": "whether the service does what its OpenAPI document says (schemathesis)",
    "fuzz": "whether anything that callers send breaks the service (atheris)",
    "gate": "whether the gate promotes no better model by chance, and refuses spoiled ones by name",
    "load": "what the service does at twice the rate that it can hold",
}


def main(arguments: list[str]) -> int:
    """Run the named one with its own arguments, or all measurements with none."""
    every = MEASUREMENTS | PROOFS
    if arguments and arguments[0] not in every:
        width = max(map(len, every))
        lines = [f"  {name:{width}}  {text}" for name, text in every.items()]
        print("usage: python -m benchmarks [NAME [ARGUMENT ...]]", *lines, sep="\n")
        return 0 if arguments[0] in ("-h", "--help") else 2
    code = 0
    for name in arguments[:1] or MEASUREMENTS:
        print(f"\n== {name}: {every[name]}", flush=True)
        code |= import_module(f"benchmarks.{name}").main(arguments[1:]) or 0
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
