"""What a saved file holds: the state of a model, how its tensors lie in memory, and the extra state of its modules.

In: a model, or the content of a file. Out: tensors without shared memory, with a description; or the tensors as before.
"""
