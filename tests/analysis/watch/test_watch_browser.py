"""The page in headless Chromium: it follows a sweep by itself, logs nothing, asks nobody else, and fits a narrow screen."""

import subprocess
import sys
import threading

import pytest
from browsing import Quiet, chromium, needs_chromium, until
from faultlib import SWEEP
from running_sweep import REASON, RunningSweep

from mtlray.analysis.sources import Source
from mtlray.analysis.watch import WatchServer
from mtlray.analysis.watch.follower import Follower

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def watch(browser, monkeypatch):
    """Serve a folder and open its page; at the end it must have logged nothing and asked for nothing of others."""
    monkeypatch.setattr(Follower, "_interval", lambda self, requests, took: 0.3)
    quiet, servers = Quiet(browser), []

    def watch(folder, **options):
        server = WatchServer(Source(folder), 0)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return quiet.open(server.url, **options)

    yield watch
    quiet.close(*(server.url for server in servers))
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def sweep(tmp_path):
    return RunningSweep(tmp_path / "results")


def says(text, where="state"):
    return f"document.getElementById('{where}').textContent.includes({text!r})"


def test_the_page_follows_a_sweep_to_its_end(watch, sweep):
    with sweep.at_work() as lock:
        page = watch(sweep.folder)
        until(page, says("Running: 3 of 8 trials are done, 1 diverged, 1 failed, 2 running, 1 waiting."))
        until(page, says("500 of 2,000", "running"))
        assert page.locator("#running tbody tr").count() == 2
        until(page, "document.querySelectorAll('#chart polyline').length === 5")
        assert page.locator("#chart polyline.now").count() == 1
        assert REASON in page.locator("#troubles td.wide").first.text_content()
        sweep.stands(5, 900)
        until(page, says("900 of 2,000", "running"))
        sweep.complete(sweep.trials[5])
        until(page, says("4 of 8 trials are done"))
        lock.note_running([])
    for i in (3, 6, 7):
        sweep.complete(sweep.trials[i])
    until(page, says("Complete: 7 of 8 trials are done, 1 diverged."))
    assert page.title() == "100 % lively"
    assert not page.locator("#running").is_visible()


def test_another_measure_is_drawn_and_stays(watch, sweep):
    page = watch(sweep.folder)
    until(page, "document.querySelectorAll('#chart polyline').length === 4")
    page.get_by_label("Measure").select_option("test/left/accuracy")
    until(page, "document.querySelector('#chart figcaption').textContent.startsWith('test/left/accuracy')")
    seen = int(page.evaluate("document.documentElement.dataset.refreshed"))
    until(page, f"Number(document.documentElement.dataset.refreshed) > {seen + 1}")
    assert page.get_by_label("Measure").input_value() == "test/left/accuracy"


def test_a_page_that_is_open_before_the_sweep_waits_for_it(watch, tmp_path):
    page = watch(str(tmp_path / "results" / "lively"))
    until(page, says("Found none", "trouble"))
    sweep = RunningSweep(tmp_path / "results")
    until(page, says("3 of 8 trials are done"))
    assert not page.locator("#trouble").is_visible()
    sweep.cut_short(sweep.trials[0])
    until(page, says(f"summary/{sweep.trials[0]['trial_id']}.parquet", "damaged"))
    assert page.locator("#damaged").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_scrolls_down_and_not_aside(watch, sweep, scheme):
    sweep.plan("a_strategy(with_a_name='that is longer than the screen is wide', and_more=True)", ["left"], seed=0)
    with sweep.at_work():
        page = watch(sweep.folder, viewport={"width": 420, "height": 740}, color_scheme=scheme)
        until(page, "document.querySelectorAll('#chart polyline').length === 5")
        assert page.evaluate("document.documentElement.scrollWidth") == 420
        heads = page.locator("#progress tbody th")
        assert max(heads.nth(i).bounding_box()["width"] for i in range(heads.count())) < 0.45 * 420
        page.locator("#running").hover()
        page.mouse.wheel(0, 300)
        until(page, "scrollY > 100")


def test_the_report_opens_from_the_page(watch, sweep):
    page = watch(sweep.folder)
    page.get_by_role("link", name="The report as it is now").click(timeout=120_000)
    assert page.locator("h1").text_content() == "lively"


@pytest.mark.slow
def test_beside_a_sweep_that_really_runs(watch, tmp_path):
    page = watch(str(tmp_path / "small"))
    until(page, says("Waiting for a sweep"))
    options = ["--in-process", "--yes", "--checkpoint-seconds", "0.2", "--seeds", "0:1", "--steps", "800"]
    places = ["--results", str(tmp_path), "--data", str(tmp_path / "data")]
    with subprocess.Popen([sys.executable, "-m", "mtlray", "run", str(SWEEP), *options, *places]) as running:
        until(page, "document.querySelectorAll('#chart polyline.now').length > 0")
        first = page.evaluate("Number(document.querySelector('#running progress').value)")
        assert first > 0
        until(page, f"![undefined, {first}].includes(document.querySelector('#running progress')?.value)")
        until(page, says(" of 4 trials are done, 1 running"))
        while running.poll() is None:
            page.wait_for_timeout(100)
    assert running.returncode == 0
    until(page, says("Complete: 4 of 4 trials are done."))
