"""A function, its versions and its alias, as they are on AWS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from churn_serve.deploy.aws import Aws
from churn_serve.deploy.errors import Conflict, DeployError
from churn_serve.deploy.wanted import Wanted

__all__ = ["Alias", "Function", "identity_of"]

_IDENTITY = re.compile(r"deploy=([0-9a-f]{16})\b")
_PREVIOUS = re.compile(r"previous=(\d+)")


@dataclass(frozen=True)
class Alias:
    """Which version callers get.

    Attributes:
        version: It gets what `weights` leave.
        weights: Shares of other versions.
        previous: What was live before; empty for nothing.
        revision: Changes with every change of the alias.
    """

    version: str
    weights: dict[str, float]
    previous: str
    revision: str

    @property
    def whole(self) -> bool:
        """Whether one version gets everything."""
        return not self.weights


class Function:
    """One function on Lambda."""

    def __init__(self, aws: Aws, wanted: Wanted) -> None:
        self._aws = aws
        self._wanted = wanted
        self._name = {"FunctionName": wanted.function}

    def exists(self) -> bool:
        return self._aws.find("get_function", **self._name) is not None

    def alias(self) -> Alias | None:
        """As it is now; `None` where there is none."""
        found = self._aws.find("get_alias", **self._name, Name=self._wanted.alias)
        if found is None:
            return None
        routing: dict[str, Any] = found.get("RoutingConfig") or {}
        weights: dict[str, float] = routing.get("AdditionalVersionWeights") or {}
        previous = _PREVIOUS.search(found.get("Description", ""))
        return Alias(
            found["FunctionVersion"],
            {version: share for version, share in weights.items() if share},
            previous[1] if previous else "",
            found.get("RevisionId", ""),
        )

    def published(self, identity: str) -> str:
        """The newest version of that identity; empty for none."""
        found = self._aws.pages("list_versions_by_function", "Versions", **self._name)
        ours = [one["Version"] for one in found if identity_of(one.get("Description", "")) == identity]
        return max((version for version in ours if version.isdecimal()), key=int, default="")

    def described(self, version: str) -> str:
        """What a version says of itself."""
        found = self._aws.call("get_function_configuration", **self._name, Qualifier=version)
        return str(found.get("Description", ""))

    def make(self) -> None:
        """Create the function, which nobody calls yet."""
        if not self._wanted.role:
            raise DeployError(
                f"there is no function {self._wanted.function!r} yet: --role says as whom it runs"
            )
        self._aws.call(
            "create_function",
            **self._name,
            **self._settings(),
            PackageType="Image",
            Code={"ImageUri": self._wanted.image},
            Architectures=[self._wanted.architecture],
        )
        self._aws.wait("function_active_v2", **self._name)

    def update(self) -> str:
        """Make the unpublished function what is wanted; its revision afterwards."""
        self._aws.wait("function_updated_v2", **self._name)  # an earlier change may be under way
        self._aws.call(
            "update_function_code",
            **self._name,
            ImageUri=self._wanted.image,
            Architectures=[self._wanted.architecture],
        )
        self._aws.wait("function_updated_v2", **self._name)
        self._aws.call("update_function_configuration", **self._name, **self._settings())
        self._aws.wait("function_updated_v2", **self._name)
        found = self._aws.call("get_function", **self._name)
        if found["Code"].get("ImageUri") != self._wanted.image:
            raise Conflict(f"somebody else gave {self._wanted.function} another image at the same time")
        return str(found["Configuration"].get("RevisionId", ""))

    def publish(self, description: str, revision: str) -> str:
        """Freeze the function as a version, unless it changed since `revision`."""
        guard = {"RevisionId": revision} if revision else {}
        version = self._aws.call("publish_version", **self._name, Description=description, **guard)["Version"]
        self._aws.wait("published_version_active", **self._name, Qualifier=version)
        return str(version)

    def move(self, alias: Alias | None, version: str, weights: dict[str, float], previous: str) -> Alias:
        """Change the alias from what it was seen as.

        Raises:
            Conflict: It is not that any more.
        """
        wanted: dict[str, Any] = {
            **self._name,
            "Name": self._wanted.alias,
            "FunctionVersion": version,
            "Description": f"previous={previous}" if previous else "",
            "RoutingConfig": {"AdditionalVersionWeights": weights},
        }
        if alias is None:
            self._aws.call("create_alias", **wanted)
        else:
            if self.alias() != alias:
                raise Conflict("somebody else moved the alias at the same time; look at it, then start again")
            guard = {"RevisionId": alias.revision} if alias.revision else {}
            self._aws.call("update_alias", **wanted, **guard)
        now = self.alias()
        if now is None or (now.version, now.weights) != (version, weights):
            raise Conflict("somebody else moved the alias at the same time; look at it, then start again")
        return now

    def tag(self, tags: dict[str, str]) -> bool:
        """Set tags where they are not as they should be; whether anything was changed."""
        found = self._aws.call("get_function", **self._name)
        if tags.items() <= (found.get("Tags") or {}).items():
            return False
        self._aws.call("tag_resource", Resource=found["Configuration"]["FunctionArn"], Tags=tags)
        return True

    def url(self) -> str:
        """The alias's own address, made where there is none; its callers sign their requests."""
        place = {**self._name, "Qualifier": self._wanted.alias}
        found = self._aws.find("get_function_url_config", **place)
        found = found or self._aws.call("create_function_url_config", **place, AuthType="AWS_IAM")
        return str(found["FunctionUrl"])

    def _settings(self) -> dict[str, Any]:
        role = {"Role": self._wanted.role} if self._wanted.role else {}
        return {
            **role,
            "MemorySize": self._wanted.memory,
            "Timeout": self._wanted.timeout,
            "Environment": {"Variables": self._wanted.environment},
        }


def identity_of(description: str) -> str:
    """Of a version, by what it says of itself; empty for one that no deploy made."""
    found = _IDENTITY.search(description)
    return found[1] if found else ""
