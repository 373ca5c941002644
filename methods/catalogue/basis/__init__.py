"""Filter basis (li2019): `method` has the settings, `layers` the layers, `sliced_basis` the fit to several widths."""
