"""Requests signed for AWS, for a service behind IAM; needs `churn-client[aws]`.

```python
from churn_client import ChurnClient
from churn_client.aws import SigV4

client = ChurnClient("https://<id>.lambda-url.eu-west-1.on.aws", sign=SigV4())
```
"""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from churn_client._errors import ConfigError
from churn_client._messages import Request

__all__ = ["SigV4"]

_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.")


class SigV4:
    """Signs with the credentials that the AWS tools would use here, renewed as they are.

    Args:
        region: That of the service's URL by default.
        service: `lambda` for function URLs, `execute-api` for API Gateway.
        session: A `botocore.session.Session`, or what `boto3.Session()._session` gives.

    Raises:
        ConfigError: botocore is not installed, or there are no credentials.
    """

    def __init__(self, region: str | None = None, service: str = "lambda", session: Any = None) -> None:
        try:
            botocore: Any = import_module("botocore.session")
        except ModuleNotFoundError:
            raise ConfigError("signing needs botocore: pip install 'churn-client[aws]'") from None
        found: Any = session or botocore.get_session()
        self._credentials: Any = found.get_credentials()
        if self._credentials is None:
            raise ConfigError("AWS credentials are not found: set AWS_PROFILE, or see `aws configure`")
        self._region = region
        self._service = service

    def __call__(self, request: Request) -> Request:
        """The request with a signature of what it holds.

        Raises:
            ConfigError: The region is neither given nor in the URL.
        """
        auth: Any = import_module("botocore.auth")
        requests: Any = import_module("botocore.awsrequest")
        # Only what no proxy changes on the way is signed.
        headers = {"host": urlsplit(request.url).netloc}
        signed: Any = requests.AWSRequest(
            request.method, request.url + request.path, headers, request.content
        )
        credentials = self._credentials.get_frozen_credentials()
        auth.SigV4Auth(credentials, self._service, self._region or _region(request.url)).add_auth(signed)
        added = {str(name).lower(): str(value) for name, value in signed.headers.items()}
        del added["host"]
        return replace(request, headers={**request.headers, **added})


def _region(url: str) -> str:
    found = _REGION.search(urlsplit(url).hostname or "")
    if not found:
        raise ConfigError("the AWS region is not in the URL: pass SigV4(region=...)")
    return found[1]
