"""Events: what the process of a trial or a baseline tells the one that started it, as it goes.

``emit(name, value)`` hands over one of

``("stage", text)``
    What is done now.
``("step", (done, total, loss))``
    How far the training is.
``("measured", (field, value))``
    A field of the record's ``measured``.
``("note", text)``
    What a person should know.
``("verdict", (status, message))``
    The trial ends early, for a reason of its own.
``("waiting", bool)``
    Whether it waits for another process; no time counts meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Emit = Callable[[str, Any], None]
