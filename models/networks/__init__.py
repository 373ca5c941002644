"""Our own networks, one file each: the layers, and under what names and with which settings they load.

In: a name's settings. Out: a network with fresh weights.
"""
