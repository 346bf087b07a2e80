"""`python -m churn_client`, in this process and in one of its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from churn_client.__main__ import main
from churn_client.testing import FakeChurnService
from churn_core.schemas import IbmTelcoCustomer
from tests.support.imports import ROOT
from tests.support.servers import over_http

ONE = IbmTelcoCustomer.spec.example()


@pytest.fixture
def service() -> Iterator[FakeChurnService]:
    with FakeChurnService(probability=0.7) as service:
        yield service


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "customer.json"
    path.write_text(json.dumps(ONE, indent=2), encoding="utf-8")
    return path


def run(*arguments: str, text: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, without a service in its environment."""
    command = [sys.executable, "-m", "churn_client", *arguments]
    return subprocess.run(
        command,
        input=text,
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_one_customer_over_http(file: Path) -> None:
    with over_http(FakeChurnService(probability=0.7, api_key="k")) as url:
        done = run("predict", str(file), CHURN_API_URL=url, CHURN_API_KEY="k")
        refused = run("predict", "-", "--url", url, text=json.dumps(ONE))
    assert (done.returncode, json.loads(done.stdout)["churn_probability"]) == (0, 0.7), done.stderr
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("error: The header X-API-Key is missing or unknown.")
    assert "Traceback" not in refused.stderr


def test_options_say_what_the_answer_holds(
    service: FakeChurnService, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(file), "--interval", "--action", "--language", "es"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["reasons"]
    assert answer["interval"]
    assert answer["action"]
    assert main(["predict", str(file), "--no-explain"]) == 0
    assert not json.loads(capsys.readouterr().out)["reasons"]
    assert [request.path for request in service.requests] == [
        "/predict?explain=true&interval=true&action=true&language=es",
        "/predict?explain=false",
    ]


@pytest.mark.parametrize("blank", ["", "\n"])
def test_json_lines_are_many(
    service: FakeChurnService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], blank: str
) -> None:
    rows: list[Any] = [ONE, {**ONE, "gender": "X"}, {**ONE, "customer_id": "C-2"}]
    lines = "".join(blank + json.dumps(row) + "\n" for row in rows) + "no JSON\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    assert main(["predict", "-"]) == 1
    out, err = capsys.readouterr()
    first, second, third, last = map(json.loads, out.splitlines())
    assert (first["customer_id"], third["customer_id"]) == ("C-0001", "C-2")
    assert (second["index"], second["errors"][0]["field"]) == (1, "gender")
    assert (last["index"], last["errors"][0]["message"]) == (3, "the customer is not an object")
    assert err == "error: 2 customers have no prediction\n"


def test_one_line_is_one_customer(
    service: FakeChurnService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(ONE)))
    assert main(["predict", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["customer_id"] == "C-0001"


def test_files_of_windows_may_begin_with_a_mark(service: FakeChurnService, file: Path) -> None:
    file.write_text(json.dumps(ONE), encoding="utf-8-sig")
    assert main(["predict", str(file)]) == 0


def test_model_schema_and_readiness(service: FakeChurnService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model"]) == main(["schema"]) == main(["ready"]) == 0
    assert '"name": "fake"' in (out := capsys.readouterr().out)
    assert '"spec": {' in out
    assert out.endswith('{"ready": true}\n')
    service.reachable = False
    assert main(["ready"]) == 1
    assert capsys.readouterr().out == '{"ready": false}\n'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "there is no customer"),
        (b"{", "the customer is not valid JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[1,\n2]", "the customer is not a JSON object: write many as JSON lines"),
        (b'{"gender": "\xff"}', "not written in UTF-8"),
        (b'{"gender": "Jane"}', "gender: is not in the vocabulary"),
    ],
)
def test_what_cannot_be_asked_about(
    service: FakeChurnService, file: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    file.write_bytes(content)
    assert main(["predict", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert words in err
    assert "Jane" not in err


def test_failures_are_one_sentence(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model"]) == 1
    assert "error: no service is named" in capsys.readouterr().err
    with FakeChurnService():
        assert main(["predict", str(file.parent / "none.json")]) == 1
    assert capsys.readouterr().err.endswith("none.json cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    "arguments",
    [[], ["guess"], ["predict"], ["predict", "x", "--language", "de"], ["model", "--api-key", "k"]],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m churn_client" in capsys.readouterr().err


def test_a_reader_may_leave() -> None:
    lines = "".join(json.dumps({**ONE, "customer_id": f"C-{n}"}) + "\n" for n in range(3000))
    with over_http(FakeChurnService()) as url:
        command = f"{sys.executable} -m churn_client predict - --url {url} | head -n 1"
        done = subprocess.run(
            ["sh", "-c", command],
            input=lines,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_line_that_nobody_can_read_is_refused_alone(
    service: FakeChurnService, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(json.dumps(ONE) + "\n" + "[" * 200_000 + "\n" + json.dumps(ONE), encoding="utf-8")
    assert main(["predict", str(file)]) == 1
    out, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        '{"customer_id"',
        '{"index"',
        '{"customer_id"',
    ]
    assert err == "error: 1 customers have no prediction\n"
    assert len(service.customers) == 2
