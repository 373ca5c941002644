"""K-means kernel clustering (son2018): `method` has the settings and the clustering, `layers` the codebook's layers."""
