"""What is to be live."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints, field_validator

from churn_core.schemas.rules import Frozen

__all__ = ["Wanted"]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Share = Annotated[FiniteFloat, Field(gt=0, lt=1)]


class Wanted(Frozen):
    """A function as it is to be, and how it gets there.

    Attributes:
        image: In ECR, by digest: a tag may name another image tomorrow.
        role: ARN of the role that the function runs as; needed only where the function is to be made.
        alias: What callers call; its version changes.
        memory: In MB; processor time comes with it.
        timeout: Seconds of one invocation.
        environment: The service's settings, such as `CHURN_AUTH`.
        commit: Of the code.
        url: Whether the alias gets an URL of its own, for callers that AWS knows.
        steps: Shares of traffic of the new version before it gets all of it.
        watch_seconds: How long each step is watched.
        max_error_rate: Of the requests of the new version, at most so many may fail.
        max_slowdown: Its mean latency may be so many times that of the old one.
        min_requests: With fewer, a step tells nothing; it is passed with a note.
        alarms: Names of CloudWatch alarms, any of which stops the deploy.
    """

    image: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@sha256:[0-9a-f]{64}$")]
    function: Name
    role: str = ""
    alias: Name = "live"
    memory: int = Field(default=1769, ge=128, le=10_240)
    timeout: int = Field(default=10, ge=1, le=900)
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    environment: dict[str, str] = Field(default={}, repr=False)
    commit: str = ""
    url: Literal["none", "iam"] = "none"
    steps: tuple[Share, ...] = (0.1, 0.5)
    watch_seconds: float = Field(default=300, ge=0, le=86_400)
    max_error_rate: float = Field(default=0.01, ge=0, le=1)
    max_slowdown: float = Field(default=2.0, ge=1)
    min_requests: int = Field(default=20, ge=0)
    alarms: tuple[str, ...] = ()

    @field_validator("steps")
    @classmethod
    def _rising(cls, steps: tuple[float, ...]) -> tuple[float, ...]:
        if list(steps) != sorted(set(steps)):
            raise ValueError("shares must rise")
        return steps

    @property
    def image_digest(self) -> str:
        """Its digest, as `sha256:...`."""
        return self.image.rpartition("@")[2]

    def identity(self, model: str) -> str:
        """Tells versions of a function apart: 16 hex digits of everything that makes it what it is."""
        parts = [
            self.image,
            model,
            self.memory,
            self.timeout,
            self.architecture,
            sorted(self.environment.items()),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def description(self, model: str) -> str:
        """What a published version says of itself; at most 256 characters."""
        commit = f" commit={self.commit[:12]}" if self.commit else ""
        return f"deploy={self.identity(model)}{commit} image={self.image_digest} model={model}"
