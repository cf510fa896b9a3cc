"""Report: one sweep's results as one HTML file that needs no network, no server and nothing beside it."""

from mtlray.analysis.report.page import render_report

__all__ = ["render_report"]
