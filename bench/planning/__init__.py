"""Planning: what a trial will be, before it is trained.

In: a trial, or a variant. Out: task, dense model, method, plan, and what the plan comes to.
"""
