"""What a deploy needs from its surroundings, and which of it is not there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Setting", "missing"]


class Setting(NamedTuple):
    """One thing that is asked of the environment.

    Attributes:
        choices: Sets of variables; one complete set is enough.
    """

    choices: tuple[tuple[str, ...], ...]
    purpose: str

    def __str__(self) -> str:
        return f"{' or '.join(' and '.join(names) for names in self.choices)}: {self.purpose}"


_DEPLOY = (
    Setting(
        (("MLFLOW_TRACKING_URI",), ("DAGSHUB_USER", "DAGSHUB_TOKEN")),
        "the registry that holds the production model",
    ),
    Setting(
        (("AWS_ROLE_ARN",), ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
        "who deploys: a role that GitHub may take, or a user's keys",
    ),
    Setting((("AWS_REGION",),), "where the function and the images are"),
    Setting((("ECR_REPOSITORY",),), "the repository of images, by name"),
    Setting((("LAMBDA_FUNCTION_NAME",),), "the function to update"),
)


def missing(environment: Mapping[str, str] = os.environ) -> tuple[Setting, ...]:
    """The settings of a deploy that are not there."""
    return tuple(
        setting
        for setting in _DEPLOY
        if not any(all(environment.get(name) for name in names) for names in setting.choices)
    )
