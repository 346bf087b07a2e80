"""The calls of AWS that a deploy makes; each fault is one sentence."""

from __future__ import annotations

from typing import Any, cast

from churn_serve.deploy.errors import Conflict, DeployError

__all__ = ["Aws"]

_CONFLICTS = frozenset({"PreconditionFailedException", "ResourceConflictException"})
_DENIED = frozenset(
    {"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "ExpiredTokenException"}
)
_ABSENT = "ResourceNotFoundException"


class Aws:
    """Lambda and CloudWatch of one account and region.

    Args:
        session: Of boto3; by default one for the usual settings of AWS.

    Raises:
        DeployError: boto3 is not installed, or AWS is not configured.
    """

    def __init__(self, session: Any = None) -> None:
        try:
            import boto3  # type: ignore[import-untyped]
            from botocore.config import Config  # type: ignore[import-untyped]
            from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
        except ModuleNotFoundError:
            raise DeployError("deploys need boto3: pip install 'churn-serve[deploy]'") from None
        config = Config(retries={"mode": "standard", "max_attempts": 5}, read_timeout=60)
        try:
            chosen: Any = session or cast("Any", boto3).Session()
            self._lambda: Any = chosen.client("lambda", config=config)
            self._cloudwatch: Any = chosen.client("cloudwatch", config=config)
        except BotoCoreError as error:
            raise DeployError(f"AWS is not configured: {error}") from None

    def call(self, method: str, **arguments: Any) -> Any:
        """Ask Lambda.

        Raises:
            Conflict: Somebody else was faster.
            DeployError: AWS refuses, or does not answer.
        """
        return self._ask(self._lambda, method, arguments)

    def find(self, method: str, **arguments: Any) -> Any:
        """The same; `None` where there is no such thing."""
        return self._ask(self._lambda, method, arguments, absent=True)

    def metrics(self, method: str, **arguments: Any) -> Any:
        """Ask CloudWatch."""
        return self._ask(self._cloudwatch, method, arguments)

    def wait(self, state: str, **arguments: Any) -> None:
        """Wait until a function or version is in a state.

        Raises:
            DeployError: It never is.
        """
        from botocore.exceptions import BotoCoreError, ClientError, WaiterError  # type: ignore[import-untyped]

        try:
            self._lambda.get_waiter(state).wait(**arguments)
        except WaiterError as error:
            last: Any = getattr(error, "last_response", {})
            settings = last.get("Configuration", last)
            reason = (
                settings.get("LastUpdateStatusReason") or settings.get("StateReason") or "it took too long"
            )
            raise DeployError(f"the function did not become ready: {str(reason)[:300]}") from None
        except (ClientError, BotoCoreError) as error:
            raise DeployError(f"AWS does not tell about the function: {type(error).__name__}") from None

    def pages(self, method: str, key: str, **arguments: Any) -> list[Any]:
        """All items of a list that comes in pages."""
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            found = self._lambda.get_paginator(method).paginate(**arguments)
            return [item for page in found for item in page[key]]
        except ClientError as error:
            raise _sentence(method, error) from None
        except BotoCoreError as error:
            raise DeployError(f"AWS does not answer {method}: {type(error).__name__}") from None

    def _ask(self, client: Any, method: str, arguments: Any, *, absent: bool = False) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            return getattr(client, method)(**arguments)
        except ClientError as error:
            if absent and _code(error) == _ABSENT:
                return None
            raise _sentence(method, error) from None
        except BotoCoreError as error:
            raise DeployError(f"AWS does not answer {method}: {type(error).__name__}") from None


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _sentence(method: str, error: Any) -> DeployError:
    code = _code(error)
    if code in _CONFLICTS:
        return Conflict("somebody else changes this function at the same time; look at it, then start again")
    if code in _DENIED:
        return DeployError(f"AWS does not allow {method} ({code}); docs/delivery.md has the policy that does")
    message = str(error.response.get("Error", {}).get("Message", "")).partition("\n")[0]
    return DeployError(f"AWS refuses {method}: {code}{': ' if message else ''}{message[:200]}")
