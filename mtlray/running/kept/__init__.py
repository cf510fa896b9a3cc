"""Kept networks: while trials run, and of finished ones. Part of `mtlray.running`."""
