"""The gate: a pure function from candidate, champion, data and policy to a verdict."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from churn_core import registry
from churn_core.bundle import Scorer
from churn_core.errors import ChurnError, ParamsError
from churn_core.gate.evidence import Contender, EvaluationData, Evidence, contender
from churn_core.gate.verdict import CheckResult, Verdict, policy_digest
from churn_core.params import CheckParams, GateParams
from churn_core.protocols import Check

__all__ = ["judge"]


def judge(
    candidate: Contender | Scorer,
    champion: Contender | Scorer | None,
    data: EvaluationData,
    policy: GateParams,
    training: EvaluationData | None = None,
    looks: int | None = None,
) -> Verdict:
    """Ask every check of the policy.

    A check that breaks down refuses the candidate, and so does a candidate that cannot be
    opened and a policy that asks nothing.

    Args:
        candidate: As `open_contender` gives it, or an open bundle.
        champion: The model in production; `None` if there is none yet.
        data: Held-out customers with their outcomes.
        training: The customers that the candidate may have been fitted on; checks that ask for
            them are skipped without.
        looks: How many other bundles were judged on the held-out customers, where that is known.

    Raises:
        PluginError: A check is not installed or is broken.
        ParamsError: A check does not take the options that the policy gives it.
    """
    checks = [(one.name, _build(one)) for one in policy.checks]
    rival = champion and _contender(champion)
    evidence = Evidence(_contender(candidate), rival, data, policy, training, looks)
    results = tuple(_ask(name, check, evidence) for name, check in checks)
    if not results:
        results = (_nothing_asked(),)
    return Verdict.of(
        candidate=evidence.candidate.digest,
        champion=evidence.champion.digest if evidence.champion else "",
        policy=policy_digest(policy),
        data=data.digest,
        rows=len(data.labels),
        results=_unopened(evidence.candidate, results) if evidence.candidate.scorer is None else results,
        training=training.digest if training else "",
    )


def _contender(one: Contender | Scorer) -> Contender:
    return one if isinstance(one, Contender) else contender(one)


def _build(params: CheckParams) -> Check:
    plugin: Any = registry.get("checks", params.name)
    try:
        return plugin(**params.options)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"]) or "options"
        message = detail["msg"].removeprefix("Value error, ")
        raise ParamsError(f"gate check {params.name!r}: {place}: {message}") from None
    except TypeError as error:
        raise ParamsError(f"gate check {params.name!r} does not take these options: {error}") from None


def _ask(name: str, check: Check, evidence: Evidence) -> CheckResult:
    if evidence.candidate.scorer is None:
        return CheckResult(name=name, status="skip", sentence="Not asked: the candidate cannot be opened.")
    try:
        result: Any = check.check(evidence)
    except ChurnError as error:
        return _broken(name, f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises must refuse, never pass
        return _broken(name, type(error).__name__)
    if not isinstance(result, CheckResult):
        return _broken(name, f"it answered {type(result).__name__} instead of CheckResult")
    return result.model_copy(update={"name": name})


def _broken(name: str, why: str) -> CheckResult:
    return CheckResult(name=name, status="fail", sentence=f"The check {name!r} broke down ({why}).")


def _unopened(candidate: Contender, results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    sentence = f"The candidate cannot be opened: {candidate.problem}."
    return (CheckResult(name="candidate", status="fail", sentence=sentence), *results)


def _nothing_asked() -> CheckResult:
    sentence = "The policy has no checks, so nothing speaks for the candidate."
    return CheckResult(name="policy", status="fail", sentence=sentence)
