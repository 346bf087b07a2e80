"""Sentences about a customer's fields, to be read out.

`A two-year contract lowers the risk of churn.`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from churn_core.errors import SchemaError
from churn_core.schemas import FieldSpec, LanguageName, SchemaSpec, Wording
from churn_core.schemas.rules import Scalar
from churn_core.schemas.spec import value_name

__all__ = ["LANGUAGES", "Sentences", "in_language"]

T = TypeVar("T")

LANGUAGES: tuple[LanguageName, ...] = ("en", "es")

# How a sentence goes on where the field raises the risk, and where it lowers it.
_VERBS = {
    "en": (" raises the risk of churn.", " lowers the risk of churn."),
    "es": (" aumenta el riesgo de baja.", " reduce el riesgo de baja."),
}
_WORDS = {"en": ("no", "yes"), "es": ("no", "sí")}
# Around what is named rather than told, where a schema does not say how to tell it.
_QUOTES = {"en": "\N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK}", "es": "«{}»"}
_INSTEAD = {"en": "{} instead of {}", "es": "{} en lugar de {}"}
_SPANISH_MARKS = str.maketrans(",.", ".,")


def in_language(texts: Mapping[str, T], language: str) -> T:
    """What there is in a language.

    Raises:
        SchemaError: There is nothing.
    """
    if language not in texts:
        raise SchemaError(f"there are no sentences in {language!r}; choose {' or '.join(LANGUAGES)}")
    return texts[language]


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

    def change(self, index: int, value: Scalar, becomes: Scalar) -> str:
        """What changing a flag or category means, to be read within a sentence."""
        field = self._fields[index]
        told = self._wording(field).moves.get(value_name(becomes))
        if told:
            return told.replace("{}", _inner(self._known[index][value]))
        old, new = (self._word(one) for one in (value, becomes))
        quotes, instead = _QUOTES[self._language], _INSTEAD[self._language]
        return instead.format(self._quoted(field, new), quotes.format(old))

    def money(self, amount: float) -> str:
        """An amount in the currency of the costs."""
        return f"{self._marked(f'{amount:,.2f}')} {self._currency}"

    def percent(self, share: float) -> str:
        """A share to a tenth of a percent."""
        return f"{self._marked(f'{100 * share:.1f}')} %"

    def _named(self, field: FieldSpec) -> dict[Scalar, str]:
        """The beginnings of all sentences about a flag or category."""
        if field.role == "numeric":
            return {}
        told = self._wording(field).subjects
        if field.role == "category":
            return {value: told.get(value) or self._quoted(field, value) for value in field.values}
        return {
            value: told.get(value_name(value)) or self._quoted(field, self._word(value))
            for value in (False, True)
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
            return self.money(value)
        if field.integer or value == int(value):
            text = f"{int(value):,}"
        else:
            text = f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"
        return self._marked(text)

    def _marked(self, number: str) -> str:
        return number.translate(_SPANISH_MARKS) if self._language == "es" else number

    def _word(self, value: Scalar) -> str:
        return _WORDS[self._language][value] if isinstance(value, bool) else str(value)

    def _wording(self, field: FieldSpec) -> Wording:
        return field.texts.get(self._language, Wording())

    def _quoted(self, field: FieldSpec, value: str) -> str:
        description = self._wording(field).description or field.description
        return _QUOTES[self._language].format(f"{description}: {value}")


def _inner(subject: str) -> str:
    """The beginning of a sentence as it reads within one; abbreviations keep their capitals."""
    first = subject[:1] if subject[1:2].isupper() else subject[:1].lower()
    return (first + subject[1:]).rstrip(",")
