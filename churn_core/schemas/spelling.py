"""Rows of files, in any spelling known in public, to customers.

```python
reader = Reader(IbmTelcoCustomer.spec, header, label=True)
row = reader.read(["7590-VHVEG", "Female", 0, "Yes", ...])
row.customer   # {"customer_id": "7590-VHVEG", "gender": "Female", "senior_citizen": False, ...}
row.label      # False
row.problems   # () or what is wrong, field by field
```
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from churn_core.schemas.build import customer_class
from churn_core.schemas.columns import Columns, match_columns
from churn_core.schemas.problems import FieldProblem, allowed_values, field_problems
from churn_core.schemas.rules import BlankMeans, Scalar
from churn_core.schemas.spec import LabelSpec, SchemaSpec
from churn_core.schemas.values import BLANK, Misfit, Vocabulary, field_values, label_values, to_text

__all__ = ["ReadRow", "Reader"]


class ReadRow(NamedTuple):
    """One row: a customer and its outcome, or what is wrong with it.

    Attributes:
        customer: The valid customer as canonical values, in schema order after
            `customer_id`; `None` if there are problems.
        label: True for churn; `None` if there are problems or labels were not asked for.
    """

    customer: dict[str, Scalar] | None
    label: bool | None
    problems: tuple[FieldProblem, ...]


class Reader:
    """Reads the rows of one file, bound once to its header.

    Args:
        header: The file's column names, in order.
        label: Whether to read outcomes too.

    Attributes:
        columns: Which column holds which field, and which columns are ignored.

    Raises:
        DataError: Columns are missing, or two columns hold the same field.
    """

    def __init__(self, spec: SchemaSpec, header: Sequence[object], *, label: bool = False) -> None:
        self.spec = spec
        self.columns: Columns = match_columns(spec, header, label=label)
        self._validate = customer_class(spec).__pydantic_validator__.validate_python
        outcome = self.columns.label
        self._outcome = _Outcome(spec.label, outcome.index) if label and outcome else None
        self._convert: dict[str, Callable[[object], Any]] = {"customer_id": _identifier}
        for field in spec.fields:
            self._convert[field.name] = field_values(field, self.columns.fields[field.name].values)
        self._plan = [
            (name, self.columns.fields[name].index, _quick(convert))
            for name, convert in self._convert.items()
        ]
        self._blanks = [rule for rule in spec.rules if isinstance(rule, BlankMeans)]

    def read(self, values: Sequence[object]) -> ReadRow:
        """One row, its values in the order of the header.

        Numbers may be text; `None`, NaN, `""`, `NA` and the like are blank.
        """
        if len(values) != self.columns.width:
            return ReadRow(None, None, (self._wrong_width(len(values)),))
        try:
            customer = {name: convert(values[at]) for name, at, convert in self._plan}
            self._validate(customer)
            label = self._outcome.quick(values) if self._outcome else None
        except (KeyError, TypeError, ValueError, OverflowError, Misfit):
            return self._read_with_care(values)
        return ReadRow(customer, label, ())

    def _read_with_care(self, values: Sequence[object]) -> ReadRow:
        """The same for rows with blanks, rare spellings or problems, which it collects."""
        customer: dict[str, Any] = {}
        problems: dict[str, FieldProblem] = {}
        blanks: list[str] = []
        for name, convert in self._convert.items():
            try:
                customer[name] = convert(_plain(values[self.columns.fields[name].index]))
            except Misfit as misfit:
                problems[name] = FieldProblem(name, str(misfit), allowed_values(self.spec, name))
            else:
                if customer[name] is BLANK:
                    blanks.append(name)
                    del customer[name]
        for name in blanks:
            self._fill(name, customer, problems)
        label = self._outcome.read(values, problems) if self._outcome else None
        return self._judged(
            {name: customer[name] for name in self._convert if name in customer}, label, problems
        )

    def _fill(self, name: str, customer: dict[str, Any], problems: dict[str, FieldProblem]) -> None:
        for rule in self._blanks:
            if rule.field == name and rule.when.field in customer and rule.when.holds(customer):
                customer[name] = rule.value
                return
        problems[name] = FieldProblem(name, "is blank", allowed_values(self.spec, name))

    def _judged(
        self, customer: dict[str, Any], label: bool | None, problems: dict[str, FieldProblem]
    ) -> ReadRow:
        try:
            self._validate(customer)
        except ValidationError as error:
            # Fields that could not be read are missing here, and already have their problem.
            for problem in field_problems(error, self.spec):
                problems.setdefault(problem.field, problem)
        if problems:
            order = {name: at for at, name in enumerate(self._convert)}
            found = sorted(problems.values(), key=lambda problem: order.get(problem.field, len(order)))
            return ReadRow(None, None, tuple(found))
        return ReadRow(customer, label, ())

    def _wrong_width(self, count: int) -> FieldProblem:
        wanted = self.columns.width
        return FieldProblem("", f"the row has {count} values", f"{wanted} values, one for each column")


class _Outcome:
    """Reads the label's column."""

    def __init__(self, label: LabelSpec, at: int) -> None:
        self._label = label
        self._at = at
        self._values = label_values(label)

    def quick(self, values: Sequence[object]) -> bool:
        return self._values.raw[values[self._at]] is True

    def read(self, values: Sequence[object], problems: dict[str, FieldProblem]) -> bool | None:
        try:
            found = self._values(_plain(values[self._at]))
        except Misfit as misfit:
            problem = str(misfit)
        else:
            if found is not BLANK:
                return found is True
            problem = "is blank"
        problems[self._label.name] = FieldProblem(self._label.name, problem, self._label.allowed)
        return None


def _quick(convert: Callable[[object], Any]) -> Callable[[object], Any]:
    """Only the exact spellings met so far, found at the speed of a dictionary."""
    return convert.raw.__getitem__ if isinstance(convert, Vocabulary) else convert


def _plain(value: Any) -> Any:
    """A numpy or Arrow scalar as Python's own."""
    if isinstance(value, str | int | float | None):
        return value
    unwrap = getattr(value, "item", None) or getattr(value, "as_py", None)
    return unwrap() if callable(unwrap) else value


def _identifier(value: object) -> Any:
    text = "" if value is None or value != value else to_text(value)  # noqa: PLR0124 - NaN
    return text or BLANK
