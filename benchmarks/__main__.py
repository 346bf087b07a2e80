"""`python -m benchmarks [NAME [ARGUMENT ...]]`: one benchmark, or all of them in turn."""

from __future__ import annotations

import sys
from importlib import import_module

BENCHMARKS = {
    "actions": "what it costs to find what could keep a customer",
    "client": "what the client costs beside a bare call of httpx, and many customers at once",
    "faults": "whether the client keeps its word over a network that fails in all its ways",
    "quality": "what models are worth on hold-outs of five splits",
    "unseen": "data sets that nothing was tuned on, beside AutoML libraries",
    "coverage": "whether intervals hold the churn rate as often as they say",
    "pipeline": "the pipeline beside PyCaret's own compare and tune",
    "reasons": "what reasons cost, and how exact they are",
    "serve": "the service beside a bare application of its framework",
}


def main(arguments: list[str]) -> int:
    """Run the named benchmark with its own arguments, or all with none."""
    if arguments and arguments[0] not in BENCHMARKS:
        width = max(map(len, BENCHMARKS))
        lines = [f"  {name:{width}}  {text}" for name, text in BENCHMARKS.items()]
        print("usage: python -m benchmarks [NAME [ARGUMENT ...]]", *lines, sep="\n")
        return 0 if arguments[0] in ("-h", "--help") else 2
    for name in arguments[:1] or BENCHMARKS:
        print(f"\n== {name}: {BENCHMARKS[name]}", flush=True)
        import_module(f"benchmarks.{name}").main(arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
