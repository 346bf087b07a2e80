"""The client against the real service, and the double against both."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from churn_client import (
    Action,
    BadRequest,
    Change,
    ChurnClient,
    ChurnPrediction,
    ConnectionFailed,
    CustomerRefused,
    IbmTelcoCustomer,
    InvalidCustomer,
    NotAuthorized,
    NotCustomers,
    ProbabilityInterval,
    RequestRefused,
    RowError,
    TelcoVisionCustomer,
    UnexpectedAnswer,
    predict_churn,
)
from churn_client._messages import Response
from churn_client.testing import FakeChurnService
from churn_core.bundle import Scorer
from churn_core.errors import SchemaError
from churn_serve import Settings
from tests.client.conftest import Connect


def test_one_customer(connect: Connect, scorer: Scorer, customer: IbmTelcoCustomer) -> None:
    client = connect()
    answer = client.predict(customer)
    assert answer.request_id
    assert answer.model_copy(update={"request_id": ""}) == scorer.predict(customer)
    assert answer.reasons
    assert not client.predict(customer, explain=False).reasons
    assert client.predict(customer.model_dump()).churn_probability == answer.churn_probability


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, ""),
        ({"interval": False, "action": False, "language": "en"}, ""),
        ({"interval": True}, "&interval=true"),
        ({"action": True, "language": "es"}, "&action=true&language=es"),
        ({"interval": True, "action": True, "language": "es"}, "&interval=true&action=true&language=es"),
    ],
)
def test_a_request_names_only_what_is_asked_for(
    customer: IbmTelcoCustomer, options: dict[str, Any], query: str
) -> None:
    async def ask(service: FakeChurnService) -> None:
        async with service.async_client() as client:
            await client.predict(customer, explain=False, **options)
            assert [a async for a in client.predict_many([customer], explain=True, **options)]

    with FakeChurnService() as service:
        client = service.client()
        client.predict(customer, **options)
        assert list(client.predict_many([customer], **options))
        predict_churn(customer, explain=False, **options)
        asyncio.run(ask(service))
    explained = ("true", "false", "false", "false", "true")
    paths = ("/predict", "/predict/batch", "/predict", "/predict", "/predict/batch")
    assert [request.path for request in service.requests] == [
        f"{path}?explain={explain}{query}" for path, explain in zip(paths, explained, strict=True)
    ]


def test_interval_and_action_come_with_the_answer(customer: IbmTelcoCustomer, scorer: Scorer) -> None:
    interval = ProbabilityInterval(low=0.2, high=0.4, coverage=0.9)
    change = Change(feature="contract", value="Two year", becomes="One year")
    action = Action(
        changes=(change,),
        reaches_threshold=True,
        churn_probability=0.1,
        cost=5.0,
        expected_profit=12.5,
        text="A one-year contract.",
        note="An association.",
    )
    told = scorer.predict(customer).model_copy(update={"interval": interval, "action": action})
    client = ChurnClient("http://told", transport=_Odd(Response(200, told.model_dump_json().encode())))
    answer = client.predict(customer, interval=True, action=True)
    assert (answer.interval, answer.action) == (interval, action)


def test_what_the_service_tells(connect: Connect, scorer: Scorer) -> None:
    client = connect()
    assert client.ready()
    assert client.model().digest == scorer.model.digest
    assert client.schema().spec == scorer.bundle.schema_spec


def test_a_refused_customer_has_his_problems(connect: Connect, customer: IbmTelcoCustomer) -> None:
    bad = {**customer.model_dump(), "gender": "Jane", "tenure_months": None}
    with pytest.raises(CustomerRefused) as caught:
        connect().predict(bad)
    assert {problem.field for problem in caught.value.problems} == {"gender", "tenure_months"}
    assert caught.value.request_id
    assert "Jane" not in str(caught.value)


def test_with_a_schema_nothing_wrong_is_sent(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    client = service.client(schema=IbmTelcoCustomer)
    with pytest.raises(InvalidCustomer, match="gender: is missing"):
        client.predict({name: value for name, value in customer.model_dump().items() if name != "gender"})
    with pytest.raises(SchemaError, match="expected a customer of schema 'ibm-telco'"):
        client.predict(TelcoVisionCustomer.parse(TelcoVisionCustomer.spec.example()))
    assert service.requests == []


def _deep() -> object:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "is not a finite number"),
        ({1, 2}, "has no JSON form: set"),
        (object(), "has no JSON form: object"),
        (_deep(), "has no JSON form: list"),
    ],
    ids=["nan", "set", "object", "deep"],
)
def test_what_json_cannot_say_is_not_sent(customer: IbmTelcoCustomer, value: object, words: str) -> None:
    service = FakeChurnService()
    row = {**customer.model_dump(), "monthly_charges": value}
    with pytest.raises(InvalidCustomer, match=f"monthly_charges: {words}"):
        service.client().predict(row)
    (found,) = service.client().predict_many([row])
    assert isinstance(found, RowError)
    assert service.requests == []


def test_a_customer_that_nobody_checked_may_have_no_json_form(customer: IbmTelcoCustomer) -> None:
    unchecked = customer.model_copy(update={"customer_id": "\ud800"})
    with pytest.raises(InvalidCustomer, match="the customer has no JSON form"):
        FakeChurnService().client().predict(unchecked)


def test_words_that_were_changed_on_their_way_are_not_told(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    problem = b'{"title": "Bad Request", "status": 400, "detail": "Garbled.", "request_id": "r"}'
    client = service.client(retries=0)
    digest = base64.b64encode(hashlib.sha256(problem).digest()).decode()
    headers = {"content-digest": f"sha-256=:{digest}:"}
    for told, content in (
        ("Garbled.", problem),
        ("There is no explanation.", problem.replace(b"Garbled", b"Hostile")),
    ):
        service.say(content, status=400, headers=headers)
        with pytest.raises(BadRequest) as caught:
            client.predict(customer)
        assert caught.value.detail == told


def _many(customer: IbmTelcoCustomer, count: int) -> Iterator[IbmTelcoCustomer]:
    for number in range(count):
        yield customer.model_copy(update={"customer_id": f"C-{number}", "tenure_months": number})


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_many_customers_keep_their_order(
    connect: Connect, scorer: Scorer, customer: IbmTelcoCustomer, size: int
) -> None:
    answers = list(connect(batch_size=size).predict_many(_many(customer, 7)))
    expected = scorer.predict_many(_many(customer, 7))
    assert [
        a.model_copy(update={"request_id": ""}) for a in answers if isinstance(a, ChurnPrediction)
    ] == expected


def test_many_without_any(connect: Connect) -> None:
    assert list(connect().predict_many([])) == []


def test_rows_that_do_not_fit_are_values(connect: Connect, customer: IbmTelcoCustomer) -> None:
    good = customer.model_dump()
    rows: list[Any] = [
        good,
        {**good, "gender": 1},
        customer,
        {**good, "tenure_months": float("inf")},
        5,
        good,
    ]
    for size in (1, 2, 4, 10):
        answers = list(connect(batch_size=size).predict_many(rows))
        assert [a.index for a in answers if isinstance(a, RowError)] == [1, 3, 4]
        assert [isinstance(a, ChurnPrediction) for a in answers] == [True, False, True, False, False, True]
        problems = [a.problems[0].field for a in answers if isinstance(a, RowError)]
        assert problems == ["gender", "tenure_months", ""]


def test_an_endless_stream_is_read_as_it_is_answered(customer: IbmTelcoCustomer) -> None:
    taken = itertools.count()

    def endless() -> Iterator[IbmTelcoCustomer]:
        for number in taken:
            yield customer.model_copy(update={"customer_id": f"C-{number}"})

    answers = FakeChurnService().client(batch_size=10, concurrency=3).predict_many(endless())
    ids = [
        answer.customer_id for answer in itertools.islice(answers, 25) if isinstance(answer, ChurnPrediction)
    ]
    assert ids == [f"C-{number}" for number in range(25)]
    # Two batches are handed out or at hand, and three under way at most.
    assert next(taken) == 50


def test_a_failing_service_stops_the_stream_after_its_answers(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    answers = service.client(batch_size=2, concurrency=1).predict_many(_many(customer, 6))
    assert [next(answers), next(answers)]
    service.fail(500)
    with pytest.raises(Exception, match="The test wants it so"):
        next(answers)


def test_keys_are_sent_and_asked_for(connect: Connect, customer: IbmTelcoCustomer) -> None:
    guarded = Settings(api_key_hashes=(hashlib.sha256(b"right").hexdigest(),))
    assert connect(guarded, api_key="right").predict(customer)
    for options in ({}, {"api_key": "wrong"}):
        with pytest.raises(NotAuthorized) as caught:
            connect(guarded, **options).predict(customer)
        assert "wrong" not in str(caught.value)
        assert connect(guarded, **options).ready()


def test_too_much_at_once_is_refused(connect: Connect, customer: IbmTelcoCustomer) -> None:
    with pytest.raises(RequestRefused, match="more than 2 customers"):
        list(connect(Settings(max_batch_rows=2)).predict_many(_many(customer, 3)))


class _Odd:
    """Something that answers, but is no churn service."""

    def __init__(self, response: Response) -> None:
        self.response = response

    def send(self, request: object) -> Response:
        return self.response

    def close(self) -> None: ...


@pytest.mark.parametrize(
    "response",
    [
        Response(200, b"<html>"),
        Response(200, b"{}"),
        Response(204, b""),
        Response(302, b"", {"location": "/login"}),
    ],
)
def test_what_is_no_churn_service_is_said_so(customer: IbmTelcoCustomer, response: Response) -> None:
    client = ChurnClient("http://odd", transport=_Odd(response))
    with pytest.raises(UnexpectedAnswer):
        client.predict(customer)
    with pytest.raises(UnexpectedAnswer):
        list(client.predict_many([customer]))


def test_an_answer_for_fewer_customers_is_noticed(customer: IbmTelcoCustomer) -> None:
    short = Response(200, b'{"predictions": [null], "errors": []}')
    client = ChurnClient("http://odd", transport=_Odd(short))
    with pytest.raises(UnexpectedAnswer, match="0 of 1 customers"):
        list(client.predict_many([customer]))


def test_answers_of_a_newer_service_are_understood(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    service.client().predict(customer)
    content = service.handle(service.requests[0]).content
    newer = Response(200, content[:-1] + b', "uplift": {"low": 0.1, "high": 0.2}}')
    client = ChurnClient("http://newer", transport=_Odd(newer))
    assert client.predict(customer).churn_probability == 0.5


def test_the_async_client_does_the_same(customer: IbmTelcoCustomer) -> None:
    async def stream() -> AsyncIterator[IbmTelcoCustomer]:
        for one in _many(customer, 5):
            yield one

    async def run() -> None:
        service = FakeChurnService(probability=lambda one: one.tenure_months / 100)
        async with service.async_client(batch_size=2) as client:
            assert await client.ready()
            assert (await client.model()).name == "fake"
            assert (await client.schema()).name == "ibm-telco"
            assert (await client.predict(customer)).churn_probability == 0.6
            for source in (stream(), _many(customer, 5)):
                found = [
                    a.churn_probability
                    async for a in client.predict_many(source)
                    if isinstance(a, ChurnPrediction)
                ]
                assert found == [0.0, 0.01, 0.02, 0.03, 0.04]
            rows = [a async for a in client.predict_many([customer, {}])]
            assert isinstance(rows[1], RowError)
            service.fail(503, 0)
            assert await client.predict(customer)
            service.fail(0, 0, 0, 0)
            with pytest.raises(ConnectionFailed):
                await client.predict(customer)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("abc", "not str$"),
        (b"abc", "not bytes$"),
        (7, "not int$"),
        (None, "not NoneType$"),
        ({"gender": "Female"}, "not dict; ask `predict` about one$"),
    ],
)
def test_what_is_not_many_customers(given: Any, words: str) -> None:
    service = FakeChurnService()
    for client in (service.client(), service.async_client()):
        with pytest.raises(NotCustomers, match=words) as caught:
            client.predict_many(given)
        assert isinstance(caught.value, TypeError)
    assert service.requests == []


def test_one_customer_is_not_many(customer: IbmTelcoCustomer) -> None:
    with pytest.raises(NotCustomers, match="not IbmTelcoCustomer; ask `predict` about one"):
        FakeChurnService().client().predict_many(customer)  # type: ignore[arg-type]


def test_only_the_async_client_takes_asynchronous_customers() -> None:
    async def none() -> AsyncIterator[IbmTelcoCustomer]:
        for customer in list[IbmTelcoCustomer]():
            yield customer

    service = FakeChurnService()
    assert service.async_client().predict_many(none())
    with pytest.raises(NotCustomers, match="not async_generator"):
        service.client().predict_many(none())  # type: ignore[arg-type]
