"""The verb diff_milestones: terminal, JSON, page, the whole history, and what it says of gains measured in records/."""

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from logs_made import write_log, write_milestone, write_track
from programs_made import HOSTILE, PROGRAM, RIGHT_TO_LEFT, UNKNOWN
from speedrun import cli
from speedrun.cli import run_verb

FASTER = PROGRAM.replace("num_iterations: int = 100", "num_iterations: int = 60").replace("value * factor", "factor")
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def house(tmp_path, monkeypatch, cache):
    """Two milestones with runs of both in records/, and the live script, which is the second."""
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("COLUMNS", "100")
    write_track(tmp_path, targets=[2.0])
    write_milestone(tmp_path, "00_baseline", PROGRAM)
    write_milestone(tmp_path, "01_fast", FASTER, idea="Fewer steps.")
    for seed in (1, 2, 3):
        records = tmp_path / "records/toy"
        write_log(records / "a", seed=seed, program=PROGRAM, final=1.80 + 0.01 * seed)
        write_log(
            records / "b", seed=seed, milestone="01_fast", program=FASTER, ms_per_step=50, final=1.7 + 0.01 * seed
        )
    live = tmp_path / "train"
    live.mkdir()
    live.joinpath("train_gpt2.py").write_text(FASTER)
    live.joinpath("milestone.toml").write_text('name = "train"\ntitle = "Live"\nidea = "The next one."\n')
    return tmp_path


def diff(*arguments: str | Path) -> int:
    return run_verb("diff_milestones", "diff_milestones", [str(argument) for argument in arguments])


# JSON


def test_json_says_all_four_parts(house, capsys):
    assert diff("00", "01", "--json") == 0
    out = json.loads(capsys.readouterr().out)
    assert list(out) == ["before", "after", "identical", "unknown_syntax", "words", "structure", "lines", "worth"]
    assert out["before"]["milestone"] == "00_baseline" and out["identical"] is False
    (steps,) = out["words"]["hyperparameters"]
    assert (steps["name"], steps["before"]["value"], steps["after"]["value"]) == ("num_iterations", 100, 60)
    assert steps["after"]["unit"] == "steps" and steps["change"] == "changed"
    assert out["words"]["before"]["parameters"] == 32 * 16 + 2 * 16 * 16
    assert out["words"]["after"]["tokens"] == 60 * 4 * 8
    assert {(unit["change"], unit["after"]) for unit in out["structure"]} == {
        ("changed", "Hyperparameters"), ("changed", "scaled"),
    }  # fmt: skip
    rows = [row for fold in out["lines"] for hunk in fold["hunks"] for row in hunk["rows"] if row["kind"] != " "]
    assert {row["after"][1].strip() for row in rows} == {"num_iterations: int = 60  # steps", "total.append(factor)"}


def test_json_says_what_it_was_worth_with_n_and_p(house, capsys):
    diff("00", "01", "--part", "worth", "--json")
    out = json.loads(capsys.readouterr().out)
    assert "words" not in out
    (measured,) = out["worth"]["measured"]
    assert (measured["track"], measured["before"]["n"], measured["after"]["n"]) == ("toy", 3, 3)
    (target,) = measured["targets"]
    assert target["less_time"]["standing"] == "gain" and target["less_time"]["p"] < 0.01
    assert target["less_time"]["ratio"]["value"] == pytest.approx(2, rel=0.3)
    assert out["worth"]["published"]["after"]["minutes"] == 45.0


def test_the_other_way_round_it_is_slower(house, capsys):
    diff("01", "00", "--part", "worth", "--json")
    (target,) = json.loads(capsys.readouterr().out)["worth"]["measured"][0]["targets"]
    assert target["less_time"]["standing"] == "loss" and target["less_time"]["p"] > 0.99


