"""Every method on one small model of each of timm's families: does it compress, or say why not?"""

from .models import FAMILIES, QUICK, SweepModel, choose_models
from .outcome import MethodOutcome, ModelOutcome
from .run import run_sweep

__all__ = [
    "FAMILIES",
    "QUICK",
    "MethodOutcome",
    "ModelOutcome",
    "SweepModel",
    "choose_models",
    "run_sweep",
]
