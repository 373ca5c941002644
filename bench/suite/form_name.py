"""Names of the forms in which models are timed, checked without torch; `measure.forms` makes them."""

from __future__ import annotations

from ...common.names import suggestion
from ..base.errors import BenchError

EAGER = "eager"
#: What a form is made of, in the order in which it is applied.
PARTS = ("channels_last", "bf16", "compile", "onnx", "cudagraph")


class FormError(BenchError):
    """A form that does not exist, or that cannot be made of a model on this machine."""


def check_form(form: str) -> str:
    """Return a form's name with its parts in order.

    Parameters
    ----------
    form : str
        ``eager``, or parts joined by ``+``: ``channels_last``, ``bf16``, and one of ``compile``, ``onnx`` and
        ``cudagraph``.

    Raises
    ------
    FormError
        A part that does not exist, occurs twice, or does not go with another.
    """
    parts = [part.strip() for part in form.split("+")]
    if parts == [EAGER]:
        return EAGER
    for part in parts:
        if part not in PARTS:
            known = (EAGER, *PARTS)
            raise FormError(
                f"form '{form}': there is no '{part}'{suggestion(part, known)}; there is {', '.join(known)}"
            )
    if len(set(parts)) < len(parts):
        raise FormError(f"form '{form}' names a part twice")
    runners = [part for part in parts if part in ("compile", "onnx", "cudagraph")]
    if len(runners) > 1:
        raise FormError(f"form '{form}': {' and '.join(runners)} do not go together")
    if "onnx" in parts and len(parts) > 1:
        raise FormError(f"form '{form}': ONNX Runtime chooses layouts itself and gets float32: use 'onnx' alone")
    return "+".join(sorted(parts, key=PARTS.index))


def latency_prefix(form: str, batch: int) -> str:
    """Return what the names of columns about a batch size begin with; the form is named where it is not eager."""
    return f"latency_b{batch}" if form == EAGER else f"latency_{form}_b{batch}"
