"""Acme's customers: drawn at random, with outcomes that follow a known law."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path
from typing import ClassVar

from pydantic.dataclasses import dataclass

HEADER = (
    "Subscriber",
    "Tenure Months",
    "Plan",
    "Monthly Fee",
    "data_GB",
    "SupportCalls",
    "autopay",
    "Outcome",
)


@dataclass(frozen=True)
class AcmeData:
    """Subscribers as Acme's billing system spells them."""

    schema: ClassVar[str] = "acme-mobile"
    rows: int = 3000
    seed: int = 0

    def fetch(self, folder: Path, root: Path) -> Path:
        """Write `customers.csv`."""
        rng = random.Random(self.seed)
        path = folder / "customers.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            writer.writerows(_subscriber(rng, number) for number in range(self.rows))
        return path


def _subscriber(rng: random.Random, number: int) -> tuple[object, ...]:
    tenure, plan = int(rng.expovariate(1 / 30)), rng.choice(("voice", "BASIC", "Plus+"))
    fee, gigabytes = round(rng.uniform(8, 60), 2), round(rng.expovariate(1 / 10), 1)
    calls, autopay = int(rng.expovariate(0.8)), rng.random() < 0.6
    odds = -0.6 + 0.7 * calls - 0.05 * tenure + 0.9 * (plan == "BASIC") - 1.0 * autopay + 0.02 * fee
    left = rng.random() < 1 / (1 + math.exp(-odds))
    used = "" if plan == "voice" else gigabytes
    paid, outcome = "yes" if autopay else "no", "LEFT" if left else "stayed"
    return f"A{number:06}", tenure, plan, fee, used, calls, paid, outcome
