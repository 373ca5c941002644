"""Factorised convolutions (wang2017): `method` has the settings, `layers` the stacks of depthwise and 1×1 convs."""
