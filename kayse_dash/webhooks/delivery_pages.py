"""The delivery log and one delivery with its attempts."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("deliveries", __name__)
