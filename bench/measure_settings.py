"""What is measured in a suite, and how."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from .form_name import EAGER, FormError, check_form
from .strict import Strict


class Measure(Strict):
    """What is measured, and how.

    Attributes
    ----------
    batch_sizes
        Latency is measured once for each.
    forms
        How the models are run while they are timed, each in turn: ``eager``, or ``channels_last``, ``bf16`` and one of
        ``compile``, ``onnx`` and ``cudagraph`` joined by ``+``.
    seconds
        Time for timing one trial at one batch size in one form, warm-up included; the choice of each layer's form comes
        on top.
    half_width
        End sooner, as soon as half of the ratio's interval is less than this part of the ratio.
    threads
        CPU threads for training and timing; fewer where the machine has fewer cores.
    """

    batch_sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(1, 128), min_length=1)
    forms: tuple[str, ...] = Field(default=("eager",), min_length=1)
    seconds: float = Field(default=1.0, gt=0)
    half_width: float = Field(default=0.01, gt=0)
    threads: int = Field(default=2, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _from_before_forms(cls, value: Any) -> Any:
        """Read the settings of records that say ``memory_format``."""
        if isinstance(value, dict) and "memory_format" in value and "forms" not in value:
            layout = "channels_last" if value["memory_format"] == "channels_last" else EAGER
            value = {name: given for name, given in value.items() if name != "memory_format"} | {"forms": (layout,)}
        return value

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
