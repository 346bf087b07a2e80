"""Whether the gate keeps its word: no promotion by chance, and every spoiled model refused by name."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Promote challengers that are no better, and judge spoiled models; 1 where the gate is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gate", description=__doc__)
    parser.add_argument("--challengers", type=int, default=200, help="of each kind")
    parser.add_argument("--rows", type=int, default=1409, help="customers to judge on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="spoiled models with this in their name")
    options = parser.parse_args(arguments)
    return _simulated(options) | _spoiled(options)


def _simulated(options: argparse.Namespace) -> int:
    from benchmarks.gate.simulate import NO_BETTER, promoted
    from churn_core.gate.checks.champion import NotWorseThanChampion

    check, wrong = NotWorseThanChampion(superiority=("log_loss",)), 0
    seeds = range(options.seed, options.seed + options.challengers)
    for name, draw in NO_BETTER.items():
        share = promoted(check, draw, options.rows, seeds)
        wrong += share > 0.05
        print(f"{name:40}{share:7.1%} of {options.challengers} promoted (at most 5 %)", flush=True)
    return int(wrong > 0)


def _spoiled(options: argparse.Namespace) -> int:
    from benchmarks.gate.zoo import ZOO, Farm

    wrong = 0
    with TemporaryDirectory() as folder:
        farm = Farm(Path(folder), options.seed)
        honest = farm.judge(farm.honest)
        print(f"the honest model {'passes' if honest.passed else 'IS REFUSED'}", flush=True)
        for animal in ZOO:
            if options.only in animal.name:
                verdict = farm.raise_(animal)
                named = {result.name for result in verdict.failures()}
                good = bool(named & set(animal.named_by))
                wrong += not good
                print(f"{'ok' if good else 'WRONG':7}{animal.name:40}{', '.join(sorted(named))}", flush=True)
    return int(wrong > 0 or not honest.passed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
