"""The two pydantic classes that values derive from: parts of a suite, and parts of a record."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A value that cannot change and takes no unknown fields."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class RecordPart(BaseModel):
    """A part of a record. Fields of a newer minor version are kept, and written back as they were."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=(), use_attribute_docstrings=True)
