"""Events as AWS sends them, after the developer guides of API Gateway, Lambda and Elastic Load Balancing."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

__all__ = ["http_api", "load_balancer", "rest_api"]

_HEADERS = {
    "accept": "*/*",
    "content-type": "application/json",
    "host": "abc123.execute-api.eu-west-1.amazonaws.com",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
    "x-request-id": "r-9",
}


def http_api(
    method: str, path: str, body: str = "", query: str = "", *, stage: str = "$default"
) -> dict[str, Any]:
    """Payload format 2.0, of an HTTP API or a function URL; a named stage stands in the path."""
    called = path if stage == "$default" else f"/{stage}{path}"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": called,
        "rawQueryString": query,
        "headers": dict(_HEADERS),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": _HEADERS["host"],
            "domainPrefix": "abc123",
            "http": {
                "method": method,
                "path": called,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": stage,
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1773342238000,
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query))
    return {**event, "body": body} if body else event


def rest_api(
    method: str, path: str, body: str = "", query: str = "", *, stage: str = "prod", called: str = ""
) -> dict[str, Any]:
    """Payload format 1.0, of a REST API; the stage stands in the context's path only."""
    parameters = dict(parse_qsl(query))
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {name.title(): value for name, value in _HEADERS.items()},
        "multiValueHeaders": {name.title(): [value] for name, value in _HEADERS.items()},
        "queryStringParameters": parameters or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in parameters.items()} or None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": _HEADERS["host"],
            "httpMethod": method,
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0"},
            "path": called or f"/{stage}{path}",
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        },
        "body": body or None,
        "isBase64Encoded": False,
    }


def load_balancer(
    method: str, path: str, body: str = "", query: str = "", *, multi: bool = False
) -> dict[str, Any]:
    """An Application Load Balancer's event, with multi-value headers or without."""
    target = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/churn/6d0ecf831eec9f09"
    parameters = dict(parse_qsl(query))
    event: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": target}},
        "httpMethod": method,
        "path": path,
        "body": body,
        "isBase64Encoded": False,
    }
    if multi:
        event["multiValueHeaders"] = {name: [value] for name, value in _HEADERS.items()}
        event["multiValueQueryStringParameters"] = {name: [value] for name, value in parameters.items()}
    else:
        event["headers"], event["queryStringParameters"] = dict(_HEADERS), parameters
    return event
