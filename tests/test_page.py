"""The web page in a real browser, offline: it draws, sorts, tells the right figures, and runs nothing out of a log."""

import pytest
from chromium import in_browser, launched, opening
from logs_made import FLOOR, write_log, write_milestone, write_track
from speedrun.cli import run_verb

HOSTILE = '"><img src=x onerror="hacked=1"><script>hacked=1</script></script><b>bold</b> %{x} {{data}} <a href="//e">'

pytestmark = in_browser


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A page of two tracks: one ordinary, one whose names are attacks."""
    house = tmp_path_factory.mktemp("house")
    write_track(house, targets=[2.0, 1.9])
    write_track(house, "evil", title=HOSTILE, targets=[2.0], floor=None)
    write_milestone(house)
    write_milestone(house, "01_fast", "f")
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
    with opening(browser, site) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def page(browser, site):
    """One page for the tests that leave it as it was, for opening one takes longest."""
    with opening(browser, site) as open_page:
        yield open_page()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_and_nothing_sticks_out(opened, width, scheme):
    page = opened(width, scheme)
    charts = page.locator(".curves")
    assert charts.count() == 4
    for chart in charts.all():
        assert chart.locator(".scatterlayer .trace path.js-line").count() > 0
    assert page.locator(".ladder .barlayer .point").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [int(part) for part in paper.strip("rgb()").split(",")]
    assert all(c > 230 for c in channels) if scheme == "light" else all(c < 40 for c in channels)


def test_two_machines_fit_into_the_width_of_a_laptop(browser, tmp_path, monkeypatch):
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    write_track(tmp_path, targets=[2.0])
    write_milestone(tmp_path)
    for machine, cpu in enumerate(("AMD EPYC", "Intel(R) Xeon(R) Processor with a name @ 2.50GHz")):
        for seed in (1, 2, 3):
            own = {"host": {"cpu": cpu, "cores": 2}, "run_id": f"{machine}_{seed}"}
            write_log(tmp_path / f"runs/a{machine}", seed=seed, final=1.80 + 0.01 * seed, **own)
            flags = {"num_layers": 3, "model_dim": 96, "rotary_base": 1000.0, "compile": True}
            own["run_id"] += "with flags"
            write_log(tmp_path / f"runs/b{machine}", seed=seed, final=1.7, hyperparameters=flags, **own)
    assert run_verb("leaderboard", "leaderboard", ["--from", "runs"]) == 0
    with opening(browser, tmp_path / "site" / "leaderboard.html") as open_page:
        tables = open_page(1280).locator(".scroll")
        assert tables.count() == 3 and tables.last.locator("tbody tr").count() == 4
        assert tables.evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)") == [0, 0, 0]
        assert tables.last.get_by_text("the anchor").count() == 2


def test_the_charts_hold_the_points_of_the_logs(page):
    lines = page.evaluate(
        "document.querySelector('#track-toy .chart[data-axis=time]').data.map(t => [t.mode, t.x, t.y, t.text])"
    )
    solid = [line for line in lines if line[0] == "lines" and line[1] and line[3]]
    baseline = next(line for line in solid if "00_baseline" in line[3][0] and line[2].count(None) == 3)
    assert sum(y is not None for y in baseline[2]) == 3 * 11 and baseline[1][0] == 0
    assert baseline[2][10] == 1.81 and "seed 1<br>step 100 of 100<br>loss 1.8100" in baseline[3][10]
    assert any("cut off" in text for line in solid for text in line[3])
    marks = page.locator("#track-toy .chart[data-axis=time] .annotation-text").all_text_contents()
    assert "target 2.00" in marks and f"floor {FLOOR:.4f}" in marks


def test_hover_shows_the_run(page):
    chart = "document.querySelector('#track-toy .chart[data-axis=against]')"
    point = f"{chart}.data.findIndex(t => t.mode === 'lines' && t.x.length)"
    page.evaluate(f"Plotly.Fx.hover({chart}, [{{curveNumber: {point}, pointNumber: 8}}])")
    text = page.locator("#track-toy .chart[data-axis=against] .hoverlayer .hovertext").text_content()
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
    page.locator("#track-toy [data-sets=scale] button", has_text="log").click()
    assert page.evaluate("document.querySelector('#track-toy .chart').layout.yaxis.type") == "log"


def test_a_change_to_dark_redraws_the_charts(opened):
    page = opened()
    color = "document.querySelector('#track-toy .chart').layout.font.color"
    light = page.evaluate(color)
    page.emulate_media(color_scheme="dark")
    for _ in range(50):  # the event comes when the browser is ready for it
        if page.evaluate(color) != light:
            break
        page.wait_for_timeout(100)
    assert page.evaluate(color) != light


def test_hostile_names_are_shown_and_run_nothing(page):
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


def test_three_runs_have_a_band_of_noise_around_their_mean(page):
    data = page.evaluate("document.querySelector('#track-toy .chart[data-axis=time]').data")
    low, high, mean = next(data[i - 1 : i + 2] for i, t in enumerate(data) if t.get("fill") == "tonexty")
    at = mean["text"].index(next(text for text in mean["text"] if "step 100" in text))
    name = "01_fast" if "01_fast" in mean["text"][at] else "00_baseline"
    expected = (1.82, 0.01) if name == "00_baseline" else (1.75, 0.0)
    assert mean["y"][at] == pytest.approx(expected[0]) and f"{expected[0]:.4f} ± {expected[1]:.4f}" in mean["text"][at]
    assert high["y"][at] - low["y"][at] == pytest.approx(2 * expected[1])


def test_the_second_chart_is_against_tokens_or_steps(opened):
    page = opened()
    chart = "document.querySelector('#track-toy .chart[data-axis=against]')"
    assert page.evaluate(f"{chart}.layout.xaxis.title.text").startswith("tokens")
    page.locator("#track-toy [data-sets=against] button", has_text="steps").click()
    assert page.evaluate(f"{chart}.layout.xaxis.title.text") == "steps"
    assert max(x for x in page.evaluate(f"{chart}.data[0].x") if x is not None) == 100
    assert page.locator("#track-toy .against").inner_text() == "steps"


def test_the_ladder_shows_each_milestones_time_and_its_speedup(opened):
    page = opened()
    chart = "document.querySelector('#track-toy .ladder .chart')"
    assert page.evaluate(f"{chart}.data[0].text.map(t => t.split('<br>')[0])") == [
        "<b>00_baseline</b>",
        "<b>01_fast</b>",
    ]
    notes = page.evaluate(f"{chart}.layout.annotations.map(a => a.text)")
    table = page.locator("#track-toy table").first
    assert notes == ["anchor", table.locator("tbody tr").first.locator("td").nth(3).inner_text()]
    before = page.evaluate(f"{chart}.data[0].x[0]")
    page.locator("#track-toy .ladder .choice button").nth(1).click()
    assert page.evaluate(f"{chart}.data[0].x[0]") > before  # to 1.90 it takes longer than to 2.00


def test_the_toggle_changes_the_theme(opened):
    page = opened()
    page.locator(".theme").click()
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_times_over_the_anchors_stand_in_a_table_where_two_machines_ran(tmp_path, monkeypatch):
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    write_track(tmp_path, targets=[2.0])
    write_milestone(tmp_path)
    for cpu, ms in (("AMD EPYC", 100), (HOSTILE, 50)):
        for seed in (1, 2, 3):
            names = {"host": {"cpu": cpu}, "seed": seed, "run_id": f"{ms}_{seed}"}
            write_log(tmp_path / "runs" / f"a{ms}", ms_per_step=ms, **names)
            write_log(tmp_path / "runs" / f"b{ms}", ms_per_step=ms // 2, milestone="01_fast", program="f", **names)
    assert run_verb("leaderboard", "leaderboard", ["--from", "runs"]) == 0
    text = (tmp_path / "site" / "leaderboard.html").read_text(encoding="utf-8")
    section = text.partition('<article class="card across">')[2].partition("</article>")[0]
    assert section.count("<tr>") == 5 and "0.5" in section and "never compared" in section
    assert "<img" not in section
