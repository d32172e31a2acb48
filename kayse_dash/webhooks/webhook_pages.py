"""A webhook's pages: list, detail, on and off, test, log, recovery."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("webhooks", __name__)
