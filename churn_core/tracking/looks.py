"""How many models were judged on the same customers: what the registry remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["count_looks"]


def count_looks(where: Tracking, holdout: str, bundle: str = "") -> int | None:
    """Number of different bundles, without this one, that runs were logged for with this hold-out.

    Every run counts, be its version registered or not, deleted or not: its metrics were seen.

    Args:
        holdout: Digest of the customers that were held out.
        bundle: Digest of the bundle that is judged now.

    Returns:
        `None` where there is no registry yet.

    Raises:
        RegistryError: The registry does not answer.
    """
    if where.database is not None and not where.database.exists():
        return None
    with connect(where) as client:
        experiment = client.get_experiment_by_name(where.experiment)
        seen = set[str]() if experiment is None else _bundles(client, experiment.experiment_id, holdout)
    return len(seen - {bundle})


def _bundles(client: MlflowClient, experiment: str, holdout: str) -> set[str]:
    from mlflow.entities import ViewType

    found: set[str] = set()
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment], f"tags.holdout_digest = '{holdout}'", ViewType.ALL, page_token=token
        )
        found |= {run.data.tags["bundle_digest"] for run in page if "bundle_digest" in run.data.tags}
        token = page.token
        if not token:
            return found
