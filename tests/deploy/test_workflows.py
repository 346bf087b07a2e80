"""The workflows, step by step in a scratch clone: real stages, registry and gate on a small model.

Stand-ins: `make`, whose targets have tests of their own; Docker and GitHub's command, which talk to
the world; and the actions, each known by name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import httpx
import pytest
import yaml
from moto.server import ThreadedMotoServer

from churn_core.bundle import open_scorer
from churn_core.params import Params
from churn_core.schemas import BatchAnswer
from churn_serve.deploy.smoke import typical_customers
from tests.support.workflows import Action, Event, Runner, UnknownAction, UnknownKey, read_workflow

WORKFLOWS = Path(__file__).resolve().parents[2] / ".github/workflows"
PARAMS: dict[str, Any] = {
    "schema": "telcovision",
    "dataset": {"name": "synth", "options": {"schema": "telcovision", "rows": 1200, "seed": 1}},
    "train": {"trainer": "native", "models": ["lr"], "folds": 2, "tune": 0, "blend": 1},
    "gate": {"checks": [{"name": "bundle-intact"}, {"name": "floors", "options": {"roc_auc": 0.6}}]},
}
SHA = "1" * 40
PUSH = {
    "event_name": "push",
    "sha": SHA,
    "ref": "refs/heads/main",
    "actor": "ana",
    "repository": "acme/churn",
    "token": "",
    "event": {},
}
HEAD = {"repo": {"full_name": "acme/churn"}}
PULL = {
    **PUSH,
    "event_name": "pull_request",
    "ref": "refs/pull/7/merge",
    "event": {"pull_request": {"number": 7, "base": {"sha": "2" * 40}, "head": HEAD}},
}
MAKE = """#!/bin/sh
echo "make $*" >> "$CALLS"
test "$1" != broken
"""
GH = """#!/bin/sh
echo "gh $*" >> "$CALLS"
for word; do last=$word; done
test -s "$last"
"""

DOCKER = """#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    print("docker", *words[:2], file=calls)
if words[0] == "buildx":
    print('"sha256:base"')
if words[0] == "login":
    sys.stdin.read()
