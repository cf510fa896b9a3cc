"""Calls: what the commands do, from Python and from a notebook. The names are loaded from `mtlray` itself."""
