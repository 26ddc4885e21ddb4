"""The socket side: requests in, answers out, each in one write or in steps that go wrong. It knows nothing of Zoho."""

from exporter.simulator.transport.answer import Answer, html_answer, json_answer, phrase
from exporter.simulator.transport.delivery import (
    Delivery,
    Exchange,
    Pause,
    Reset,
    Send,
    Stall,
    Step,
    chunked_head,
    chunks,
    half,
    head,
    interim,
    whole,
)
from exporter.simulator.transport.listener import POLL_SECONDS, Listener
from exporter.simulator.transport.request import Request

__all__ = [
    "POLL_SECONDS",
    "Answer",
    "Delivery",
    "Exchange",
    "Listener",
    "Pause",
    "Request",
    "Reset",
    "Send",
    "Stall",
    "Step",
    "chunked_head",
    "chunks",
    "half",
    "head",
    "html_answer",
    "interim",
    "json_answer",
    "phrase",
    "whole",
]
