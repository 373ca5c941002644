"""Linear layers: taken as 1×1 convolutions, so that no method needs to know of them.

In: a model's `torch.nn.Linear`. Out: the convolution that a method is given, and the layer that stands for its answer.
"""
