"""The reference of cold starts: FastAPI, Mangum and pydantic, with a model of a few fields."""

from __future__ import annotations

from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

__all__ = ["handler"]


class Customer(BaseModel):
    """Some of what a customer has; the rest is let through."""

    customer_id: str


app = FastAPI()


@app.post("/predict")
async def predict(customer: Customer) -> dict[str, str]:
    """A constant."""
    return {"customer_id": customer.customer_id}


handler = Mangum(app, lifespan="off")
