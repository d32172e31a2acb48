"""The record of events, and the API reference made from the catalogue."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("events", __name__)
