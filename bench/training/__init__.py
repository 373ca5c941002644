"""Training: any model on any task by a recipe, with or without a method; and dense baselines, trained once.

In: model, task, recipe. Out: trained weights, what the training took, and baselines in the cache.
"""
