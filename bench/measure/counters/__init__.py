"""Counters of multiply-accumulates, each of which looks at another level, and the audit of what none of them saw.

In: a model and an input. Out: MACs, the operations without a rule, the parameters without a use.
"""

from .dispatched import count_dispatched
from .traced import count_macs
from .weights import WeightUse, audit_weights

__all__ = ["WeightUse", "audit_weights", "count_dispatched", "count_macs"]