if words[0] == "push":  # what ECR has then
    import boto3
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + "a" * 64}, "layers": []}
    name, _, tag = words[1].rpartition("/")[2].partition(":")
    boto3.client("ecr").put_image(
        repositoryName=name, imageManifest=json.dumps(manifest), imageManifestMediaType=kind, imageTag=tag
    )
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """What is to be committed, as a repository of its own with a small model's parameters."""
    folder = tmp_path_factory.mktemp("runner") / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    complete = Params.model_validate(PARAMS).model_dump(mode="json", by_alias=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(complete))
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "All"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    # What `make setup` leaves.
    scripts = {"churn": "-c 'from churn_core.cli import main; main()'", "dvc": "-m dvc", "python": ""}
    (folder / ".venv/bin").mkdir(parents=True)
    for name, words in scripts.items():
        _script(folder / ".venv/bin" / name, f"#!/bin/sh\nexec '{sys.executable}' {words} \"$@\"\n")
    _script(folder.parent / "bin/make", MAKE)
    _script(folder.parent / "bin/gh", GH)
    return folder


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture(scope="module")
def variables(clone: Path) -> dict[str, str]:
    """What a runner has set: nothing of who runs these tests."""
    calls = clone.parent / "calls.txt"
    calls.write_text("")
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    return {
        "PATH": f"{clone.parent / 'bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "CALLS": str(calls),
        "OMP_NUM_THREADS": "1",
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def actions(clone: Path) -> dict[str, Action]:
    """Stand-ins: what is kept and brought back is in the folder anyway."""

    def nothing(inputs: Mapping[str, str], _: dict[str, str]) -> Mapping[str, str]:
        return {}

    def uploaded(inputs: Mapping[str, str], _: dict[str, str]) -> Mapping[str, str]:
        assert (clone / inputs["path"]).exists(), inputs
        return {}

    def attested(inputs: Mapping[str, str], _: dict[str, str]) -> Mapping[str, str]:
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", inputs["subject-digest"])
        assert inputs["subject-name"].endswith("/churn")
        return {}

    return {
        "actions/checkout": nothing,
        "actions/setup-python": nothing,
        "actions/cache": nothing,
        "actions/upload-artifact": uploaded,
        "actions/download-artifact": nothing,
        "actions/attest-build-provenance": attested,
    }


def run(name: str, event: Event, clone: Path, variables: Mapping[str, str]) -> Runner:
    runner = Runner(read_workflow(WORKFLOWS / name), event, clone, actions(clone))
    runner.run(variables)
    return runner


@pytest.fixture(scope="module")
def pushed(clone: Path, variables: dict[str, str]) -> Runner:
    """A push to main, the first of this repository."""
    return run("ci.yml", Event(PUSH), clone, variables)


def told(runner: Runner) -> str:
    return "\n".join(f"{one.job}: {one.what}: {one.outcome}\n{one.output}" for one in runner.done)


def churn(clone: Path, *words: str) -> Any:
    done = subprocess.run([".venv/bin/churn", *words], cwd=clone, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_push_trains_registers_and_reports(clone: Path, pushed: Runner) -> None:
    assert {one.outcome for one in pushed.done} == {"success"}, told(pushed)
    made = [f"make {target}" for target in ("lint", "docs", "test", "audit", "portable", "setup")]
    assert (clone.parent / "calls.txt").read_text().splitlines()[:6] == made
    assert {one.job for one in pushed.done} == {"check", "portable", "train"}
    (entry,) = churn(clone, "history", "--json")
    assert (entry["who"], entry["why"], entry["to_version"]) == ("ana", f"commit {SHA}", "1")
    page = pushed.summary.read_text()
    assert "The candidate may go into production" in page
    assert "| ROC AUC | 0." in page
    assert "Nothing is known of the base branch" in page
    assert "```mermaid" in page


@pytest.mark.usefixtures("pushed")
def test_a_pull_request_is_compared_and_told(clone: Path, variables: dict[str, str]) -> None:
    secrets = {"DAGSHUB_USER": "ana", "DAGSHUB_TOKEN": "secret"}
    runner = run("ci.yml", Event(PULL, secrets), clone, variables)
    outcomes = runner.outcomes("train")
    assert outcomes[".venv/bin/churn cache push"] == "skipped"
    assert [outcome for what, outcome in outcomes.items() if "churn promote" in what] == ["skipped"]
    assert set(outcomes.values()) == {"success", "skipped"}, told(runner)
    assert "| The base branch |" in runner.summary.read_text().rpartition("# Churn model")[2]
    calls = (clone.parent / "calls.txt").read_text().splitlines()
    assert calls[-1].startswith("gh pr comment 7 --repo acme/churn --edit-last --create-if-none")


def test_a_fork_is_not_answered(clone: Path, variables: dict[str, str]) -> None:
    fork = {
        **PULL,
        "event": {
            "pull_request": {**PULL["event"]["pull_request"], "head": {"repo": {"full_name": "x/churn"}}}
        },
    }
    workflow = read_workflow(WORKFLOWS / "ci.yml")
    workflow["jobs"] = {
        "train": {**workflow["jobs"]["train"], "steps": []},
        "comment": workflow["jobs"]["comment"],
    }
    del workflow["jobs"]["train"]["needs"]
    runner = Runner(workflow, Event(fork), clone, actions(clone))
    runner.run(variables)
    assert runner.done == []


@pytest.mark.usefixtures("pushed")
def test_a_refused_model_is_reported_and_goes_nowhere(clone: Path, variables: dict[str, str]) -> None:
    before = churn(clone, "history", "--json")
    params = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(params.replace("roc_auc: 0.6", "roc_auc: 0.99"))
    try:
        runner = run("ci.yml", Event(PUSH), clone, variables)
    finally:
        (clone / "params.yaml").write_text(params)
    outcomes = runner.outcomes("train")
    assert outcomes[".venv/bin/churn gate"] == "failure", told(runner)
    assert [outcome for what, outcome in outcomes.items() if "churn promote" in what] == ["skipped"]
    assert "The candidate is refused" in runner.summary.read_text().rpartition("# Churn model")[2]
    assert churn(clone, "history", "--json") == before


def test_unknown_things_are_noticed(clone: Path, variables: dict[str, str]) -> None:
    steps: list[dict[str, str]] = [{"uses": "acme/new-action@v1"}]
    for wrong, problem in ((steps, UnknownAction), ([{"run": "true", "shell": "fish"}], UnknownKey)):
        with pytest.raises(problem):
            Runner({"jobs": {"a": {"steps": wrong}}}, Event(PUSH), clone, {}).run(variables)


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_workflows_are_careful(path: Path) -> None:
    text, workflow = path.read_text(), read_workflow(path)
    assert workflow["permissions"] == {}
    assert "pull_request_target" not in text
    for job in workflow["jobs"].values():
        assert int(job["timeout-minutes"]) <= 60
        assert job["permissions"]
    for action in re.findall(r"uses: (.+)", text):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    scripts = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    assert not any("${{" in script for script in scripts), "a script must take foreign text from variables"


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """AWS on loopback, as moto has it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    httpx.post(f"{address}/moto-api/config", json={"lambda": {"use_docker": False}}).raise_for_status()
    yield address
    server.stop()


def answers(clone: Path) -> list[str]:
    """What the function will say when it is tried: that it is ready, and the answers of the bundle."""
    scorer = open_scorer(str(clone / "models/candidate"))
    model = {"name": scorer.model.name, "version": "1", "digest": scorer.model.digest}
    found = tuple(scorer.predict_many(typical_customers(scorer), explain=False))
    batch = BatchAnswer(predictions=found, errors=(), request_id="r").model_dump_json()
    ready = json.dumps({"status": "ready", "model": model})
    return [json.dumps({"statusCode": 200, "body": body}) for body in (ready, batch)]


def test_a_push_to_deploy_brings_the_production_model_to_lambda(
    clone: Path, pushed: Runner, variables: dict[str, str], cloud: str
) -> None:
    assert pushed.done
    _script(clone.parent / "bin/docker", DOCKER.replace("/usr/bin/env python3", sys.executable))
    account = {"AWS_ENDPOINT_URL": cloud, "AWS_DEFAULT_REGION": "eu-west-1"}
    secrets = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-west-1"}
    secrets |= {"ECR_REPOSITORY": "churn", "LAMBDA_FUNCTION_NAME": "churn"}
    session: Any = boto3.Session("testing", "testing", region_name="eu-west-1")
    iam, ecr, functions = (session.client(name, endpoint_url=cloud) for name in ("iam", "ecr", "lambda"))
    role = iam.create_role(RoleName="churn", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    ecr.create_repository(repositoryName="churn")
    said = {"results": answers(clone), "region": "eu-west-1"}
    httpx.post(f"{cloud}/moto-api/static/lambda-simple/response", json=said).raise_for_status()
    event = Event(
        {**PUSH, "ref": "refs/heads/deploy"}, secrets, {"CHURN_AUTH": "iam", "LAMBDA_ROLE_ARN": role}
    )
    registry = {"MLFLOW_TRACKING_URI": f"sqlite:///{clone / 'mlflow.db'}"}
    runner = run("deploy.yml", event, clone, {**variables, **account, **registry})
    assert {one.outcome for one in runner.done} == {"success", "skipped"}, told(runner)
    assert [one.what for one in runner.done if one.outcome == "skipped"] == [
        "aws-actions/configure-aws-credentials"
    ]
    alias = functions.get_alias(FunctionName="churn", Name="live")
    image = functions.get_function(FunctionName="churn", Qualifier=alias["FunctionVersion"])["Code"][
        "ImageUri"
    ]
    assert re.fullmatch(r".+/churn@sha256:[0-9a-f]{64}", image)
    shutil.rmtree(clone / "build/model")  # the next runner has a checkout of its own
    again = run("deploy.yml", event, clone, {**variables, **account, **registry})
    assert {one.outcome for one in again.done} == {"success", "skipped"}, told(again)
    assert "is there already" in told(again)


def test_a_deploy_without_a_model_or_settings_stops_and_says_what_is_missing(
    clone: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    nowhere = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'none.db'}"}
    runner = run("deploy.yml", Event({**PUSH, "ref": "refs/heads/deploy"}), clone, {**variables, **nowhere})
    outcomes = runner.outcomes("deploy")
    assert outcomes[".venv/bin/churn check-model"] == "failure"
    assert outcomes[".venv/bin/churn doctor --deploy"] == "failure"
    assert "missing: LAMBDA_FUNCTION_NAME: the function to update" in told(runner)
    assert [what for what, outcome in outcomes.items() if outcome == "success" and "churn" in what] == []
