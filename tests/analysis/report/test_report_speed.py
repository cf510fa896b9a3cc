"""10,000 trials: the report within 20 seconds from the compacted store."""

import time

import pytest

from mtlray.analysis.report import render_report

BOTH = ("left", "right")


@pytest.mark.slow
def test_ten_thousand_trials_make_a_report_in_twenty_seconds(tmp_path, build_with_curves):
    strategies = {"stl:left": ("left",), "stl:right": ("right",)} | {f"method_{i:02}": BOTH for i in range(38)}
    sweep = build_with_curves(tmp_path, strategies, fractions=(1.0, 0.5, 0.25, 0.1, 0.05), n_seeds=50)
    started = time.process_time()  # of this process alone, so that others on the machine do not decide
    page = render_report(sweep.folder)
    assert time.process_time() - started < 20
    assert "10000 of 10000 trials are done" in page
    assert len(page) < 8e6
