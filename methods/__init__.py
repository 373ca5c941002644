"""Compression methods: they make convolutional networks smaller by decomposing or sharing their filters.

This is the face for users; an author of a method imports `decompbench.methods.authoring`. The whole vocabulary::

    small = compress(model, SVD(rank=0.3), example)                       # no training at all
    small = compress(model, SVD(rank=0.3, refit="ridge"), example, calibration=batches)  # refitted to activations
    todo = plan(model, get_method("tucker2"), example, Target(params=0.3))  # sized to a budget, from shapes alone
    session = begin(model, todo)                                          # in any training loop
    save(session.finish(), "small.safetensors"); fast = deploy(load("small.safetensors"), example)
"""

from .catalogue.basis.method import Basis
from .catalogue.chains.cp import CP
from .catalogue.chains.spatial_svd import SpatialSVD
from .catalogue.chains.tt import TT
from .catalogue.dense import Dense
from .catalogue.factor.method import Factor
from .catalogue.fsnet import FSNet
from .catalogue.group import Group
from .catalogue.kmeans.method import KMeans
from .catalogue.refit.data_aware import DataAware
from .catalogue.svd import SVD
from .catalogue.tucker2.method import Tucker2
from .contract.cost import Cost, Knob, Skip, Target
from .contract.errors import MethodError, SettingError, StorageError, UnknownNameError, UnreachableTarget
from .contract.layers import (
    Between,
    CompressedConv2d,
    FactoredConv2d,
    VirtualWeightConv2d,
    VirtualWeightConvTranspose2d,
    copy_bias,
)
from .contract.method import Kind, Method, SessionPart
from .contract.registry import get_method, list_methods, method_class, register
from .contract.settings.select import Select
from .contract.spec import ConvSpec, Layers
from .contract.trace import Trace, trace
from .lifecycle.counting import StoredCount, count_stored, stored_tensors
from .lifecycle.deploy import deploy
from .lifecycle.session import Session, begin, compress
from .lifecycle.storage import load, save
from .linear_layers.layers import CompressedLinear
from .linear_layers.weights import linear_weights
from .plan.allocation.sensitivity import SENSITIVITY_SAMPLES
from .plan.plan import Allocation, GroupPlan, LayerPlan, Plan
from .plan.planner import plan

__all__ = [
    "CP",
    "SENSITIVITY_SAMPLES",
    "SVD",
    "TT",
    "Allocation",
    "Basis",
    "Between",
    "CompressedConv2d",
    "CompressedLinear",
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
    "Layers",
    "Method",
    "MethodError",
    "Plan",
    "Select",
    "Session",
    "SessionPart",
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
    "linear_weights",
    "list_methods",
    "load",
    "method_class",
    "plan",
    "register",
    "save",
    "stored_tensors",
    "trace",
]
