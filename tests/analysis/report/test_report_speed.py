"""Large reports from the compacted store: how long they take, and how large they are."""

import time

import pytest
from large_sweep import large_sweep

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


@pytest.mark.slow
def test_forty_strategies_on_three_data_sets(tmp_path):
    """40 strategies x 4 fractions x 10 seeds x 3 data sets: 12 s beyond imports and 5 MB are the aim; a busy machine gets twice.

    The imports are those of the first, tiny report.
    """
    render_report(large_sweep(tmp_path / "tiny", n_seeds=2, datasets=("tiny",)).folder)
    sweep = large_sweep(tmp_path / "large")
    started = time.process_time()
    page = render_report(sweep.folder)
    assert time.process_time() - started < 24
    assert "Complete:" in page
    assert len(page.encode()) < 5e6
