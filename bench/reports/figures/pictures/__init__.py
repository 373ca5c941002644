"""The figure of pictures: a test image as the models of a run make it.

In: records, kept models and the suite's test images. Out: a figure of crops, and whole pictures as PNG.
"""
