"""What all answers are made with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Base of what the API answers with; the reference describes every model below it."""

    model_config = ConfigDict(from_attributes=True)
