"""The machine that trials run on: its id and description, and how busy it is.

In: what the system tells. Out: a description, an id, the load of others.
"""

from .describe import describe_machine, usable_cores, write_machine
from .identity import MACHINE_VARIABLE, identity_problem
from .load import NOTABLE_LOAD, OtherLoad, core_seconds

__all__ = [
    "MACHINE_VARIABLE",
    "NOTABLE_LOAD",
    "OtherLoad",
    "core_seconds",
    "describe_machine",
    "identity_problem",
    "usable_cores",
    "write_machine",
]
