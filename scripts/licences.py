"""The licences of what is shipped: each package that the service or the client is installed with.

    python scripts/licences.py

Ends with 1 where one is not known, or not among those that allow closed products.
"""

from __future__ import annotations

import re
import sys
from email.message import Message
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("serve", "client")
ALLOWED = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF-2\.0|Python Software Foundation|MPL-2\.0|Mozilla Public License 2\.0|0BSD"
    r"|Zlib|Unlicense|CC0-1\.0)\b"
)


def main() -> int:
    """Print the table."""
    refused = 0
    for name in names():
        licence = licence_of(name)
        good = bool(ALLOWED.search(licence))
        refused += not good
        print(f"{'' if good else 'REFUSED  '}{name:28}{licence}")
    return 1 if refused else 0


def names(root: Path = ROOT) -> list[str]:
    """All pinned packages that are shipped and installed here; others are for other systems."""
    pins = {
        line.partition("==")[0]
        for purpose in SHIPPED
        for line in (root / "requirements" / f"{purpose}.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#") and "sys_platform" not in line
    }
    return sorted(pins)


def licence_of(name: str) -> str:
    """As its author declares it, in one line."""
    try:
        said = cast("Message", distribution(name).metadata)
    except PackageNotFoundError:
        return "not installed"
    return (
        _first_line(said.get("License-Expression")) or _classifier(said) or _first_line(said.get("License"))
    )


def _classifier(said: Message) -> str:
    lines = [line for line in said.get_all("Classifier", []) if line.startswith("License :: ")]
    return ", ".join(line.rpartition(" :: ")[2] for line in lines)


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0][:60]


if __name__ == "__main__":
    sys.exit(main())
