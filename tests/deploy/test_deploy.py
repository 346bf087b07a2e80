"""Deploys against moto: what is live is the old version or the new one, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from moto import mock_aws

from churn_core.bundle import Scorer, open_scorer
from churn_serve.deploy import Aws, Conflict, DeployError, RolledBack, Wanted, deploy, plan, rollback, status
from tests.support.aws import ROLE, FaultyAws, Killed, QuickClock, faults, image, session
from tests.support.bundles import logistic_bundle
from tests.support.projects import run_churn


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        boto3.client("iam").create_role(RoleName="churn", AssumeRolePolicyDocument=trust)
        yield


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    logistic_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def scorer(bundle: Path) -> Scorer:
    return open_scorer(str(bundle))


@pytest.fixture
def of(bundle: Path) -> Iterator[Any]:
    with closing(asyncio.new_event_loop()) as loop:  # Mangum would make one, and leave it open
        asyncio.set_event_loop(loop)
        yield session(bundle)
        asyncio.set_event_loop(None)


@pytest.fixture
def real(of: Any) -> Aws:
    return Aws(of)


def wanted(name: str, **options: Any) -> Wanted:
    given = {"environment": {"CHURN_AUTH": "none"}, "watch_seconds": 0, **options}
    return Wanted(image=image(name), function="churn", role=ROLE, commit="c" * 40, **given)


def run(name: str, scorer: Scorer, aws: Aws, **options: Any) -> Any:
    return deploy(wanted(name, **options), scorer, aws, clock=QuickClock())


def live(real: Aws) -> tuple[str, dict[str, float], str]:
    """Version, weights of others, and the digest of the image of the version that is live."""
    now = status(wanted("any"), real)
    return now.version, now.weights, now.description.partition("image=")[2].partition(" ")[0]


def digest(name: str) -> str:
    return image(name).rpartition("@")[2]


def test_the_first_deploy_makes_everything(of: Any, scorer: Scorer, real: Aws) -> None:
    steps = list[str]()
    made = deploy(wanted("a", url="iam"), scorer, real, clock=QuickClock(), say=steps.append)
    assert (made.version, made.previous, made.changed, made.weights) == ("1", "", True, {})
    assert f"image={digest('a')} model={scorer.model.digest}" in made.description
    assert made.url.startswith("https://")
    assert any("customers as the bundle does" in step for step in steps)
    found = of.client("lambda").get_function(FunctionName="churn")
    assert found["Tags"]["churn:model"] == scorer.model.digest
    assert found["Configuration"]["Environment"]["Variables"] == {"CHURN_AUTH": "none"}


def test_a_second_run_changes_nothing(scorer: Scorer, real: Aws) -> None:
    run("a", scorer, real)
    calls = FaultyAws(real)
    assert run("a", scorer, calls).changed is False
    assert not [
        name for name in calls.done if name.startswith(("create", "update", "publish", "tag", "invoke"))
    ]
    assert plan(wanted("a"), scorer, real) == []


def test_another_image_gets_traffic_in_steps(scorer: Scorer, real: Aws) -> None:
    run("a", scorer, real)
    calls, steps = FaultyAws(real), list[str]()
    made = deploy(wanted("b"), scorer, calls, clock=QuickClock(), say=steps.append)
    assert (made.version, made.previous) == ("2", "1")
    assert calls.done.count("update_alias") == 3
    assert [step for step in steps if "of the traffic" in step] == [
        "version 2 gets 10% of the traffic",
        "version 2 gets 50% of the traffic",
    ]
    assert "0 of 0 requests failed, too few to tell" in steps
    assert status(wanted("b"), real).version == "2"


def test_a_changed_setting_is_another_version(scorer: Scorer, real: Aws) -> None:
    run("a", scorer, real)
    assert run("a", scorer, real, memory=512).version == "2"


def test_rollback_is_one_call_and_goes_both_ways(scorer: Scorer, real: Aws) -> None:
    run("a", scorer, real)
    with pytest.raises(DeployError, match="nothing was live before version 1"):
        rollback(wanted("a"), real)
    run("b", scorer, real)
    assert rollback(wanted("b"), real).version == "1"
    assert rollback(wanted("b"), real).version == "2"


@pytest.mark.parametrize(
    ("namespace", "metric", "value", "says"),
    [
        ("AWS/Lambda", "Errors", 5, "5 of 100 requests failed"),
        ("Churn", "Errors", 7, "7 of 100 requests failed"),
        ("AWS/Lambda", "Duration", 900, "take 900 ms instead of 20 ms"),
    ],
)
def test_a_version_that_does_worse_is_taken_back(
    of: Any, scorer: Scorer, namespace: str, metric: str, value: float, says: str, real: Aws
) -> None:
    run("a", scorer, real)
    put(of, "AWS/Lambda", "Invocations", 100, version="2")
    put(of, "AWS/Lambda", "Duration", 20, version="1")
    put(of, namespace, metric, value, version="2", model=scorer.model.digest)
    with pytest.raises(RolledBack, match=says):
        run("b", scorer, real, watch_seconds=120)
    assert live(real) == ("1", {}, digest("a"))


def put(of: Any, namespace: str, metric: str, value: float, version: str, model: str = "") -> None:
    names = {"FunctionName": "churn", "Resource": "churn:live", "ExecutedVersion": version}
    if namespace == "Churn":
        names = {"Model": model[:12]}
    of.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": metric,
                "Value": value,
                "Timestamp": datetime.now(UTC),
                "Dimensions": [{"Name": name, "Value": text} for name, text in names.items()],
            }
        ],
    )


def test_an_alarm_stops_a_deploy(of: Any, scorer: Scorer, real: Aws) -> None:
    run("a", scorer, real)
    client = of.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName="crm", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, MetricName="m",
        Namespace="n", Period=60, Statistic="Sum", Threshold=1,
    )  # fmt: skip
    client.set_alarm_state(AlarmName="crm", StateValue="ALARM", StateReason="test")
    with pytest.raises(RolledBack, match="the alarm crm rings"):
        run("b", scorer, real, alarms=("crm",))
    assert live(real)[0] == "1"


def test_a_version_with_another_model_gets_no_traffic(scorer: Scorer, tmp_path: Path, real: Aws) -> None:
    run("a", scorer, real)
    logistic_bundle(tmp_path / "other", intercept=0.3)
    with pytest.raises(DeployError, match=r"answers with model .{12}, not"):
        run("b", open_scorer(str(tmp_path / "other")), real)
    assert live(real)[0] == "1"


def test_after_any_fault_callers_get_one_version(scorer: Scorer, real: Aws) -> None:
    run("a", scorer, real)
    calls = FaultyAws(real)
    run("b", scorer, calls)
    tried = 0
    for at, after, fault in faults(calls.done):
        name = f"{at} {after} {fault!r}"
        with pytest.raises((DeployError, Killed)):
            run(name, scorer, FaultyAws(real, at, after=after, fault=fault))
        if not isinstance(fault, Killed):
            assert not live(real)[1], (calls.done[at], after)
        done = run(name, scorer, real)
        assert live(real) == (done.version, {}, digest(name)), calls.done[at]
        tried += 1
    assert tried > len(calls.done) + 20


def test_killed_again_and_again_it_ends_all_the_same(scorer: Scorer, real: Aws) -> None:
    dice = random.Random(7)
    run("a", scorer, real)
    for turn in range(100):
        letter = "abcdef"[turn % 6]
        for _ in range(dice.randint(1, 2)):
            at, after = dice.randrange(30), dice.random() < 0.5
            try:
                run(letter, scorer, FaultyAws(real, at, after=after, fault=Killed()))
            except Killed:
                assert len(live(real)[1]) <= 1
        if dice.random() < 0.5:
            run(letter, scorer, real)
            assert live(real)[1:] == ({}, digest(letter))
        else:
            rollback(wanted(letter), real) if live(real)[1] else None
            assert live(real)[1] == {}


def test_of_two_deploys_one_is_told(scorer: Scorer, real: Aws) -> None:
    run("a", scorer, real)

    class Rival(QuickClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if live(real)[1]:
                run("c", scorer, real, steps=())

    with pytest.raises(Conflict, match="somebody else moved the alias"):
        deploy(wanted("b", watch_seconds=60), scorer, real, clock=Rival())
    assert live(real)[1:] == ({}, digest("c"))


def test_what_aws_refuses_is_one_sentence(scorer: Scorer, real: Aws) -> None:
    with pytest.raises(DeployError, match="there is no function 'churn' yet: --role"):
        deploy(Wanted(image=image("a"), function="churn"), scorer, real)
    with pytest.raises(DeployError, match="AWS refuses create_function: "):
        deploy(wanted("a").model_copy(update={"role": "arn:aws:iam::123456789012:role/nobody"}), scorer, real)


def test_the_command(of: Any, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.Session", lambda: of)
    monkeypatch.setenv("CHURN_AUTH", "none")
    words = ["deploy", "--image", image("a"), "--function", "churn", "--bundle", bundle, "--role", ROLE]
    dry = run_churn(*words, "--dry-run")
    assert dry.stdout.splitlines()[0] == "create function churn"
    assert not of.client("lambda").list_functions()["Functions"]
    done = run_churn(*words, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["version"] == "1"
    assert run_churn(*words, "--dry-run").stdout == "nothing to do\n"
    assert "churn:live is version 1: deploy=" in run_churn("deploy", "status", "--function", "churn").stdout
    refused = run_churn("deploy", "rollback", "--function", "churn")
    assert (refused.exit_code, refused.stderr) == (1, "error: nothing was live before version 1\n")
    tagged = run_churn("deploy", "--image", "churn:latest", "--function", "churn", "--bundle", bundle)
    assert tagged.exit_code == 1
    assert tagged.stderr.startswith("error: image: ")
    monkeypatch.delenv("CHURN_AUTH")
    assert "CHURN_AUTH" in run_churn(*words).stderr
