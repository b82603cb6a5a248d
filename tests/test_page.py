"""The web page in a real browser, offline: it draws, sorts, tells the right figures, and runs nothing out of a log."""

import os
from pathlib import Path

import pytest
from logs_made import FLOOR, write_log, write_milestone, write_track
from speedrun.cli import run_verb

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
HOSTILE = '"><img src=x onerror="hacked=1"><script>hacked=1</script></script><b>bold</b> %{x} {{data}} <a href="//e">'

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; CHROMIUM names one")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A page of two tracks: one ordinary, one whose names are attacks."""
    house = tmp_path_factory.mktemp("house")
    write_track(house, targets=[2.0, 1.9])
    write_track(house, "evil", title=HOSTILE, targets=[2.0], floor=None)
    write_milestone(house)
    runs = house / "runs"
    for seed in (1, 2, 3):
        write_log(runs / "a", seed=seed, final=1.80 + 0.01 * seed)
        write_log(runs / "b", seed=seed, milestone="01_fast", program="f", ms_per_step=60, final=1.75)
    write_log(runs / "c", seed=4, stop_at=55, finished=None)
    write_log(runs / "d", seed=5, milestone="99_peek", program="p", final=FLOOR - 0.1)
    write_log(runs / "e", seed=1, track="evil", milestone=HOSTILE, host={"cpu": HOSTILE}, run_id=HOSTILE)
    write_log(runs / "f", seed=1, track="evil", milestone=HOSTILE, host={"cpu": HOSTILE}, finished=None, run_id="<b>x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPEEDRUN_HOUSE", str(house))
        assert run_verb("leaderboard", "leaderboard", ["--from", "runs"]) == 0
    return house / "site" / "leaderboard.html"


@pytest.fixture
def opened(browser, site):
    """Opens the page at a width and colour scheme; fails the test on any error, console message or request."""
    contexts, faults = [], []

    def open_page(width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        page.on("request", lambda r: r.url == site.as_uri() or faults.append(f"request: {r.url}"))
        page.goto(site.as_uri())
        for chart in page.locator(".chart").all():
            chart.locator(".main-svg").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_and_nothing_sticks_out(opened, width, scheme):
    page = opened(width, scheme)
    charts = page.locator(".chart")
    assert charts.count() == 4
    for chart in charts.all():
        assert chart.locator(".scatterlayer .trace path.js-line").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [int(part) for part in paper.strip("rgb()").split(",")]
    assert all(c > 230 for c in channels) if scheme == "light" else all(c < 40 for c in channels)


def test_the_charts_hold_the_points_of_the_logs(opened):
    page = opened()
    lines = page.evaluate(
        "document.querySelector('#track-toy .chart[data-axis=time]').data.map(t => [t.mode, t.x, t.y, t.text])"
    )
    solid = [line for line in lines if line[0] == "lines" and line[1]]
    baseline = next(line for line in solid if "00_baseline" in line[3][0] and line[2].count(None) == 3)
    assert sum(y is not None for y in baseline[2]) == 3 * 11 and baseline[1][0] == 0
    assert baseline[2][10] == 1.81 and "seed 1<br>step 100 of 100<br>loss 1.8100" in baseline[3][10]
    assert any("cut off" in text for line in solid for text in line[3])
    marks = page.locator("#track-toy .chart[data-axis=time] .annotation-text").all_text_contents()
    assert "target 2.00" in marks and f"floor {FLOOR:.4f}" in marks


def test_hover_shows_the_run(opened):
    page = opened()
    chart = "document.querySelector('#track-toy .chart[data-axis=tokens]')"
    point = f"{chart}.data.findIndex(t => t.mode === 'lines' && t.x.length)"
    page.evaluate(f"Plotly.Fx.hover({chart}, [{{curveNumber: {point}, pointNumber: 8}}])")
    text = page.locator("#track-toy .chart[data-axis=tokens] .hoverlayer .hovertext").text_content()
    assert text and "seed 1" in text and "step 80 of 100" in text


def test_the_table_sorts_by_any_column_and_back(opened):
    page = opened()
    names = page.locator("#track-toy table").first.locator("tbody td.name span")
    head = page.locator("#track-toy table").first.locator("th button", has_text="val loss")
    ranked = names.all_text_contents()
    head.click()
    assert names.all_text_contents() == ["01_fast", "00_baseline"] == ranked
    head.click()
    assert names.all_text_contents() == ["00_baseline", "01_fast"]


def test_the_legend_hides_runs_and_the_loss_axis_may_be_logarithmic(opened):
    page = opened()
    traces = "document.querySelector('#track-toy .chart').data.length"
    before = page.evaluate(traces)
    page.locator("#track-toy .legend button").first.click()
    assert page.evaluate(traces) < before
    page.locator("#track-toy .scale button", has_text="log").click()
    assert page.evaluate("document.querySelector('#track-toy .chart').layout.yaxis.type") == "log"


def test_a_change_to_dark_redraws_the_charts(opened):
    page = opened()
    color = "document.querySelector('#track-toy .chart').layout.font.color"
    light = page.evaluate(color)
    page.emulate_media(color_scheme="dark")
    for _ in range(50):  # the event comes when the browser is ready for it
        if page.evaluate(color) != light:
            return
        page.wait_for_timeout(100)
    pytest.fail("the charts kept their light colours")


def test_hostile_names_are_shown_and_run_nothing(opened):
    page = opened()
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("img, a[href^='//']").count() == 0
    assert page.locator("#track-evil h2").text_content().startswith(HOSTILE)
    assert page.locator("#track-evil tbody td.name span").first.text_content() == HOSTILE
    assert page.locator("#track-evil .legend button").first.text_content().startswith(HOSTILE)
    chart = "document.querySelector('#track-evil .chart')"
    page.evaluate(f"Plotly.Fx.hover({chart}, [{{curveNumber: 0, pointNumber: 3}}])")
    hover = page.locator("#track-evil .chart .hovertext").first
    assert "<b>bold</b>" in hover.text_content() and hover.locator("a").count() == 0
    assert page.locator("script").count() == 3


def test_the_policy_admits_no_script_but_the_pages_own(opened, browser, site, tmp_path):
    """Even if an escape were forgotten somewhere, the browser itself would refuse the script."""
    pierced = tmp_path / "pierced.html"
    attack = "<main><script>hacked=1</script><img src=x onerror='hacked=1'>"
    pierced.write_text(site.read_text().replace("<main>", attack))
    page = browser.new_page()
    page.goto(pierced.as_uri())
    page.locator(".chart .main-svg").first.wait_for()
    assert page.evaluate("typeof hacked") == "undefined"
    page.close()
