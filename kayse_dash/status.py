"""Whether all is well, for machines: /healthz, /readyz, /metrics."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("status", __name__)
