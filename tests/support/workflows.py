"""Runs workflows: every `run:` step in order, in a folder, with stand-ins for actions only."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.expressions import fill, holds

__all__ = ["Done", "Event", "Runner", "UnknownAction", "UnknownKey", "read_workflow"]

# What a stand-in does: from the step's inputs and the runner's variables to outputs.
Action = Callable[[Mapping[str, str], dict[str, str]], Mapping[str, str]]

_STEP_KEYS = frozenset({"name", "id", "if", "uses", "with", "run", "env"})
_JOB_KEYS = frozenset(
    {
        "name",
        "needs",
        "if",
        "runs-on",
        "timeout-minutes",
        "permissions",
        "strategy",
        "env",
        "environment",
        "steps",
    }
)


class UnknownAction(Exception):
    """A step uses an action that has no stand-in."""


class UnknownKey(Exception):
    """A job or step says something that these tests would pass over."""


@dataclass(frozen=True)
class Event:
    """What happened in the repository.

    Attributes:
        github: The context `github`.
    """

    github: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    vars: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Done:
    """One step that ran, or was left out.

    Attributes:
        what: The action, or the first words of what was run.
        outcome: `success`, `failure` or `skipped`.
    """

    job: str
    what: str
    outcome: str
    output: str = ""


def read_workflow(path: Path) -> dict[str, Any]:
    """A workflow; `on` stays a word, which YAML would take for a truth."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


class Runner:
    """Runs jobs of one workflow for one event.

    Attributes:
        done: All steps, in order.
        summary: What was written to the step summary.
    """

    def __init__(
        self, workflow: Mapping[str, Any], event: Event, folder: Path, actions: Mapping[str, Action]
    ) -> None:
        self._workflow = workflow
        self._event = event
        self._folder = folder
        self._actions = actions
        self._results = dict[str, str]()
        self.done = list[Done]()
        self.summary = folder.parent / "summary.md"
        self.summary.touch()

    def run(self, variables: Mapping[str, str]) -> None:
        """Run all jobs, each after those it needs; a matrix by its first value."""
        for name, job in self._workflow["jobs"].items():
            unknown = set(job) - _JOB_KEYS
            if unknown:
                raise UnknownKey(f"job {name}: {', '.join(sorted(unknown))}")
            self._results[name] = self._job(name, job, variables)

    def outcomes(self, job: str) -> dict[str, str]:
        """Outcome by what the steps of a job do."""
        return {one.what: one.outcome for one in self.done if one.job == job}

    def _job(self, name: str, job: Mapping[str, Any], variables: Mapping[str, str]) -> str:
        needs = job.get("needs", [])
        before = [self._results[need] for need in ([needs] if isinstance(needs, str) else needs)]
        state = {"failed": any(result != "success" for result in before)}
        matrix = {key: values[0] for key, values in job.get("strategy", {}).get("matrix", {}).items()}
        contexts = self._contexts() | {"matrix": matrix, "steps": {}}
        functions = self._functions(state)
        if not holds(job.get("if", ""), contexts, functions):
            return "skipped"
        state["failed"] = False
        surroundings = {**variables, **self._words(job.get("env", {}), contexts, functions)}
        surroundings |= {
            f"GITHUB_{key.upper()}": str(self._event.github[key]) for key in ("sha", "ref", "actor")
        }
        surroundings["GITHUB_REPOSITORY"] = str(self._event.github["repository"])
        surroundings["GITHUB_STEP_SUMMARY"] = str(self.summary)
        for step in job["steps"]:
            contexts["env"] = dict(surroundings)
            self._step(name, step, contexts, functions, state, surroundings)
        return "failure" if state["failed"] else "success"

    def _contexts(self) -> dict[str, Any]:
        return {"github": self._event.github, "secrets": self._event.secrets, "vars": self._event.vars,
                "runner": {"os": "Linux"}, "env": {}}  # fmt: skip

    def _functions(self, state: dict[str, bool]) -> dict[str, Callable[..., Any]]:
        return {
            "success": lambda: not state["failed"],
            "failure": lambda: state["failed"],
            "always": lambda: True,
            "cancelled": lambda: False,
            "hashFiles": lambda *patterns: str(sum(1 for one in patterns for _ in self._folder.glob(one))),
        }

    def _words(
        self,
        given: Mapping[str, str],
        contexts: Mapping[str, Any],
        functions: Mapping[str, Callable[..., Any]],
    ) -> dict[str, str]:
        return {key: fill(value, contexts, functions) for key, value in given.items()}

    def _step(
        self,
        job: str,
        step: Mapping[str, Any],
        contexts: dict[str, Any],
        functions: Mapping[str, Callable[..., Any]],
        state: dict[str, bool],
        surroundings: dict[str, str],
    ) -> None:
        unknown = set(step) - _STEP_KEYS
        if unknown:
            raise UnknownKey(f"a step of {job}: {', '.join(sorted(unknown))}")
        what = step["uses"].partition("@")[0] if "uses" in step else step["run"].strip()
        if not holds(step.get("if", ""), contexts, functions):
            self.done.append(Done(job, what, "skipped"))
            return
        if "uses" in step:
            if what not in self._actions:
                raise UnknownAction(what)
            inputs = self._words(step.get("with", {}), contexts, functions)
            outputs = self._actions[what](inputs, surroundings)
            self.done.append(Done(job, what, "success"))
        else:
            env = {**surroundings, **self._words(step.get("env", {}), contexts, functions)}
            code, text, outputs = self._shell(fill(step["run"], contexts, functions), env)
            self.done.append(Done(job, what, "failure" if code else "success", text))
            state["failed"] = state["failed"] or bool(code)
        if "id" in step:
            contexts["steps"][step["id"]] = {"outputs": dict(outputs)}

    def _shell(self, script: str, env: Mapping[str, str]) -> tuple[int, str, dict[str, str]]:
        written = self._folder.parent / "outputs.txt"
        written.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self._folder,
            env={**env, "GITHUB_OUTPUT": str(written)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        lines = [line.partition("=") for line in written.read_text().splitlines()]
        return done.returncode, done.stdout, {key: value for key, _, value in lines}
