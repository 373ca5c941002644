"""methods/catalogue/kmeans."""
