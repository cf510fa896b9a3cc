"""Kinds of figures, one a file; `mtlray.analysis.figures.registry` lists them."""
