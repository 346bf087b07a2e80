"""Sentences about a customer's fields, to be read out.

`A two-year contract lowers the risk of churn.`
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
# Stands for the number until it is known: nothing that a person writes.
_MARK = "\0"
_SPANISH_MARKS = str.maketrans(",.", ".,")


class Sentences:
    """One language's sentences about one schema's fields.

    Args:
        currency: What amounts are in, for fields whose unit is `currency`.
    """

    def __init__(self, spec: SchemaSpec, language: LanguageName, currency: str) -> None:
        self._language: LanguageName = language
        self._currency = currency
        self._verbs = _VERBS[language]
        self._subjects = [self._subject(field) for field in spec.fields]

    def __call__(self, index: int, value: Scalar, effect: float) -> str:
        """What a field's value does to the risk.

        Args:
            index: The field's place in the schema.
        """
        return self._subjects[index](value) + self._verbs[effect < 0]

    def _subject(self, field: FieldSpec) -> Callable[[Any], str]:
        """How sentences about a field begin, by its value; put together once, since it is asked all the time."""
        if field.role == "numeric":
            return self._numbered(field)
        told = self._wording(field).subjects
        if field.role == "category":
            words = {value: value for value in field.values}
        else:
            words = dict(zip(("false", "true"), _WORDS[self._language], strict=True))
        subjects = {value: told.get(value) or self._quoted(field, word) for value, word in words.items()}
        if field.role == "category":
            return subjects.__getitem__
        return {False: subjects["false"], True: subjects["true"]}.__getitem__

    def _numbered(self, field: FieldSpec) -> Callable[[float], str]:
        told = {value: text.replace("{}", _MARK) for value, text in self._wording(field).subjects.items()}
        unit = "" if field.unit == "currency" else field.unit
        usual = told.pop("", "") or self._quoted(field, f"{_MARK} {unit}".strip())
        special = {float(value): text for value, text in told.items()}
        write = self._writer(field)
        return lambda value: special.get(value, usual).replace(_MARK, write(value))

    def _writer(self, field: FieldSpec) -> Callable[[float], str]:
        currency = f" {self._currency}" if field.unit == "currency" else ""

        def write(value: float) -> str:
            if currency:
                text = f"{value:,.2f}"
            elif field.integer or value == int(value):
                text = f"{int(value):,}"
            else:
                text = f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"
            return (text.translate(_SPANISH_MARKS) if self._language == "es" else text) + currency

        return write

    def _wording(self, field: FieldSpec) -> Wording:
        return field.texts.get(self._language, Wording())

    def _quoted(self, field: FieldSpec, value: str) -> str:
        description = self._wording(field).description or field.description
        return _QUOTES[self._language].format(f"{description}: {value}")