def test_a_strangers_program_has_no_count_of_parameters(house, tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(PROGRAM + "\nx = 1\n")
    diff("00", path, "--json")
    out = json.loads(capsys.readouterr().out)
    assert out["words"]["after"]["parameters"] is None and "--run" in out["words"]["after"]["why_unknown"]
    assert out["words"]["before"]["parameters"] is not None and out["words"]["techniques"] is None
    diff("00", path, "--json", "--run", "--part", "words")
    assert json.loads(capsys.readouterr().out)["words"]["after"]["parameters"] is not None


def test_a_hyperparameter_beyond_all_size_is_shown_as_it_is_written(house, tmp_path, capsys):
    path = tmp_path / "mine.py"
    long = f"{'9' * 4_000} * {'9' * 4_000}"
    path.write_text(PROGRAM.replace("num_iterations: int = 100", f"num_iterations: int = {long}"))
    assert diff("00", path, "--json", "--part", "words") == 0
    (steps,) = json.loads(capsys.readouterr().out)["words"]["hyperparameters"]
    assert (steps["after"]["value"], steps["after"]["text"]) == (None, long)
    assert diff("00", path) == 0 and "9" * 20 in capsys.readouterr().out


def test_an_older_revision_was_not_published_as_a_gain(house, tmp_path, capsys):
    diff("00", "00", "--part", "worth")
    out = capsys.readouterr().out
    assert "Published" not in out and "nothing to gain" in out


# Terminal


def test_the_short_name_is_the_same_verb(house, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["speedrun", "diff", "0", "1", "--part", "structure"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0 and "function scaled" in capsys.readouterr().out


def test_the_terminal_shows_four_parts_in_order(house, capsys):
    assert diff("0", "1") == 0
    out = capsys.readouterr().out
    places = [out.index(title) for title in ("1  In words", "2  By structure", "3  By line", "4  What it was worth")]
    assert places == sorted(places)
    assert "100 → 60 steps" in out and "total.append(factor)" in out and "n = 3 and 3 seeds" in out
    assert max(map(len, out.split("\n"))) <= 100


@pytest.mark.parametrize("part", ["words", "structure", "lines", "worth"])
def test_one_part_alone(house, capsys, part):
    assert diff("0", "1", "--part", part) == 0
    titles = re.findall(r"\d  (In words|By structure|By line|What it was worth)", capsys.readouterr().out)
    assert len(titles) == 1


def test_side_by_side_has_both_versions_on_one_line(house, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    diff("0", "1", "--part", "lines")
    out = capsys.readouterr().out
    assert any("total.append(value * factor)" in line and "total.append(factor)" in line for line in out.split("\n"))
    diff("0", "1", "--part", "lines", "--unified")
    out = capsys.readouterr().out
    assert not any("append(value * factor)" in line and "append(factor)" in line for line in out.split("\n"))


def test_changes_of_comments_are_folded_and_can_be_unfolded(house, tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(PROGRAM.replace("# look up", "# a table"))
    diff("0", path, "--part", "lines")
    folded = capsys.readouterr().out
    assert "comments or docstrings only" in folded and "# a table" not in folded
    diff("0", path, "--part", "lines", "--comments")
    assert "# a table" in capsys.readouterr().out


def test_unknown_syntax_is_said_in_one_line(house, tmp_path, capsys):
    path = tmp_path / "next.py"
    path.write_text(UNKNOWN)
    assert diff("0", path) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "its syntax is not known to this Python" in out and "match! x with" in out


def test_equal_programs_are_said_to_be_the_same(house, capsys):
    assert diff("01", "live") == 0
    assert "The two programs are the same." in capsys.readouterr().out


def test_hostile_text_reaches_no_terminal(house, tmp_path, capsys):
    path = tmp_path / "evil [bold]x.py"
    path.write_text(HOSTILE)
    assert diff("0", path, "--comments") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and RIGHT_TO_LEFT not in out
    assert "⟨U+202E⟩" in out and "⟨U+001B⟩" in out and "[red]markup[/red]" in out and "[bold]x" in out


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["0"], "name two programs"),
        (["0", "7"], "no milestone '7'"),
        (["0", "01_fsat"], "did you mean 01_fast?"),
        (["0", "1", "--part", "line"], "did you mean lines?"),
        (["0", "1", "--all", "x"], "--all"),
        (["0", "1", "--unified", "--side-by-side"], "not both"),
        (["-x:0", "1"], "-x"),
    ],
)
def test_a_wrong_call_ends_in_one_line(house, capsys, arguments, said):
    assert diff(*arguments) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


# Pages


class Page(HTMLParser):
    """What a page links, names and runs."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.scripts = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        table = dict(attrs)
        self.links += [table["href"]] if "href" in table else []
        self.ids |= {table["id"]} if "id" in table else set()
        self.scripts += tag == "script"


def test_the_page_is_one_file_with_charts_and_no_request(house, capsys):
    assert diff("0", "1", "--html", house / "site/diff.html") == 0
    assert capsys.readouterr().out.endswith("site/diff.html\n")
    text = (house / "site/diff.html").read_text()
    assert text.count("<figure>") == 2 and "00_baseline, n = 3" in text and "target 2" in text
    assert not re.findall(r'(?:src|href)="(?!#)', text)
    page = Page(house / "site/diff.html")
    assert page.scripts == 1 and {link[1:] for link in page.links} <= page.ids


def test_hostile_text_is_escaped_on_the_page(house, tmp_path):
    path = tmp_path / "<script>hacked=1<!-- .py"
    path.write_text(HOSTILE)
    assert diff("0", path, "--html", house / "evil.html") == 0
    text = (house / "evil.html").read_text()
    assert text.count("<script") == 1 and "<img" not in text and RIGHT_TO_LEFT not in text and "⟨U+202E⟩" in text
    assert Page(house / "evil.html").scripts == 1


def test_the_whole_history_as_linked_pages(house, capsys):
    write_milestone(house, "02_more", FASTER + "\nMORE = 1\n")
    assert diff("--all", house / "site") == 0
    assert capsys.readouterr().out.endswith("index.html\n")
    pages = {path.name: Page(path) for path in (house / "site").iterdir()}
    assert set(pages) == {"index.html", "01_fast.html", "02_more.html", "live.html"}
    for name, page in pages.items():
        for link in page.links:
            file, _, place = link.partition("#")
            target = pages[file or name]
            assert not place or place in target.ids
    assert pages["02_more.html"].links[:3] == ["01_fast.html", "index.html", "live.html"]
    reached = {link for link in pages["index.html"].links}
    assert reached == {"01_fast.html", "02_more.html", "live.html"}


def test_a_live_script_that_is_the_last_milestone_gets_no_page(house):
    assert diff("--all", house / "site") == 0
    assert {path.name for path in (house / "site").iterdir()} == {"index.html", "01_fast.html"}


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}; CHROMIUM names one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_the_page_in_a_browser(house, browser, tmp_path, width, scheme):
    path = tmp_path / "evil.py"
    path.write_text(FASTER + HOSTILE)
    diff("0", path, "--html", house / "evil.html")
    diff("0", "1", "--html", house / "diff.html")
    faults = []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    page.on("request", lambda request: request.url.startswith("file:") or faults.append(request.url))
    for name in ("diff.html", "evil.html"):
        page.goto((house / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("typeof hacked") == "undefined"
        columns = "getComputedStyle(document.querySelector('.row.mod')).gridTemplateColumns.split(' ').length"
        assert page.evaluate(columns) == (2 if width > 820 else 1)
        if width > 820:
            page.click("#layout")
            assert page.evaluate(columns) == 1
        page.click("#folds")
    context.close()
    assert not faults
