"""churn_core: typed customers in, calibrated churn decisions out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from churn_core.bundle.scorer import Scorer

__all__ = ["__version__", "load"]
__version__ = "0.1.0"


def load(ref: str) -> Scorer:
    """Open a model bundle for scoring.

    Args:
        ref: A bundle's folder, `models:/name@alias` or `models:/name/version`.

    Returns:
        A `Scorer`; safe to share between threads.

    Raises:
        BundleError: The bundle is missing, damaged or of an unknown format.
        RegistryError: The registry does not hold the model asked for.
    """
    from churn_core.bundle.stores import open_scorer

    return open_scorer(ref)
