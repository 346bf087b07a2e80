"""A signature is checked as AWS would check it; see "Signature Version 4 signing process" in its manuals."""

from __future__ import annotations

import hashlib
import hmac
import re
import sys
from typing import Any

import pytest

from churn_client import ConfigError, IbmTelcoCustomer, Request
from churn_client.aws import SigV4
from churn_client.testing import FakeChurnService

URL = "https://abc.lambda-url.eu-west-1.on.aws"
SECRET = "the-secret"


def test_without_botocore_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("botocore", "botocore.session"):  # which others may have imported
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install 'churn-client\[aws\]'"):
        SigV4()


@pytest.fixture
def session() -> Any:
    botocore = pytest.importorskip("botocore.session", reason="needs the extra `aws`")
    session = botocore.Session()
    session.set_credentials("the-id", SECRET, "the-token")
    return session


def _expected(request: Request, region: str, service: str) -> str:
    """The signature that AWS computes from what arrives."""
    found = re.search(r"SignedHeaders=([^,]+), ", request.headers["authorization"])
    assert found
    headers = {**request.headers, "host": request.url.partition("://")[2]}
    path, _, query = request.path.partition("?")
    canonical = [request.method, path, "&".join(sorted(query.split("&")))]
    canonical += [f"{name}:{headers[name]}" for name in found[1].split(";")]
    canonical += ["", found[1], hashlib.sha256(request.content).hexdigest()]
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def test_a_signed_request_is_accepted(session: Any, customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    sign = SigV4("eu-west-1", session=session)
    assert service.client(sign=sign).predict(customer, interval=True)
    (sent,) = service.requests
    authorization = sent.headers["authorization"]
    assert authorization.endswith(f"Signature={_expected(sent, 'eu-west-1', 'lambda')}")
    assert sent.headers["x-amz-security-token"] == "the-token"
    assert sent.headers["content-type"] == "application/json"


def test_the_region_is_in_the_url(session: Any) -> None:
    request = Request("GET", "/model", url=URL)
    signed = SigV4(session=session)(request)
    assert "/eu-west-1/lambda/aws4_request" in signed.headers["authorization"]
    assert signed.headers["authorization"].endswith(_expected(signed, "eu-west-1", "lambda"))
    with pytest.raises(ConfigError, match="region is not in the URL"):
        SigV4(session=session)(Request("GET", "/model", url="https://churn.example.com"))


def test_nobody_signs_without_credentials(session: Any) -> None:
    session.get_credentials = lambda: None
    with pytest.raises(ConfigError, match="AWS credentials are not found"):
        SigV4(session=session)
