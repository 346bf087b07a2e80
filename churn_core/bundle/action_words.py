"""Actions in words.

`Cheapest change: paying by credit card. For customers like that the model gives a churn probability
of 12.3 %, below the threshold of 16.4 %; proposing it is expected to bring 5.20 EUR.`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from churn_core.bundle.moves import MOST_CHANGES
from churn_core.bundle.sentences import Sentences
from churn_core.schemas import Change, LanguageName, SchemaSpec

__all__ = ["ActionWords"]


@dataclass(frozen=True)
class _Phrases:
    no_moves: str
    below: str
    stuck: str
    cheapest: str
    best: str
    gives: str
    under: str
    earns: str
    loses: str
    conjunction: str
    note: str


_PHRASES: dict[LanguageName, _Phrases] = {
    "en": _Phrases(
        no_moves="There are no changes to propose: the schema names no moves on offer.",
        below="Nothing has to change: the churn probability of {p} is below the threshold of {t}.",
        stuck="No allowed change of up to {most} fields leads below the threshold of {t}, and none pays.",
        cheapest="Cheapest change: {changes}.",
        best="No allowed change leads below the threshold of {t}. Most profitable change: {changes}.",
        gives=" For customers like that the model gives a churn probability of {p}",
        under=", below the threshold of {t}",
        earns="; proposing it is expected to bring {money}.",
        loses="; proposing it is expected to cost {money} more than it brings.",
        conjunction="and",
        note=(
            "This is an association in past data, not proof that the change causes customers to stay; "
            "an experiment (A/B test) would show."
        ),
    ),
    "es": _Phrases(
        no_moves="No hay cambios que proponer: el esquema no indica ninguno disponible.",
        below="No hace falta cambiar nada: la probabilidad de baja ({p}) está bajo el umbral ({t}).",
        stuck=(
            "Ningún cambio permitido de hasta {most} campos baja del umbral del {t}, "
            "y ninguno resulta rentable."
        ),
        cheapest="Cambio más barato: {changes}.",
        best="Ningún cambio permitido baja del umbral del {t}. Cambio más rentable: {changes}.",
        gives=" A clientes así, el modelo les da una probabilidad de baja del {p}",
        under=", por debajo del umbral del {t}",
        earns="; se espera que proponerlo aporte {money}.",
        loses="; se espera que proponerlo cueste {money} más de lo que aporta.",
        conjunction="y",
        note=(
            "Es una asociación en datos pasados, no una prueba de que el cambio haga que los clientes se "
            "queden; un experimento (prueba A/B) lo mostraría."
        ),
    ),
}


class ActionWords:
    """One language's texts about actions on one schema's customers.

    Attributes:
        no_moves: Where nothing can be proposed to anybody.
        note: What an action is, and what it is not.
    """

    def __init__(self, spec: SchemaSpec, language: LanguageName, currency: str) -> None:
        self._spec = spec
        self._sentences = Sentences(spec, language, currency)
        self._phrases = _PHRASES[language]
        self.no_moves, self.note = self._phrases.no_moves, self._phrases.note

    def below(self, probability: float, threshold: float) -> str:
        """Where nothing has to change."""
        percent = self._sentences.percent
        return self._phrases.below.format(p=percent(probability), t=percent(threshold))

    def stuck(self, threshold: float) -> str:
        """Where no change helps."""
        return self._phrases.stuck.format(most=MOST_CHANGES, t=self._sentences.percent(threshold))

    def change(
        self, changes: Sequence[Change], probability: float, threshold: float, profit: float, *, reached: bool
    ) -> str:
        """What to change, and what the model makes of customers like that.

        Args:
            probability: Of the customer so changed.
            reached: Whether it is below the threshold.
        """
        phrases = self._phrases
        parts = [phrases.cheapest, phrases.gives, phrases.under] if reached else [phrases.best, phrases.gives]
        template = "".join([*parts, phrases.earns if profit >= 0 else phrases.loses])
        percent, money = self._sentences.percent, self._sentences.money
        return template.format(
            changes=self._joined(changes),
            p=percent(probability),
            t=percent(threshold),
            money=money(abs(profit)),
        )

    def _joined(self, changes: Sequence[Change]) -> str:
        told = [
            self._sentences.change(self._spec.positions[one.feature], one.value, one.becomes)
            for one in changes
        ]
        word = self._phrases.conjunction
        if word == "y" and told[-1].lower().startswith(("i", "hi")):
            word = "e"
        return f" {word} ".join([", ".join(told[:-1]), told[-1]] if told[1:] else told)
