"""Sentences about a customer's fields, to be read out.

`A two-year contract lowers the risk of churn.`
"""

from __future__ import annotations

from churn_core.schemas import FieldSpec, LanguageName, SchemaSpec, Wording
from churn_core.schemas.rules import Scalar

__all__ = ["LANGUAGES", "Sentences"]

LANGUAGES: tuple[LanguageName, ...] = ("en", "es")

# How a sentence goes on where the field raises the risk, and where it lowers it.
_VERBS = {
    "en": (" raises the risk of churn.", " lowers the risk of churn."),
    "es": (" aumenta el riesgo de baja.", " reduce el riesgo de baja."),
}
_WORDS = {"en": ("no", "yes"), "es": ("no", "sí")}
# Around what is named rather than told, where a schema does not say how to tell it.
_QUOTES = {"en": "\N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK}", "es": "«{}»"}
_SPANISH_MARKS = str.maketrans(",.", ".,")


class Sentences:
    """One language's sentences about one schema's fields.

    Args:
        currency: What amounts are in, for fields whose unit is `currency`.
    """

    def __init__(self, spec: SchemaSpec, language: LanguageName, currency: str) -> None:
        self._fields = spec.fields
        self._language: LanguageName = language
        self._currency = currency
        self._verbs = _VERBS[language]
        self._known = [self._named(field) for field in spec.fields]

    def __call__(self, index: int, value: Scalar, effect: float) -> str:
        """What a field's value does to the risk.

        Args:
            index: The field's place in the schema.
        """
        subject = self._known[index].get(value) or self._numbered(self._fields[index], value)
        return subject + self._verbs[effect < 0]

    def _named(self, field: FieldSpec) -> dict[Scalar, str]:
        """The beginnings of all sentences about a flag or category."""
        if field.role == "numeric":
            return {}
        told = self._wording(field).subjects
        if field.role == "category":
            return {value: told.get(value) or self._quoted(field, value) for value in field.values}
        words = dict(zip(("false", "true"), _WORDS[self._language], strict=True))
        return {
            value == "true": told.get(value) or self._quoted(field, word) for value, word in words.items()
        }

    def _numbered(self, field: FieldSpec, value: Scalar) -> str:
        told = self._wording(field).subjects
        number = self._number(field, float(value))
        template = told.get(f"{value:g}") or told.get("")
        if template:
            return template.replace("{}", number)
        unit = "" if field.unit == "currency" else field.unit
        return self._quoted(field, f"{number} {unit}".strip())

    def _number(self, field: FieldSpec, value: float) -> str:
        if field.unit == "currency":
            text = f"{value:,.2f}"
        elif field.integer or value == int(value):
            text = f"{int(value):,}"
        else:
            text = f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"
        if self._language == "es":
            text = text.translate(_SPANISH_MARKS)
        return f"{text} {self._currency}" if field.unit == "currency" else text

    def _wording(self, field: FieldSpec) -> Wording:
        return field.texts.get(self._language, Wording())

    def _quoted(self, field: FieldSpec, value: str) -> str:
        description = self._wording(field).description or field.description
        return _QUOTES[self._language].format(f"{description}: {value}")
