"""Everything but predictions: model, schema, health, metrics, documentation.

FastAPI documents predictions too, from signatures, though `churn_serve.service` answers them
before a request gets here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import Body, FastAPI, Header, Query, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from churn_core import __version__
from churn_core.bundle import Manifest, Scorer
from churn_core.schemas import (
    BatchAnswer,
    ChurnPrediction,
    Customer,
    LanguageName,
    ModelInfo,
    ModelRef,
    Problem,
    SchemaInfo,
)
from churn_core.schemas.export import json_schema
from churn_serve.errors import Refusal
from churn_serve.exchange import LONGEST, SHORTEST, Exchange
from churn_serve.metrics import CONTENT_TYPE, Metrics
from churn_serve.pages import documented_api
from churn_serve.problems import PROBLEM_JSON, problem_body
from churn_serve.settings import Settings
from churn_serve.source import Source

__all__ = ["build_api"]

Responses = dict[int | str, dict[str, Any]]
_KEY_PROBLEMS = {
    401: "The API key is missing or unknown",
    403: "The API key lacks the scope",
}
_KEY = {"dependencies": [Security(APIKeyHeader(name="X-API-Key", auto_error=False))]}
_UNREADY = {500: "The model fails", 503: "No model is loaded, or the service is about to stop"}
_PREDICTION_PROBLEMS = {
    400: "The body is not JSON, or a parameter or header is not allowed",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "The body has another type than JSON",
    422: "A customer is not allowed",
    429: "The service has enough to do, or the turn came too late; `Retry-After` says when to return",
    500: "The service failed",
    503: "No model is loaded, or the service is about to stop",
}


class Parameters(BaseModel):
    """The query parameters of predictions, as documented; `churn_serve.wanted` reads them."""

    explain: bool = Field(True, description="Whether to give the strongest reasons.", examples=[False])
    interval: bool = Field(
        False,
        description="Whether to say how sure the probability is; refused where the model does not know.",
        examples=[True],
    )
    action: bool = Field(
        False,
        description="Whether to look for the cheapest change that could keep the customer: an association "
        "in past data, not proof of a cause. It takes milliseconds for each customer.",
        examples=[True],
    )
    language: LanguageName = Field(
        "en", description="Language of the texts of reasons and actions.", examples=["es"]
    )


# Where the model does not know how sure it is.
_WITHOUT_INTERVAL = create_model(
    "ParametersWithoutInterval",
    __base__=Parameters,
    interval=(
        Literal[False],
        Field(False, description="This model does not know how sure it is.", examples=[False]),
    ),
)
Timeout = Annotated[
    float,
    Header(
        alias="X-Request-Timeout",
        description="Seconds until the caller stops waiting: what has waited longer is not worked on.",
        ge=SHORTEST,
        le=LONGEST,
        examples=[2.5],
    ),
]


class Ready(BaseModel):
    """The service answers, with which model, and from which copy of it."""

    status: str
    model: ModelRef
    source: str = Field(description="baked, registry, last-known-good or given", examples=["registry"])
    since: str = Field(description="When this copy was fetched, or read", examples=["2026-01-31T08:00:00Z"])
    note: str = Field(description="Why this copy answers")


def build_api(scorer: Scorer | None, source: Source, settings: Settings, metrics: Metrics) -> FastAPI:
    """The FastAPI application for one bundle, or for none yet."""
    guarded = bool(settings.api_key_hashes)
    api = documented_api(
        title="Churn prediction",
        version=__version__,
        redirect_slashes=False,
        description="Whom will we lose, how sure is that, and what is it worth to call?",
        generate_unique_id_function=_operation,
    )
    key: dict[str, Any] = {"responses": _problems(_KEY_PROBLEMS), **_KEY} if guarded else {}
    _add_health(api, scorer, source)
    _add_metrics(api, scorer, metrics, key)
    if scorer:
        _add_information(api, scorer, source, key)
        _document_predictions(api, scorer, settings)
    for kind in (HTTPException, Refusal, Exception):
        api.add_exception_handler(kind, _problem)
    document = api.openapi()
    _name_problems(document)
    if scorer:
        _describe_customers(document, scorer.customer_class)
    return api


def _operation(route: APIRoute) -> str:
    """What generated clients call an operation."""
    return route.name


def _add_health(api: FastAPI, scorer: Scorer | None, source: Source) -> None:
    @api.get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        """The process answers."""
        return {"status": "alive"}

    @api.get("/health/ready", tags=["health"], responses=_problems(_UNREADY))
    async def ready() -> Ready:  # pyright: ignore[reportUnusedFunction]
        """A verified bundle answers."""
        if scorer is None:
            raise Refusal(503, source.note, headers=[(b"retry-after", b"1")])
        scorer.predict(scorer.bundle.schema_spec.example(), explain=False)
        return Ready(status="ready", model=scorer.model, **asdict(source))


def _add_metrics(api: FastAPI, scorer: Scorer | None, metrics: Metrics, key: Mapping[str, Any]) -> None:
    @api.get("/metrics", tags=["health"], response_class=PlainTextResponse, **key)
    async def prometheus() -> Response:  # pyright: ignore[reportUnusedFunction]
        """Counters and latencies in Prometheus' text format."""
        return Response(metrics.render(scorer.model if scorer else None), media_type=CONTENT_TYPE)


