"""The report in headless Chromium: sorting, the switch, downloads, the keyboard, themes; no error and no request."""

import csv
import json

import pytest
from browsing import Quiet, chromium, needs_chromium, until

from mtlray.analysis.report import render_report

pytestmark = needs_chromium

BOTH = ("left", "right")
STRATEGIES = {"stl:left": ("left",), "stl:right": ("right",), "equal": BOTH, "dwa": BOTH, "uncertainty": BOTH}
ROWS = ["single-task", "equal", "dwa", "uncertainty"]


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def path(tmp_path_factory, build_with_curves):
    """The report of a small sweep in which a trial diverged, and equal is better under the rule last."""
    folder = tmp_path_factory.mktemp("report")
    sweep = build_with_curves(folder, STRATEGIES, n_seeds=2)
    trials = {(t["strategy"], t["fraction"], t["seed"]): t for t in sweep.description["trials"]}
    sweep.finish(
        trials["uncertainty", 1.0, 1], {"left": None, "right": None}, state="diverged", error="non-finite loss"
    )
    for seed in range(2):
        sweep.finish(trials["equal", 1.0, seed], {"left": 92.0, "right": 92.0}, last=99.0 + seed)
    path = folder / "report.html"
    path.write_text(render_report(sweep.folder), encoding="utf-8")
    return path


@pytest.fixture
def open_page(browser, path):
    """Open that report; at the end it must have logged nothing and asked for nothing outside."""
    quiet = Quiet(browser)
    yield lambda **options: quiet.open(path.as_uri(), **options)
    quiet.close("file:")


def names(page):
    return page.locator("div[data-rule]:not([hidden]) table.cells tbody tr:not(.beside) th").all_text_contents()


def heads(page, name):
    return page.locator("div[data-rule]:not([hidden]) table.cells thead button", has_text=name)


def test_a_head_sorts_its_column_best_first_and_again_the_other_way(open_page):
    page = open_page()
    assert names(page) == ROWS
    button = heads(page, "100 %").first
    button.click()
    # On left: uncertainty 98 (seed 0 alone), dwa 97.5, single-task 94.5, equal 92.
    assert names(page) == ["uncertainty", "dwa", "single-task", "equal"]
    assert page.locator("th[aria-sort]").count() == 1
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    button.click()
    assert names(page) == ["equal", "single-task", "dwa", "uncertainty"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    heads(page, "strategy").click()
    assert names(page) == sorted(ROWS)


def test_cells_without_a_number_stay_last_in_both_orders(open_page):
    page = open_page()
    board = page.locator("div[data-rule='best_val'] table", has_text="mean rank").first
    button = board.locator("button", has_text="Δm")
    orders = []
    for _ in range(2):
        button.click()
        orders.append(board.locator("tbody th").all_text_contents())
    # Δm is over single-task, which has none, and uncertainty lost a seed; equal lost to single-task, and dwa won.
    assert orders == [["equal", "dwa", "uncertainty", "single-task"], ["dwa", "equal", "uncertainty", "single-task"]]


def test_published_rows_stay_below_their_strategy(open_page):
    page = open_page()
    heads(page, "100 %").first.click()
    rows = page.locator("div[data-rule]:not([hidden]) table.cells tbody tr th").all_text_contents()
    assert rows[rows.index("dwa") : rows.index("dwa") + 3] == ["dwa", "paper", "ours − paper"]


def test_the_switch_shows_another_rule_and_its_downloads(open_page):
    page = open_page()
    assert page.get_by_text("92.00").first.is_visible()
    page.get_by_label("last", exact=True).check()
    assert page.get_by_text("99.50 ± 0.71").first.is_visible()
    assert page.locator("div.saves[data-rule]:visible span").text_content() == "last:"
    with page.expect_download() as caught:
        page.locator("button[data-file='curves.last.csv']").click()
    rows = list(csv.DictReader(caught.value.path().read_text().splitlines()))
    (equal,) = [r for r in rows if (r["strategy"], r["task"], r["fraction"]) == ("equal", "left", "1.0")]
    assert float(equal["mean"]) == 99.5
    assert caught.value.suggested_filename == "curves.last.csv"
    with page.expect_download() as caught:
        page.locator("button[data-file='curves.last.tex']").click()
    assert caught.value.path().read_text().startswith("% needs \\usepackage{booktabs,longtable,siunitx}")


def test_a_figure_is_saved_as_a_file_that_stands_alone(open_page, browser, tmp_path):
    page = open_page()
    with page.expect_download() as caught:
        page.locator("button[data-svg$='learning.svg']").click()
    path = tmp_path / "figure.svg"
    caught.value.save_as(path)
    alone = browser.new_page()
    alone.goto(path.as_uri())
    assert alone.locator("text").count() > 10
    alone.close()


def test_all_can_be_done_with_the_keyboard(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_label("best_val", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.value") == "best_val_per_task"
    assert page.locator("p[data-rule]:visible").text_content().startswith("best_val_per_task")
    heads(page, "strategy").focus()
    page.keyboard.press("Enter")
    assert names(page) == sorted(ROWS)
    page.keyboard.press("Space")
    assert names(page) == sorted(ROWS, reverse=True)


def test_a_dark_theme_turns_paper_and_figures_dark(open_page):
    colors = {}
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        colors[scheme] = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('svg text')).fill]"
        )
    assert colors["light"] == ["rgb(255, 255, 255)", "rgb(31, 35, 40)"]
    assert colors["dark"] == ["rgb(15, 20, 25)", "rgb(230, 237, 243)"]


