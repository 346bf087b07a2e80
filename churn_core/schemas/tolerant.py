"""Reading what a newer service writes: what is not known yet is left out rather than refused.

For answers alone. What a service or a bundle takes in stays as strict as its models are.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["OrNewer", "without_news"]

_NEWS = frozenset({"extra_forbidden", "union_tag_invalid"})
_KEY = "[key]"

Choice = core_schema.CoreSchema | tuple[core_schema.CoreSchema, str]


class OrNewer:
    """Marks a vocabulary of texts: a word that a newer version has is kept as it is.

    Documents show the vocabulary alone.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        choices: list[Choice] = [handler(source), core_schema.str_schema(strict=True)]
        as_text = core_schema.simple_ser_schema("str")
        return core_schema.union_schema(choices, mode="left_to_right", serialization=as_text)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        known = cast("core_schema.UnionSchema", schema)["choices"][0]
        return handler(cast("core_schema.CoreSchema", known))


def without_news(content: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Validate `content`; what this version does not know in it is left out."""
    try:
        return read(content)
    except ValidationError as error:
        places = [detail["loc"] for detail in error.errors(include_url=False) if _is_news(detail)]
    known = deepcopy(content)
    for place in reversed(places):  # from the back, so that places in lists stay where they are
        _remove(known, place)
    return read(known)


def _is_news(detail: ErrorDetails) -> bool:
    """Whether an error is about a key, a kind of rule or a language that is not known."""
    return detail["type"] in _NEWS or detail["loc"][-1:] == (_KEY,)


def _remove(content: Any, place: Sequence[int | str]) -> None:
    *way, last = (step for step in place if step != _KEY)
    for step in way:
        if isinstance(step, int) or step in content:  # else it names a branch of a union
            content = content[step]
    del content[last]
