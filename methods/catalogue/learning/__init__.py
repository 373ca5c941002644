"""Learning towards a decomposition: training under a regulariser, which the setting ``learn`` names.

`arp` is the adaptive rank penalty (yu2021), `nuclear` nuclear-norm shrinkage, `lc` learning-compression.
"""
