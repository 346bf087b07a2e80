"""How sentences speak of the fields that telecoms have in common, in English and Spanish."""

from __future__ import annotations

from collections.abc import Mapping

from churn_core.schemas.spec import LanguageName, Wording

__all__ = [
    "AGE",
    "DEPENDENTS",
    "GENDER",
    "INTERNET",
    "LINES",
    "MONTHLY",
    "PAPERLESS",
    "PARTNER",
    "PHONE",
    "REGION",
    "SENIOR",
    "TENURE",
    "TOTAL",
    "Words",
    "add_on",
    "contract",
    "payment",
    "words",
]

Words = Mapping[LanguageName, Wording]
Pairs = Mapping[str, tuple[str, str]]


def words(spanish: str, subjects: Pairs, moves: Pairs = {}) -> Words:  # noqa: B006 nobody writes to it
    """The Spanish description, and texts in English and Spanish.

    Args:
        subjects: For each value, how sentences begin.
        moves: For each value that a move leads to, what it means.
    """
    english, spoken = ({value: pair[0] for value, pair in pairs.items()} for pairs in (subjects, moves))
    sujetos, cambios = ({value: pair[1] for value, pair in pairs.items()} for pairs in (subjects, moves))
    return {
        "en": Wording(subjects=english, moves=spoken),
        "es": Wording(description=spanish, subjects=sujetos, moves=cambios),
    }


def add_on(english: str, spanish: str) -> Words:
    """A service that needs the internet."""
    return words(
        f"Tiene {spanish}",
        {
            "Yes": (f"Having {english}", f"Tener {spanish}"),
            "No": (f"Having no {english}", f"No tener {spanish}"),
            "No internet service": (
                f"Having no internet, and so no {english},",
                f"No tener internet ni, por tanto, {spanish}",
            ),
        },
        {"Yes": (f"adding {english}", f"añadir {spanish}")},
    )


GENDER = words(
    "Sexo registrado",
    {
        "Female": ("Being registered as female", "Constar como mujer"),
        "Male": ("Being registered as male", "Constar como hombre"),
    },
)
AGE = words("Edad", {"": ("Being {} years old", "Tener {} años")})
SENIOR = words(
    "Tiene 65 años o más",
    {
        "true": ("Being 65 or older", "Tener 65 años o más"),
        "false": ("Being younger than 65", "Tener menos de 65 años"),
    },
)
PARTNER = words(
    "Vive en pareja",
    {
        "true": ("Living with a partner", "Vivir en pareja"),
        "false": ("Living without a partner", "Vivir sin pareja"),
    },
)
DEPENDENTS = words(
    "Vive con personas a cargo",
    {
        "true": ("Living with dependents", "Vivir con personas a cargo"),
        "false": ("Living without dependents", "Vivir sin personas a cargo"),
    },
)
REGION = words(
    "Región comercial",
    {
        "East": ("Living in the East", "Vivir en la región Este"),
        "North": ("Living in the North", "Vivir en la región Norte"),
        "South": ("Living in the South", "Vivir en la región Sur"),
        "West": ("Living in the West", "Vivir en la región Oeste"),
    },
)
TENURE = words(
    "Meses como cliente",
    {
        "": ("Having been a customer for {} months", "Ser cliente desde hace {} meses"),
        "0": ("Being a new customer", "Ser cliente nuevo"),
        "1": ("Having been a customer for 1 month", "Ser cliente desde hace 1 mes"),
    },
)
PHONE = words(
    "Tiene línea telefónica",
    {
        "true": ("Having a phone line", "Tener línea telefónica"),
        "false": ("Having no phone line", "No tener línea telefónica"),
    },
)
LINES = words(
    "Tiene más de una línea telefónica",
    {
        "Yes": ("Having more than one phone line", "Tener más de una línea telefónica"),
        "No": ("Having a single phone line", "Tener una sola línea telefónica"),
        "No phone service": (
            "Having no phone, and so no further line,",
            "No tener teléfono ni, por tanto, otra línea",
        ),
    },
)
INTERNET = words(
    "Tipo de acceso a internet",
    {
        "DSL": ("Internet access by DSL", "El acceso a internet por DSL"),
        "Fiber optic": ("Internet access by fiber optic", "El acceso a internet por fibra óptica"),
        "No": ("Having no internet access", "No tener acceso a internet"),
    },
)
_CONTRACTS = {
    "Month-to-month": ("A month-to-month contract", "Un contrato mes a mes"),
    "One year": ("A one-year contract", "Un contrato de un año"),
    "Two year": ("A two-year contract", "Un contrato de dos años"),
}
_LONGER = {
    "One year": ("moving from {} to a one-year contract", "pasar de {} a un contrato de un año"),
    "Two year": ("moving from {} to a two-year contract", "pasar de {} a un contrato de dos años"),
}
PAPERLESS = words(
    "Recibe facturas sin papel",
    {
        "true": ("Receiving bills without paper", "Recibir facturas sin papel"),
        "false": ("Receiving bills on paper", "Recibir facturas en papel"),
    },
    {
        "true": ("receiving bills without paper", "recibir facturas sin papel"),
        "false": ("receiving bills on paper", "recibir facturas en papel"),
    },
)
_PAYMENTS = {
    "Bank transfer": ("Paying by bank transfer", "Pagar por transferencia bancaria"),
    "Credit card": ("Paying by credit card", "Pagar con tarjeta de crédito"),
    "Electronic check": ("Paying by electronic check", "Pagar con cheque electrónico"),
    "Mailed check": ("Paying by mailed check", "Pagar con cheque por correo"),
}
MONTHLY = words("Factura mensual actual", {"": ("A monthly bill of {}", "Una factura mensual de {}")})
TOTAL = words(
    "Facturado desde el inicio", {"": ("A total of {} billed so far", "Un total facturado de {} hasta hoy")}
)


def contract(*values: str) -> Words:
    """Contract terms, as a schema spells them."""
    known = {key.casefold(): pair for key, pair in _CONTRACTS.items()}
    return words("Duración del contrato", {value: known[value.casefold()] for value in values}, _LONGER)


def payment(*values: str) -> Words:
    """Ways to pay, as a schema spells them."""
    subjects = {value: _PAYMENTS[value.removesuffix(" (automatic)")] for value in values}
    moves = {value: (pair[0].lower(), pair[1].lower()) for value, pair in subjects.items()}
    return words("Forma de pago", subjects, moves)
