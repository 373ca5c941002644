"""The face for authors: all that the methods of the catalogue are written with, under one name.

A user of methods imports `decompbench.methods`; a module or package that brings a method of its own imports this. The
checks of a finished method are in `decompbench.methods.conformance`.
"""

from .catalogue.chains.chain import ChainConv2d, Link, chain_cost, separable_links
from .catalogue.learning.arp import RankPenalty
from .catalogue.learning.lc import LearningCompression
from .catalogue.learning.nuclear import NuclearShrinkage
from .catalogue.learning.regulariser import LearnedPart, Regulariser, nearest_weights, trainable_groups
from .catalogue.refit.data_aware import DataAware
from .catalogue.refit.last_link import LastLink, refit_last
from .contract.cost import Cost, Knob, Skip
from .contract.errors import MethodError, SettingError, require
from .contract.layers import (
    GEOMETRY,
    Between,
    CompressedConv2d,
    FactoredConv2d,
    VirtualWeightConv2d,
    VirtualWeightConvTranspose2d,
    copy_bias,
    make_between,
    padding_pairs,
)
from .contract.method import Kind, Method, SessionPart
from .contract.registry import register
from .contract.settings.select import Select, refuse_grouped, refuse_pointwise
from .contract.settings.sharing import require_sharing, sharing_groups
from .contract.spec import ConvSpec
from .contract.whole_model import WholeModelMethod
from .numerics.clustering import Clustering, kmeans
from .numerics.kmeans_init import KMeansInit
from .numerics.linear import (
    balancing_root,
    input_blocks,
    largest_divisor,
    leading_eigenvectors,
    left_singular_vectors,
    nearest_divisor,
    pivot_columns,
    ratio_rank,
    refreshed_basis,
    ridge,
    truncated_svd,
    whitened_svd,
)
from .numerics.quantisation import from_levels, from_steps, to_levels, to_steps
from .numerics.ranks import energy_rank, evbmf_rank
from .numerics.spectrum import discarded_squares, squared_spectra
from .numerics.symmetry import SYMMETRY_COUNT, Symmetry, symmetry_permutations
from .numerics.trade_off import best_at, best_within
from .numerics.unfolding import (
    Spectrum,
    Unfolding,
    apply_short,
    short_gram,
    shortest,
    spectra,
    stack_weights,
    unstack_weights,
)

__all__ = [
    "GEOMETRY",
    "SYMMETRY_COUNT",
    "Between",
    "ChainConv2d",
    "Clustering",
    "CompressedConv2d",
    "ConvSpec",
    "Cost",
    "DataAware",
    "FactoredConv2d",
    "KMeansInit",
    "Kind",
    "Knob",
    "LastLink",
    "LearnedPart",
    "LearningCompression",
    "Link",
    "Method",
    "MethodError",
    "NuclearShrinkage",
    "RankPenalty",
    "Regulariser",
    "Select",
    "SessionPart",
    "SettingError",
    "Skip",
    "Spectrum",
    "Symmetry",
    "Unfolding",
    "VirtualWeightConv2d",
    "VirtualWeightConvTranspose2d",
    "WholeModelMethod",
    "apply_short",
    "balancing_root",
    "best_at",
    "best_within",
    "chain_cost",
    "copy_bias",
    "discarded_squares",
    "energy_rank",
    "evbmf_rank",
    "from_levels",
    "from_steps",
    "input_blocks",
    "kmeans",
    "largest_divisor",
    "leading_eigenvectors",
    "left_singular_vectors",
    "make_between",
    "nearest_divisor",
    "nearest_weights",
    "padding_pairs",
    "pivot_columns",
    "ratio_rank",
    "refit_last",
    "refreshed_basis",
    "refuse_grouped",
    "refuse_pointwise",
    "register",
    "require",
    "require_sharing",
    "ridge",
    "separable_links",
    "sharing_groups",
    "short_gram",
    "shortest",
    "spectra",
    "squared_spectra",
    "stack_weights",
    "symmetry_permutations",
    "to_levels",
    "to_steps",
    "trainable_groups",
    "truncated_svd",
    "unstack_weights",
    "whitened_svd",
]
