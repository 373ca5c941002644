"""Training: any model on any task by a recipe, with or without a method; and dense baselines, trained once.

In: model, task, recipe. Out: trained weights, what the training took, and baselines in the cache.
"""

PROTOCOL_VERSION = 1
"""Version of the training protocol, part of what identifies a trial.

It is raised by a change after which the same model, task, recipe and seed would give other weights, beyond rounding:
the order of batches, when the schedule is set, what is clipped or averaged. A change that only makes training faster,
or tells more of it, leaves it.
"""
