"""Chains of convolutions, on the layer in `chain`: spatial SVD, CP (its factors are in `canonical`), tensor-train."""
