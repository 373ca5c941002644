"""The soundness of a replacement: what keeps a layer as it is, what a new one takes over, whether that one runs."""
