"""What actions cost, and how often one is found, on customers of the hold-out."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from churn_core.bundle import Scorer, read_bundle
from churn_core.bundle.moves import MoveSets
from churn_core.features import RawReader
from churn_core.params import Params, read_params
from churn_core.schemas import Customer
from churn_core.train import run
from churn_core.train.fetch import fetch
from churn_core.train.prepare import prepare
from churn_core.train.prepared import load_prepared

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> None:
    """Print times, and what became of the customers."""
    options = _parser().parse_args(arguments)
    params = read_params(ROOT / "params.yaml", ["train.trainer=native", *options.overrides])
    with TemporaryDirectory() as folder:
        scorer, people = _trained(params, Path(folder))
    print(f"\n{' + '.join(member.name for member in scorer.bundle.members)}")
    _times(scorer, people, options.rounds)
    _outcomes(scorer, people)


def _trained(params: Params, root: Path) -> tuple[Scorer, list[Customer]]:
    fetch(params, root)
    prepare(params, root)
    scorer = Scorer(read_bundle(run(params, root).folder))
    holdout = load_prepared(root, scorer.bundle.schema_spec, params).holdout_features
    names = {"customer_id", *scorer.bundle.schema_spec.names}
    rows = [{name: row[name] for name in names} for row in holdout.to_pylist()]
    return scorer, [scorer.customer_class.parse(row) for row in rows]


def _times(scorer: Scorer, people: list[Customer], rounds: int) -> None:
    asked = [one for one in people if scorer.predict(one, explain=False).churn_prediction][:100]
    raw = RawReader(scorer.bundle.schema_spec).read(asked)
    sets = MoveSets(scorer.bundle.schema_spec, scorer.bundle.decision.costs)
    tried = [len(sets(row).costs) for row in raw.values]
    print(
        f"{len(asked)} customers above their threshold; "
        f"{median(tried):.0f} changes tried, {max(tried)} at most"
    )
    ways: dict[str, Callable[[], object]] = {
        "answer without reasons": lambda: [scorer.predict(one, explain=False) for one in asked],
        "answer with action": lambda: [scorer.predict(one, explain=False, action=True) for one in asked],
        "  of this, finding changes": lambda: [sets(row) for row in raw.values],
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            taken[name].append((time.perf_counter() - started) / len(asked) * 1e6)
    for name, each in taken.items():
        print(f"{name:28} {median(each):8.0f} us a customer")


def _outcomes(scorer: Scorer, people: list[Customer]) -> None:
    started = time.perf_counter()
    actions = [answer.action for answer in scorer.predict_many(people, action=True)]
    each = (time.perf_counter() - started) / len(people) * 1e6
    found = Counter[str]()
    for action in filter(None, actions):
        if not action.changes:
            found["nothing has to change" if action.reaches_threshold else "nothing helps or pays"] += 1
        else:
            reached = "reaches the threshold" if action.reaches_threshold else "does not"
            found[f"{len(action.changes)} changed, {reached}"] += 1
            found["(of these worth proposing)"] += action.expected_profit > 0
    print(f"all {len(people)} of the hold-out at once: {each:.0f} us a customer")
    for name, count in sorted(found.items()):
        print(f"  {name:34} {count / len(people):6.1%}")
    fields = Counter(change.feature for action in filter(None, actions) for change in action.changes)
    print("  " + ", ".join(f"{name} {count / len(people):.1%}" for name, count in fields.most_common()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks actions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE")
    return parser
