"""The life cycle: a planned model is compressed, trained, refitted, deployed, counted, saved and loaded.

In: a model and its plan. Out: the compressed model, its inference form, and its file.
"""
