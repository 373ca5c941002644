"""Tucker-2 (yu2021): `method` has the settings, `layers` the layers, `decomposition` the factors of a weight.

`refit` fits the factors to activations. `identity_blocks` has the coefficients with an identity block, which costs
neither weights nor MACs.
"""
