"""The `churn` command: thin shells over public functions, imported one by one when typed."""

from __future__ import annotations

import sys
from importlib import import_module

__all__ = ["main"]


def main() -> None:
    """Entry point of `churn`."""
    try:
        group = import_module("churn_core.cli.main").churn
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich", "yaml"):
            raise
        sys.exit(f"error: the churn command needs {error.name}: pip install 'churn-core[cli]'")
    group(prog_name="churn")
