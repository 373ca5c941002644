"""The base class of every part of a record: a value that does not change and keeps the fields it does not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class RecordPart(BaseModel):
    """A part of a record. Fields of a newer minor version are kept, and written back as they were."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=(), use_attribute_docstrings=True)
