"""What deliveries need beside the stages: data from a remote, words for people, settings that are missing.

Workflows only call it; everything runs on any machine.
"""

from __future__ import annotations

from churn_core.delivery.remote import Transfer, pull, push
from churn_core.delivery.settings import Setting, missing
from churn_core.delivery.summary import summary

__all__ = ["Setting", "Transfer", "missing", "pull", "push", "summary"]
