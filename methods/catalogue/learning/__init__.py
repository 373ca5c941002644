"""Learning towards a decomposition: a regulariser while training, of a kind named by the setting ``learn``.

`arp` is the adaptive rank penalty (yu2021), `nuclear` nuclear-norm shrinkage, `lc` learning-compression.
"""
