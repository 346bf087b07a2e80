"""The scorer: everything that answers for a bundle, from one customer to Arrow batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.actions import Adviser
from churn_core.bundle.band import BandReader
from churn_core.bundle.io import Bundle
from churn_core.bundle.manifest import Manifest
from churn_core.bundle.policy import DecisionPolicy, check_costs
from churn_core.bundle.reasons import Explainer, Shares, TabulatedShares
from churn_core.bundle.sampling import SampledShares, average_customers
from churn_core.bundle.session import Graph, SharesGraph
from churn_core.errors import BundleError, FeatureError, ParamsError
from churn_core.features import Encoder, RawReader, RawTable, derived_features, read_columns
from churn_core.schemas import (
    Action,
    ChurnPrediction,
    Customer,
    LanguageName,
    ModelRef,
    ProbabilityInterval,
    Reason,
    customer_class,
)

__all__ = ["Scorer"]


class Scorer:
    """Answers for one bundle. Immutable after construction; share it between threads.

    Attributes:
        bundle: The bundle's manifest.
        customer_class: Validates customers of the bundle's schema.
        model: Name, version and digest, as every answer carries them.
        base: Log-odds of an average customer; with a customer's shares it adds up to his.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Open a bundle and let it answer once.

        Args:
            threads: Threads of one inference call.

        Raises:
            BundleError: Graph, features or schema do not fit each other.
            PluginError: A derived feature is not installed.
        """
        manifest = bundle.manifest
        self.bundle = manifest
        self.customer_class: type[Customer] = customer_class(manifest.schema_spec)
        self.model = ModelRef(name=manifest.name, version=bundle.version, digest=manifest.digest)
        self._encoder = _encoder(manifest)
        self._reader = RawReader(manifest.schema_spec)
        self._graph = Graph(bundle.graph, len(manifest.features), threads)
        self._policy = _policy(manifest)
        self._band = BandReader(manifest.band) if manifest.band else None
        shares = self._shares(bundle, threads)
        self._explainer = Explainer(manifest.schema_spec, shares, self._policy.costs.currency)
        self.base = self._explainer.base
        self._adviser = Adviser(manifest.schema_spec, self._policy, self.probabilities)
        self.predict(manifest.schema_spec.example())

    def predict(
        self,
        customer: Customer | Mapping[str, Any],
        explain: bool = True,
        interval: bool = False,
        language: LanguageName = "en",
        action: bool = False,
    ) -> ChurnPrediction:
        """The answer about one customer.

        Args:
            explain: Whether to give the strongest reasons.
            interval: Whether to say how sure the probability is.
            language: Of the texts of reasons and action.
            action: Whether to look for what could keep the customer; it costs more than the score.

        Raises:
            InvalidCustomer: A mapping does not fit the schema.
            BundleError: An interval is asked for, and the bundle knows none.
            SchemaError: There are no texts in this language.
        """
        return self.predict_many((customer,), explain, interval, language, action)[0]

    def predict_many(
        self,
        customers: Iterable[Customer | Mapping[str, Any]],
        explain: bool = False,
        interval: bool = False,
        language: LanguageName = "en",
        action: bool = False,
    ) -> list[ChurnPrediction]:
        """Answers in the order of `customers`, computed at once.

        Args:
            interval: Whether to say how sure the probabilities are.
            action: Whether to look for what could keep each customer.

        Raises:
            InvalidCustomer: One does not fit the schema.
            BundleError: Intervals are asked for, and the bundle knows none.
            SchemaError: There are no texts in this language.
        """
        valid = [self.customer_class.parse(customer) for customer in customers]
        raw = self._reader.read(valid)
        matrix = self._encoder.encode(raw)
        probability = self._graph(matrix)
        reasons = self._reasons(raw, matrix, probability, language) if explain else repeat(())
        actions = self._actions(raw, probability, language) if action else repeat(None)
        answers = [
            self._answer(customer.customer_id, p, value, why, what)
            for customer, p, value, why, what in zip(
                valid, probability.tolist(), self._values(raw), reasons, actions, strict=False
            )
        ]
        return self._with_intervals(answers) if interval else answers

    def score_arrow(
        self, batch: Any, interval: bool = False, reasons: int = 0, language: LanguageName = "en"
    ) -> Any:
        """Score canonical columns at once.

        Args:
            batch: A `pyarrow` `RecordBatch` or `Table` with a column for every field of the
                schema; `customer_id` is passed on if present.
            interval: Whether to say how sure the probabilities are.
            reasons: How many reasons to give for each customer; they cost more than the score.
            language: Of their texts.

        Returns:
            A `RecordBatch` with columns `customer_id`, `churn_probability`, `churn_prediction`, `churn_risk`,
            `expected_profit`, `reasons` (where asked for: lists of `feature`, `value` as text, `effect`
            and `text`) and `error`, row for row; with intervals also `probability_low` and
            `probability_high`. A row that does not fit the schema has its fault in `error`, and nulls.

        Raises:
            FeatureError: A column is missing.
            BundleError: Intervals are asked for, and the bundle knows none.
            SchemaError: There are no texts in this language.
        """
        from churn_core.bundle.arrow import scored_batch

        columns = read_columns(self.bundle.schema_spec, batch)
        matrix = self._encoder.encode(columns.raw)
        probability = self._graph(matrix)
        bounds = self.intervals(probability) if interval else None
        why = self._reasons(columns.raw, matrix, probability, language, reasons) if reasons else None
        return scored_batch(batch, columns, probability, self._policy, bounds, why)

    def probabilities(self, raw: RawTable) -> NDArray[np.float32]:
        """Calibrated probabilities, float32 `[rows]`."""
        return self._graph(self._encoder.encode(raw))

    def intervals(self, probabilities: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]:
        """Bounds of the churn rate of customers who score alike, float64 `[2, rows]`: low and high.

        Raises:
            BundleError: The bundle knows none.
        """
        return self._known_band()(np.asarray(probabilities, dtype=np.float64))

    def explain(self, customer: Customer | Mapping[str, Any]) -> dict[str, float]:
        """Every field's share in log-odds, by name; with `base` they add up to the customer's log-odds.

        Raises:
            InvalidCustomer: A mapping does not fit the schema.
        """
        raw = self._reader.read((self.customer_class.parse(customer),))
        return dict(zip(raw.spec.names, self.shares(raw)[0].tolist(), strict=True))

    def shares(self, raw: RawTable) -> NDArray[np.float64]:
        """Every field's share in log-odds, `[rows, fields]`; see `explain`."""
        matrix = self._encoder.encode(raw)
        return self._explainer.shares(raw, matrix, self._graph(matrix))

    def action(self, customer: Customer | Mapping[str, Any], language: LanguageName = "en") -> Action:
        """What could keep a customer, as far as past data can tell.

        Raises:
            InvalidCustomer: A mapping does not fit the schema.
            SchemaError: There are no texts in this language.
        """
        raw = self._reader.read((self.customer_class.parse(customer),))
        return next(self._actions(raw, self.probabilities(raw), language))

    def _actions(
        self, raw: RawTable, probability: NDArray[np.float32], language: LanguageName
    ) -> Iterator[Action]:
        # One by one: what each could become is a batch of its own, with the same bits in any company.
        return (
            self._adviser(row, p, value, language)
            for row, p, value in zip(raw.values, probability.tolist(), self._values(raw), strict=True)
        )

    def _reasons(
        self,
        raw: RawTable,
        matrix: NDArray[np.float32],
        probability: NDArray[np.float32],
        language: LanguageName,
        most: int = 5,
    ) -> Iterable[tuple[Reason, ...]]:
        shares = self._explainer.shares(raw, matrix, probability)
        return (
            self._explainer.reasons(values, own, language, most)
            for values, own in zip(raw.values, shares, strict=True)
        )

    def _shares(self, bundle: Bundle, threads: int) -> Shares:
        spec, about = self.bundle.schema_spec, self.bundle.reasons
        if about is None:
            return SampledShares(spec, average_customers(spec, self.bundle.reference), self.probabilities)
        columns = len(self.bundle.features)
        return TabulatedShares(SharesGraph(bundle.reasons, columns, len(spec.fields), threads), about.base)

    def _values(self, raw: RawTable) -> Sequence[float | None]:
        """What each customer is worth; `None` where all are worth the same."""
        values = self._policy.values(raw)
        return [None] * len(raw) if values is None else values.tolist()

    def _known_band(self) -> BandReader:
        if self._band is None:
            raise BundleError("this bundle was trained without intervals: train it again")
        return self._band

    def _with_intervals(self, answers: Sequence[ChurnPrediction]) -> list[ChurnPrediction]:
        bounds = self.intervals([answer.churn_probability for answer in answers])
        coverage = self._known_band().coverage
        return [
            answer.model_copy(update={"interval": ProbabilityInterval(low=low, high=high, coverage=coverage)})
            for answer, (low, high) in zip(answers, bounds.T.tolist(), strict=True)
        ]

    def _answer(
        self,
        customer_id: str,
        probability: float,
        value: float | None,
        reasons: Sequence[Reason],
        action: Action | None,
    ) -> ChurnPrediction:
        policy = self._policy
        threshold = float(policy.threshold_of(value))
        return ChurnPrediction(
            customer_id=customer_id,
            churn_probability=probability,
            churn_prediction=1 if probability >= threshold else 0,
            churn_risk=policy.risk(probability),
            threshold=threshold,
            expected_profit=policy.expected_profit(probability, value),
            reasons=tuple(reasons),
            action=action,
            model=self.model,
        )


def _policy(manifest: Manifest) -> DecisionPolicy:
    try:
        check_costs(manifest.decision.costs, manifest.schema_spec)
    except ParamsError as error:
        raise BundleError(f"the bundle's policy does not fit its schema: {error}") from None
    return manifest.decision


def _encoder(manifest: Manifest) -> Encoder:
    derived = derived_features([ref.name for ref in manifest.derived])
    for ref, (name, feature) in zip(manifest.derived, derived, strict=True):
        if feature.version != ref.version:
            raise BundleError(
                f"the bundle needs version {ref.version} of feature {name!r}; {feature.version} is installed"
            )
    try:
        encoder = Encoder(manifest.schema_spec, derived)
    except FeatureError as error:
        raise BundleError(f"the bundle's features cannot be built: {error}") from error
    if encoder.names != manifest.features:
        raise BundleError("the bundle's feature columns are not those that this version computes")
    return encoder
