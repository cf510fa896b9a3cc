"""Watch: a page on this machine alone that follows a sweep while it runs, from its results folder."""

from mtlray.analysis.watch.server import WatchServer, serve

__all__ = ["WatchServer", "serve"]
