"""Suites: YAML files of models, methods, budgets and recipes, read, checked and expanded into trials.

In: a suite file, or a packaged name. Out: trials, values that nothing changes. No torch.
"""
