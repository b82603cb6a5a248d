"""The archive's page in a real browser, offline: right figures, every chart, a table that sorts, filters and opens."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from chromium import in_browser, launched, opening
from rows_made import made_evidence, made_row, made_run
from speedrun.audits import archive_data, archive_standing
from speedrun.audits.archive_page import render
from speedrun.audits.claims import Link, LinkState, Verdict
from speedrun.cli import run_verb
from speedrun.page_shell import embedded

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "archive_sample"
HOSTILE = (
    '"><img src=x onerror="hacked=1"><script>hacked=1</script></script>'
    '<b>bold</b> %{x} {{data}} <a href="//e">\u2028&lt;'
)


def rows():
    """Track 1 falls from 40 minutes to 2, track 3 claims steps; every verdict, a row without a date, one of attacks."""
    verdicts = list(Verdict)
    short = [
        made_row(
            n,
            minutes=round(40 * 0.72**n, 3),
            date=f"2025-{n + 1:02}-15",
            verdict=verdicts[n % 4],
            runs=0 if verdicts[n % 4] is Verdict.NO_EVIDENCE else 3,
            planned=2000 - 100 * n,
        )
        for n in range(1, 9)
    ]
    undated = made_row(9, minutes=2.6, date=None, runs=1, verdict=Verdict.UNSUPPORTED)
    evil = made_row(
        40,
        minutes=2.0,
        date="2025-12-01",
        description=HOSTILE,
        contributors=HOSTILE,
        folder=HOSTILE,
        reasons=(HOSTILE,),
        verdict=Verdict.CONTRADICTED,
    )
    steps = [
        made_row(n, track=3, minutes=None, steps=3600 - 100 * n, clock=False, folder="records/steps") for n in (1, 2, 3)
    ]
    return [*short, undated, evil, *steps]


# What is computed


def test_the_record_then_and_now_is_computed_from_the_rows():
    short, optimization = archive_standing.standings(rows())
    assert archive_standing.sentence(short) == (
        "Track 1 (short): from 28.8 minutes on 15 February 2025 to 2 minutes on 1 December 2025, 14.4 times faster."
    )
    assert archive_standing.sentence(optimization).startswith(
        "Track 3 (optimization): from 3,500 steps on 1 January 2025"
    )
    assert archive_standing.verdict_line(short.verdicts) == (
        "2 supported, 3 unsupported, 3 contradicted, 2 without evidence"
    )
    assert archive_standing.document(short)["best"]["record"] == 40


def test_a_track_without_figures_or_with_one_row_is_said_plainly():
    (none,) = archive_standing.standings([made_row(1, minutes=None, date=None)])
    assert archive_standing.sentence(none) == "Track 1 (short): no row states steps."
    (one,) = archive_standing.standings([made_row(1, date=None)])
    assert archive_standing.sentence(one) == "Track 1 (short): 10 minutes, still its first record."
    assert archive_standing.standings([]) == ()


def test_data_is_columnar_and_a_run_of_several_rows_is_there_once():
    first = made_row(1)
    again = made_row(1)
    data = archive_data.page([first, again])
    assert len(data["runs"]) == 3 and len(data["grids"]) == 1
    assert data["rows"][1]["runs"]["run"] == [0, 1, 2]
    run = data["runs"][0]
    assert len(data["grids"][run["grid"]]) == len(run["loss"]) == len(run["seconds"]) == 9
    assert run["loss"][-1] == first.evidence.runs[0].loss and run["seconds"][-1] == 100.0


def test_what_is_not_known_or_not_finite_is_null():
    row = made_row(1, clock=False)
    evidence = made_evidence((made_run("a.txt"),), mean=float("nan"), p=float("inf"))
    facts = archive_data.row_facts(replace(row, evidence=evidence))
    assert facts["evidence"]["mean"] is None and facts["evidence"]["p"] is None
    assert archive_data.page([row])["runs"][0]["seconds"] is None


def test_only_late_records_of_track_1_have_another_last_evaluation():
    found = {(row["track"], row["record"]): row["final_differs"] for row in archive_data.page(rows())["rows"]}
    assert found[1, 40] and not found[1, 8] and not found[3, 3]


def test_embedded_json_can_end_no_script_line_or_entity():
    text = embedded({"name": HOSTILE + "\u2029"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text)["name"] == HOSTILE + "\u2029"


# The verb


def test_the_verb_on_the_sample_prints_a_summary_and_the_page_and_leaves_the_documents_alone(
    tmp_path, monkeypatch, capsys
):
    if not SAMPLE.is_dir():
        pytest.skip(f"no archive at {SAMPLE}")
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    assert run_verb("leaderboard", "leaderboard", ["--archive", str(SAMPLE)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Track 1 (short): from 45 minutes on 28 May 2024 to 1.23 minutes on 17 July 2026")
    assert " 91 rows: " in lines[1] or " rows: " in lines[1]
    assert lines[-1] == str(tmp_path / "site" / "archive.html") and (tmp_path / "site" / "archive.html").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_json_is_one_document_and_writes_no_page(tmp_path, monkeypatch, capsys):
    if not SAMPLE.is_dir():
        pytest.skip(f"no archive at {SAMPLE}")
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    assert run_verb("leaderboard", "leaderboard", ["--archive", str(SAMPLE), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [track["track"] for track in found["tracks"]] == [1, 2, 3]
    assert sum(found["tracks"][0]["verdicts"].values()) == found["tracks"][0]["rows"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [["--from", "runs"], ["--track", "toy-cpu"], ["--check"]])
def test_an_archive_goes_with_no_other_source(tmp_path, capsys, more):
    assert run_verb("leaderboard", "leaderboard", ["--archive", str(tmp_path), *more]) == 2
    assert "--archive" in capsys.readouterr().err


@pytest.mark.parametrize(("folder", "words"), [("absent", "no such folder"), ("", "no record table")])
def test_no_archive_is_one_line(tmp_path, capsys, folder, words):
    assert run_verb("leaderboard", "leaderboard", ["--archive", str(tmp_path / folder)]) == 2
    assert words in capsys.readouterr().err


# The page


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("site") / "archive.html"
    made = rows()
    made[0] = replace(made[0], link=Link(LinkState.DEAD, None))
    place.write_text(render(made, [HOSTILE], runs_read=99), encoding="utf-8")
    return place


@pytest.fixture
def opened(browser, site):
    with opening(browser, site) as open_page:
        yield open_page


RESET = """() => {
  delete root.dataset.theme;
  for (const id of ["text", "verdict"]) document.getElementById(id).value = "";
  for (const [name, value] of [["view", "course"], ["against", "steps"], ["track", "1"]]) {
    document.querySelector(`#${name} [data-value="${value}"]`).click();
  }
}"""


@pytest.fixture(scope="module")
def shared(browser, site):
    """One page for many tests, for opening one takes longest."""
    with opening(browser, site) as open_page:
        yield open_page()


@pytest.fixture
def page(shared):
    shared.set_viewport_size({"width": 1280, "height": 900})
    shared.evaluate(RESET)
    return shared


@in_browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_in_its_colours_and_nothing_sticks_out(opened, width, scheme):
    page = opened(width, scheme)
    assert page.locator("#progress .scatterlayer .trace path.js-line").count() == 1
    assert page.locator("#progress .scatterlayer .trace path.point").count() == 9  # of ten rows one has no date
    assert page.locator("#curves .scatterlayer .trace path.js-line").count() > 6
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [int(part) for part in paper.strip("rgb()").split(",")]
    assert all(c > 230 for c in channels) if scheme == "light" else all(c < 40 for c in channels)


@in_browser
def test_shape_and_colour_of_a_point_are_its_evidence(page):
    looks = page.evaluate(
        "document.querySelector('#progress').data.slice(1)"
        ".map(t => [t.name, t.marker.symbol, t.marker.color, t.x.length])"
    )
    assert [(name, count) for name, _, _, count in looks] == list(
        zip(["supported", "unsupported", "contradicted", "no evidence"], [2, 2, 3, 2], strict=True)
    )
    assert len({symbol for _, symbol, _, _ in looks}) == len({color for _, _, color, _ in looks}) == 4
    legend = page.locator("#progress-legend").inner_text()
    assert "supported (2)" in legend and "no evidence (2)" in legend


@in_browser
def test_hover_tells_the_record_and_its_evidence(page):
    number = page.evaluate("document.querySelector('#progress').data.findIndex(t => t.name === 'supported')")
    page.evaluate(f"Plotly.Fx.hover(document.querySelector('#progress'), [{{curveNumber: {number}, pointNumber: 0}}])")
    text = page.locator("#progress .hoverlayer .hovertext").text_content()
    row = rows()[3]
    assert "Record 4" in text and "15 May 2025" in text and "Technique number 4" in text and "@someone" in text
    assert f"claim: {row.claim.minutes:g} minutes" in text and "n = 3" in text and "p = 0.0031" in text
    assert f"mean loss {row.evidence.mean:.4f} ± {row.evidence.std:.4f}" in text
    assert "mean of logs’ time: 2.667 ± 0.000 minutes" in text and text.endswith("supported")


@in_browser
def test_labels_of_leaps_cover_neither_points_nor_each_other(page):
    boxes = page.evaluate(
        "[...document.querySelectorAll('#progress .annotation .bg')].map(e => e.getBoundingClientRect().toJSON())"
    )
    points = page.evaluate(
        "[...document.querySelectorAll('#progress path.point')].map(e => e.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) >= 4

    def apart(a, b):
        return a["right"] <= b["left"] or b["right"] <= a["left"] or a["bottom"] <= b["top"] or b["bottom"] <= a["top"]

    assert all(apart(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert all(apart(box, point) for box in boxes for point in points)


@in_browser
def test_the_measure_and_the_track_may_be_changed(page):
    assert page.locator("#measure button", has_text="tokens").count() == 0  # known of no made row
    page.locator("#measure button", has_text="steps").click()
    assert page.evaluate("document.querySelector('#progress').layout.yaxis.title.text") == "steps"
    page.locator("#track button", has_text="Track 3").click()
    assert page.locator("#measure").is_hidden()
    assert page.evaluate("document.querySelector('#progress').data[0].y") == [3500, 3400, 3300]
    assert page.locator("#count").inner_text() == "3 rows"
    page.locator("#against button", has_text="time").click()
    assert "without a clock" in page.locator("#curves-note").inner_text()


@in_browser
def test_no_line_leads_to_a_validation_of_another_evaluation(page):
    ends = page.evaluate(
        "document.querySelector('#curves').data.filter(t => t.mode === 'lines+markers')"
        ".map(t => [t.text[0], t.x.at(-1)])"
    )
    by_record = {text.split("</b>")[0].split()[-1]: end for text, end in ends}
    assert by_record["40"] == 875 and by_record["1"] == 1900  # of 1,000 and of 1,900 steps
    assert "longer attention windows" in page.locator("#curves-note").inner_text()


@in_browser
def test_curves_have_a_band_of_noise_and_a_mark_where_they_are_judged(page):
    data = page.evaluate("document.querySelector('#curves').data.map(t => [t.fill || '', t.mode, t.y, t.text])")
    assert sum(fill == "tonexty" for fill, *_ in data) == page.locator("#chips button").count() == 3
    judged = [(y, text) for _, mode, y, text in data if mode == "markers"]
    assert len(judged) == 3 and all("as it is judged" in text[0] for _, text in judged)
    page.locator("#chips button").first.click()
    assert page.locator("#chips button").count() == 2


@in_browser
def test_the_table_sorts_by_the_keyboard_and_back(page):
    head = page.locator("#rows th button", has_text="claim")
    head.focus()
    page.keyboard.press("Enter")
    first = page.locator("#rows > tbody").first
    assert first.locator(".open").inner_text() == "40"
    assert page.locator("#rows th").nth(1).get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert first.locator(".open").inner_text() == "1"
    page.locator("#rows th button", has_text="date").click()
    assert page.locator("#rows > tbody").last.locator(".open").inner_text() == "9"  # no date is last, either way


@in_browser
def test_the_table_filters_by_text_and_evidence(page):
    page.fill("#text", "15 may")
    assert page.locator("#rows > tbody:visible").count() == 1
    assert page.locator("#count").inner_text() == "1 of 10 rows"
    page.fill("#text", "")
    page.select_option("#verdict", "contradicted")
    assert page.locator("#rows > tbody:visible").count() == 3


@in_browser
def test_a_row_opens_to_its_reasons_its_link_and_its_runs(page):
    button = page.locator("#rows > tbody").first.locator(".open")
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    text = page.locator("#rows > tbody").first.locator(".more").inner_text()
    assert "a reason" in text and "dead: records/made/001_0.txt" in text and "records/made/001_2.txt" in text
    page.locator("#rows > tbody").first.locator(".show").click()
    assert any("1:" in text for text in page.locator("#chips button").all_inner_texts())


@in_browser
def test_the_toggle_changes_the_theme_of_page_and_charts(page):
    color = "document.querySelector('#progress').layout.font.color"
    light = page.evaluate(color)
    page.locator(".theme").click()
    assert page.evaluate(color) != light
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    assert page.locator(".theme").inner_text() == "Light theme"


@in_browser
def test_hostile_text_is_shown_and_runs_nothing(page):
    page.locator("#rows > tbody").last.locator(".open").click()
    shown = page.locator("#rows > tbody").last.text_content()
    assert shown.count('<script>hacked=1</script></script><b>bold</b> %{x} {{data}} <a href="//e">') >= 4
    number = page.evaluate("document.querySelector('#progress').data.findIndex(t => t.name === 'contradicted')")
    page.evaluate(f"Plotly.Fx.hover(document.querySelector('#progress'), [{{curveNumber: {number}, pointNumber: 2}}])")
    hover = page.locator("#progress .hovertext").first
    assert "<b>bold</b>" in hover.text_content() and hover.locator("a").count() == 0
    page.locator("#rows > tbody").last.locator(".show").click()
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("img, a[href]").count() == 0 and page.locator("script").count() == 3


@in_browser
def test_contrast_of_text_is_sufficient_in_both_themes(page):
    """WCAG AA: 4.5:1 for text on its background."""
    ratio = """([front, back]) => {
      const light = (name) => {
        const shares = color(name).match(/[0-9]+/g).map((c) => c / 255);
        const [r, g, b] = shares.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    }"""
    for _ in range(2):
        for front in ("ink", "soft", "accent"):
            assert all(page.evaluate(ratio, [front, back]) >= 4.5 for back in ("paper", "card")), front
        for mark in ("supported", "unsupported", "contradicted", "no-evidence"):
            assert page.evaluate(ratio, [mark, "card"]) >= 3, mark
        page.locator(".theme").click()


@in_browser
def test_charts_follow_the_width_of_the_window(page):
    wide = page.locator("#progress .main-svg").first.bounding_box()["width"]
    page.set_viewport_size({"width": 700, "height": 900})
    for _ in range(50):  # it waits until the width has come to rest
        if page.locator("#progress .main-svg").first.bounding_box()["width"] < wide:
            break
        page.wait_for_timeout(50)
    else:
        pytest.fail("the chart kept its width")
    assert page.evaluate("document.documentElement.scrollWidth") == 700


@in_browser
def test_a_click_on_a_point_opens_its_row(page):
    page.evaluate("document.querySelector('#progress').emit('plotly_click', {points: [{customdata: 3}]})")
    assert page.locator("#row-3 .more").is_visible()
    assert page.evaluate("document.activeElement.textContent") == "4"


def test_tokens_are_known_by_number_and_words():
    row = made_row(12, description="1024-ctx dense causal attention → 64K-ctx FlexAttention")
    assert archive_data.row_facts(row)["tokens"] == 980
    assert archive_data.row_facts(made_row(12, description="Another archive's twelfth"))["tokens"] is None
    assert archive_data.row_facts(made_row(12, track=2, description="FlexAttention"))["tokens"] is None
