"""Every method on one small model of each of timm's families: does it compress, or say why not?"""

from .kept import KeptOutcomes, sweep_key
from .models import FAMILIES, QUICK, SweepModel, choose_models
from .outcome import MethodOutcome, ModelOutcome
from .run import run_sweep

__all__ = [
    "FAMILIES",
    "QUICK",
    "KeptOutcomes",
    "MethodOutcome",
    "ModelOutcome",
    "SweepModel",
    "choose_models",
    "run_sweep",
    "sweep_key",
]
