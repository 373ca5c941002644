"""Architectures, and one loader for them: our own, timm's and torchvision's.

``load_model("resnet20")``, ``load_model("timm/resnet18")``, ``load_model("resnet8", pretrained=True)``.
"""

from .checkpoint import read_state
from .errors import ModelNameError, ModelSettingError, UnknownModelError, WeightsError
from .loader import load_model
from .registry import ModelInfo, list_models, plugin_module, register_model
from .weights import PackagedWeights, packaged_weights, read_weights_metadata

__all__ = [
    "ModelInfo",
    "ModelNameError",
    "ModelSettingError",
    "PackagedWeights",
    "UnknownModelError",
    "WeightsError",
    "list_models",
    "load_model",
    "packaged_weights",
    "plugin_module",
    "read_state",
    "read_weights_metadata",
    "register_model",
]
