"""The same model under another decision policy, without training."""

from __future__ import annotations

from dataclasses import replace

from churn_core.bundle.io import Bundle
from churn_core.bundle.policy import check_costs, decision_policy
from churn_core.params import CostParams

__all__ = ["with_policy"]


def with_policy(bundle: Bundle, costs: CostParams) -> Bundle:
    """A bundle with the same graphs that decides under other costs.

    It has a digest of its own, the next version of the policy, and the digest of `bundle` as
    `lineage.parent`; a verdict about `bundle` does not count for it. Write it with `write_bundle`.

    Returns:
        The new bundle; `bundle` itself where nothing would change.

    Raises:
        ParamsError: The costs value customers by a field that the schema does not have.
    """
    old = bundle.manifest
    check_costs(costs, old.schema_spec)
    decision = decision_policy(costs, old.reference)
    if decision.digest == old.decision.digest:
        return bundle
    manifest = old.model_copy(
        update={
            "decision": decision.model_copy(update={"version": old.decision.version + 1}),
            "lineage": old.lineage.model_copy(update={"parent": old.digest}),
        }
    )
    return replace(bundle, manifest=manifest.sealed(), version="local")