def _add_information(api: FastAPI, scorer: Scorer, source: Source, key: Mapping[str, Any]) -> None:
    model = _model_info(scorer.bundle, scorer.model, source)
    schema = SchemaInfo.of(scorer.bundle.schema_spec)

    @api.get("/model", tags=["information"], **key)
    async def describe_model() -> ModelInfo:  # pyright: ignore[reportUnusedFunction]
        """The model that answers: version, digest, quality and origin."""
        return model

    @api.get("/schema", tags=["information"], **key)
    async def describe_schema() -> SchemaInfo:  # pyright: ignore[reportUnusedFunction]
        """The customers that it answers: fields, allowed values, rules and an example."""
        return schema


def _document_predictions(api: FastAPI, scorer: Scorer, settings: Settings) -> None:
    """Signatures only: they are read for the documentation and never called."""
    asked = Parameters if scorer.bundle.band else _WITHOUT_INTERVAL
    one = scorer.bundle.schema_spec.example()
    cls = scorer.customer_class
    customer = Annotated[cls, Body(examples=[one])]
    rows: Any = Field(
        description=f"At most {settings.max_batch_rows}; what is no customer has an error of its own.",
        examples=[[one]],
    )
    many = create_model(
        "BatchRequest",
        __config__=ConfigDict(extra="forbid"),
        customers=(list[cls | Any], rows),  # pyright: ignore[reportInvalidTypeForm]
    )

    def predict(customer: Any, asked: Any, timeout: Timeout = LONGEST) -> ChurnPrediction:  # type: ignore[return]
        """The answer about one customer; reasons, interval and action are there where asked for."""

    def predict_batch(batch: Any, asked: Any, timeout: Timeout = LONGEST) -> BatchAnswer:  # type: ignore[return]
        """Answers about many customers, in their order.

        A customer that does not fit has `null` in `predictions` and his problems in `errors`.
        """

    predict.__annotations__["customer"] = customer
    predict_batch.__annotations__["batch"] = many
    keys = _KEY_PROBLEMS if settings.api_key_hashes else {}
    problems = _problems({**_PREDICTION_PROBLEMS, **keys})
    options: dict[str, Any] = {"responses": problems, **(_KEY if keys else {})}
    for path, signature in (("/predict", predict), ("/predict/batch", predict_batch)):
        signature.__annotations__["asked"] = Annotated[asked, Query()]
        api.post(path, tags=["predictions"], **options)(signature)


def _problems(descriptions: Mapping[int, str]) -> Responses:
    return {status: {"model": Problem, "description": text} for status, text in sorted(descriptions.items())}


def _model_info(bundle: Manifest, model: ModelRef, source: Source) -> ModelInfo:
    return ModelInfo.model_validate(
        {
            **model.model_dump(),
            "source": source.source,
            "schema_name": bundle.schema_spec.name,
            "schema_version": bundle.schema_spec.version,
            "schema_fingerprint": bundle.schema_fingerprint,
            "trainer": bundle.trainer,
            "members": tuple(member.name for member in bundle.members),
            "threshold": bundle.decision.threshold,
            "dataset": bundle.lineage.dataset,
            "train_rows": bundle.lineage.train_rows,
            "metrics": {name: interval.model_dump() for name, interval in bundle.metrics.items()},
        }
    )


async def _problem(request: Request, error: Exception) -> Response:
    exchange: Exchange = request.scope["churn.exchange"]
    if isinstance(error, HTTPException):
        method = exchange.scope["method"]
        detail = f"{method} {request.url.path[:64]} is not what this service offers."
        refusal = Refusal(error.status_code, detail)
        headers = {name: value.replace("GET", "GET, HEAD") for name, value in (error.headers or {}).items()}
    elif isinstance(error, Refusal):
        refusal = error
        headers = {name.decode(): value.decode() for name, value in error.headers}
    else:
        refusal, headers = Refusal(500, "The service failed; the request was not the reason."), {}
    body = problem_body(refusal, exchange.request_id)
    return Response(body, refusal.status, headers, PROBLEM_JSON.decode())


def _name_problems(document: dict[str, Any]) -> None:
    """Give errors their media type: FastAPI documents all responses of a route as what it answers with."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400 and "content" in response:
                    (content,) = response["content"].values()
                    response["content"] = {PROBLEM_JSON.decode(): content}


def _describe_customers(document: dict[str, Any], customer_class: type[Customer]) -> None:
    """Say the rules across fields too, which pydantic does not know of."""
    name = customer_class.__name__
    described = json_schema(customer_class) | {"title": name}
    for keyword in ("$schema", "$id", "$comment"):  # of a document of its own
        del described[keyword]
    document["components"]["schemas"][name] = described
