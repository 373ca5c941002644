"""Methods that make convolutional networks smaller by decomposing or sharing their filters.

The whole vocabulary::

    small = compress(model, SVD(rank=0.3), example)                       # no training at all
    small = compress(model, SVD(rank=0.3, refit="ridge"), example, calibration=batches)  # refitted to activations
    todo = plan(model, get_method("tucker2"), example, Target(params=0.3))  # sized to a budget, from shapes alone
    session = begin(model, todo)                                          # in any training loop
    save(session.finish(), "small.safetensors"); fast = deploy(load("small.safetensors"), example)
"""

from .basis import Basis
from .between import Between
from .cost import Cost, Skip, Target
from .counting import StoredCount, count_stored, stored_tensors
from .cp import CP
from .data_aware import DataAware
from .dense import Dense
from .deploy import deploy
from .errors import MethodError, SettingError, StorageError, UnknownNameError, UnreachableTarget
from .factor import Factor
from .fsnet import FSNet
from .group import Group
from .kmeans import KMeans
from .layers import CompressedConv2d, FactoredConv2d, VirtualWeightConv2d, VirtualWeightConvTranspose2d, copy_bias
from .method import Kind, Knob, Method, Part
from .plan import GroupPlan, LayerPlan, Plan
from .planner import plan
from .registry import get_method, list_methods, method_class, register
from .select import Select
from .session import Session, begin, compress
from .spatial_svd import SpatialSVD
from .spec import ConvSpec, Trace, trace
from .storage import load, save
from .svd import SVD
from .tt import TT
from .tucker2 import Tucker2

__all__ = [
    "CP",
    "SVD",
    "TT",
    "Basis",
    "Between",
    "CompressedConv2d",
    "ConvSpec",
    "Cost",
    "DataAware",
    "Dense",
    "FSNet",
    "Factor",
    "FactoredConv2d",
    "Group",
    "GroupPlan",
    "KMeans",
    "Kind",
    "Knob",
    "LayerPlan",
    "Method",
    "MethodError",
    "Part",
    "Plan",
    "Select",
    "Session",
    "SettingError",
    "Skip",
    "SpatialSVD",
    "StorageError",
    "StoredCount",
    "Target",
    "Trace",
    "Tucker2",
    "UnknownNameError",
    "UnreachableTarget",
    "VirtualWeightConv2d",
    "VirtualWeightConvTranspose2d",
    "begin",
    "compress",
    "copy_bias",
    "count_stored",
    "deploy",
    "get_method",
    "list_methods",
    "load",
    "method_class",
    "plan",
    "register",
    "save",
    "stored_tensors",
    "trace",
]
