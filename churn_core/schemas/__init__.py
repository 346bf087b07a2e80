"""Typed customers: who they are, which are valid, and what an answer about them looks like."""

from __future__ import annotations

from churn_core.schemas.base import Customer
from churn_core.schemas.build import customer_class
from churn_core.schemas.expectations import Expectation, Invariant, Monotone
from churn_core.schemas.fields import Category, Flag, Numeric
from churn_core.schemas.ibm_telco import IbmTelcoCustomer
from churn_core.schemas.moves import Move
from churn_core.schemas.problems import FieldProblem, field_problems
from churn_core.schemas.rules import BlankMeans, Condition, Implies
from churn_core.schemas.spec import (
    FieldSpec,
    FileColumn,
    LabelSpec,
    LanguageName,
    SchemaSpec,
    SliceSpec,
    Wording,
)
from churn_core.schemas.spelling import Reader, ReadRow
from churn_core.schemas.telcovision import TelcoVisionCustomer
from churn_core.schemas.wire import (
    Action,
    BatchAnswer,
    BatchError,
    Change,
    ChurnPrediction,
    ModelInfo,
    ModelRef,
    ProbabilityInterval,
    Problem,
    Reason,
    SchemaInfo,
)

__all__ = [
    "Action",
    "BatchAnswer",
    "BatchError",
    "BlankMeans",
    "Category",
    "Change",
    "ChurnPrediction",
    "Condition",
    "Customer",
    "Expectation",
    "FieldProblem",
    "FieldSpec",
    "FileColumn",
    "Flag",
    "IbmTelcoCustomer",
    "Implies",
    "Invariant",
    "LabelSpec",
    "LanguageName",
    "ModelInfo",
    "ModelRef",
    "Monotone",
    "Move",
    "Numeric",
    "ProbabilityInterval",
    "Problem",
    "ReadRow",
    "Reader",
    "Reason",
    "SchemaInfo",
    "SchemaSpec",
    "SliceSpec",
    "TelcoVisionCustomer",
    "Wording",
    "customer_class",
    "field_problems",
]