def test_every_table_can_be_saved_where_it_stands(open_page):
    """By a button before it, or before the first of a few that are one."""
    page = open_page()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    saved = set()
    for title in (
        "Leaderboard",
        "Comparison with single-task and equal",
        "Cost",
        "Price of selecting on the test split",
    ):
        part = page.locator("div:not([hidden])", has=page.locator("h3", has_text=title)).last
        with page.expect_download() as caught:
            part.locator("button[data-file]").first.click()
        saved.add(caught.value.suggested_filename.split(".")[-2])
    for section, name in (("completeness", "completeness"), ("failures", "failures")):
        with page.expect_download() as caught:
            page.locator(f"section[aria-labelledby={section}] button[data-from]").click()
        assert caught.value.suggested_filename == f"curves.{name}.csv"
        assert caught.value.path().read_text().startswith("dataset,strategy")
    assert saved == {"leaderboard", "compare", "cost", "selection"}


@pytest.fixture
def folded_page(browser, path, monkeypatch):
    """The same report as a large one is made."""
    monkeypatch.setattr("mtlray.analysis.report.page._FOLDED_FROM", 0)
    large = path.with_name("large.html")
    large.write_text(render_report(str(path.parent / "curves")), encoding="utf-8")
    quiet = Quiet(browser)
    yield quiet.open(large.as_uri())
    quiet.close("file:")


def test_a_large_page_draws_what_is_opened(folded_page):
    page = folded_page
    assert page.locator("figure svg").count() == 0
    page.locator("summary", has_text="Learning curves").first.click()
    page.locator("figure svg").wait_for()
    assert page.locator("figure svg").count() == 1
    with page.expect_download() as caught:
        page.locator("button[data-svg$='learning.svg']").click()
    assert "<svg" in caught.value.path().read_text()
    page.get_by_label("last", exact=True).check()
    page.get_by_text("99.50 ± 0.71").first.wait_for()
    heads(page, "100 %").first.click()
    assert page.locator("th[aria-sort]").count() == 1


@pytest.mark.parametrize("kind", ["small", "large"])
def test_paper_has_what_is_closed_on_the_screen(open_page, folded_page, kind):
    page = open_page() if kind == "small" else folded_page
    closed = page.locator("details:not([open])").count()
    assert closed > 2
    page.evaluate(
        """addEventListener("beforeprint", () => { document.documentElement.dataset.paper = JSON.stringify([
            document.querySelectorAll("details:not([open])").length, document.querySelectorAll("figure svg").length]); })"""
    )
    paper = page.pdf()
    still_closed, figures = json.loads(page.evaluate("document.documentElement.dataset.paper"))
    assert (still_closed, figures > 5) == (0, True)
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") + paper.count(b"/Type /Page/") > 4
    assert page.locator("details:not([open])").count() == closed


def test_on_a_narrow_screen_tables_scroll_and_the_page_does_not(open_page):
    page = open_page(viewport={"width": 420, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 420
    wide = page.locator("div[data-rule]:not([hidden]) .scroll").first
    assert wide.evaluate("e => e.scrollWidth > e.clientWidth")
    # The column that stays in sight leaves room for the others, and the wheel over a table moves the page.
    labels = wide.locator("tbody th")
    assert max(labels.nth(i).bounding_box()["width"] for i in range(labels.count())) < 0.45 * 420
    wide.scroll_into_view_if_needed()
    wide.hover()
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 200)
    until(page, f"scrollY > {before}")


def test_print_leaves_out_what_cannot_be_clicked_on_paper(open_page):
    page = open_page(color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("fieldset.switch").is_visible()
    assert not page.locator("nav").is_visible()
    assert page.locator("table.cells").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
