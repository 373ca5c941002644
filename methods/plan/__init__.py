"""The plan: from a model, a method and a budget to every layer's settings.

In: a model, a method, an example and a target. Out: a plan.

The package `decompbench.methods` exports the function `plan` under the name of this room. So modules of the room are
imported as in ``from decompbench.methods.plan.planner import plan``; the form ``import decompbench.methods.plan.planner
as planner`` finds the function and fails.
"""
