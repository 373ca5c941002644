"""The settings of measuring in a suite: batch sizes, forms, time, threads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from ..base.model import Strict
from .form_name import FormError, check_form


class Measure(Strict):
    """What is measured, and how."""

    batch_sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(1, 128), min_length=1)
    """Images a call; latency is measured once for each."""
    forms: tuple[str, ...] = Field(default=("eager",), min_length=1)
    """How the models are run while they are timed, each in turn: ``eager``, or ``channels_last``, ``bf16`` and one of
    ``compile``, ``onnx`` and ``cudagraph`` joined by ``+``.
    """
    seconds: float = Field(default=1.0, gt=0)
    """Seconds for timing one trial at one batch size in one form, warm-up included; the choice of each layer's form
    comes on top.
    """
    half_width: float = Field(default=0.01, gt=0)
    """End sooner, as soon as half of the ratio's interval is less than this fraction of the ratio."""
    threads: int = Field(default=2, ge=1)
    """CPU threads for training and timing; fewer where the machine has fewer cores."""

    curves: bool = False
    """Evaluate the model after each epoch of its training, on the test data and on a fixed tenth of the training data;
    nothing is chosen by that.
    """

    @field_validator("forms")
    @classmethod
    def _forms_exist(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        try:
            checked = tuple(check_form(form) for form in forms)
        except FormError as error:
            raise ValueError(str(error)) from None
        if len(set(checked)) < len(checked):
            raise ValueError("a form is named twice")
        return checked
