"""history/README.md, published.toml and docs/ladder.svg: links, published figures, the generated table and picture."""

import re
import tomllib
import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path

import pytest
from logs_made import PROGRAM, write_log, write_milestone, write_track
from markdown_it import MarkdownIt
from speedrun.board.history_table import NO_SCRIPT, changed_lines, ranges, read_history, read_published, table
from speedrun.board.ladder_picture import WIDTH, draw
from speedrun.cli import run_verb
from speedrun.errors import UserError
from speedrun.milestones import LIVE, all_milestones
from speedrun.verbs.leaderboard import judge

HOUSE = Path(__file__).resolve().parents[1]
SAMPLE = HOUSE.parent / "shared" / "archive_sample"
README = HOUSE / "history/README.md"
PUBLISHED = HOUSE / "history/published.toml"
DOCUMENTS = [
    *(HOUSE / name for name in ("README.md", "history/README.md", "data/README.md")),
    *sorted(HOUSE.glob("history/*/NOTES.md")),
    *sorted(HOUSE.glob("docs/*.md")),
]
WITHOUT_MILESTONE = {7, 25, *range(17, 22)}  # as history/README.md says
SVG = "{http://www.w3.org/2000/svg}"

needs_sample = pytest.mark.skipif(not SAMPLE.exists(), reason="the sample of the public archive is not here")


# Links


def links(document: Path) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(document.read_text(encoding="utf-8"))
    inline = [child for token in tokens for child in token.children or []]
    return [str(t.attrs.get("href") or t.attrs.get("src")) for t in inline if t.type in ("link_open", "image")]


def anchors(document: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in links(document):
        if re.match(r"[a-z]+:", link):
            assert re.fullmatch(r"https://[\w.-]+\.[a-z]+(/\S*)?", link), link
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_story_embeds_the_picture_and_names_files_that_exist() -> None:
    assert "../docs/ladder.svg" in links(README)
    for name in re.findall(r"\b(?:history|train|data|tools)/[\w./]+\.\w+", README.read_text(encoding="utf-8")):
        assert (HOUSE / name).exists(), name


# published.toml


def entries() -> dict[str, dict]:
    return tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))


def test_the_path_is_complete_and_in_order() -> None:
    names = list(entries())
    assert [int(name.partition("_")[0]) for name in names] == list(range(17))
    assert {one.name for one in all_milestones() if one.name != LIVE} <= set(names)
    steps = read_history(all_milestones(), []).steps
    assert [step.name for step in steps] == names
    for step in steps:
        official = step.official
        assert official and official.minutes and official.date and official.val_loss, step.name
        assert step.idea.endswith(".") and official.val_loss <= 3.28, step.name
        entry = step.published
        assert entry and (entry.val_loss_of is None or entry.val_loss_of in entry.other_records), step.name


def test_no_figure_stands_in_published_toml_and_in_a_milestone_toml() -> None:
    for milestone in all_milestones():
        if milestone.name != LIVE and milestone.official:
            assert set(entries()[milestone.name]) == {"paper", "url", "other_records"}, milestone.name


def test_every_record_is_in_one_milestone_at_most() -> None:
    of = [record for step in read_history(all_milestones(), []).steps for record in step.records]
    counted = [step.official.record for step in read_history(all_milestones(), []).steps if step.official]
    others = [record for entry in entries().values() for record in entry["other_records"]]
    assert len(of) == len(set(of)) == len(counted) + len(others)
    assert set(of) == set(range(1, 90)) - WITHOUT_MILESTONE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[00_a]\npaper = 'p'\n", "url is missing"),
        ("[00_a]\npaper = 'p'\nurl = 'javascript:x'\n", "must begin with https://"),
        ("[00_a]\npaper = 'p'\nurl = 'https://a.b/)x'\n", "no space or bracket"),
        ("[00_a]\npaper = 'p'\nurl = 'https://a.b'\nrecord = 'x'\n", "must be a whole number"),
        ("00_a = 3\n", "must be a table"),
        ("[00_a\n", "not readable as TOML"),
    ],
)
def test_an_entry_that_makes_no_sense_ends_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "published.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        read_published(path)
    assert "published.toml" in str(caught.value) and "\n" not in str(caught.value)


# Published figures against the public table


def public_table() -> dict[int, tuple[str, str, str]]:
    """Record: minutes, date, the row. Of a record that was timed again the first row."""
    text = (SAMPLE / "README.md").read_text(encoding="utf-8").partition("## Speedrun track 2")[0]
    found: dict[int, tuple[str, str, str]] = {}
    for row in re.findall(r"^\d+ \| .*$", text, re.MULTILINE):
        number, minutes, date = re.match(r"(\d+) \| ([\d.]+) minutes? \|.*\| (\d\d/\d\d/\d\d) \|", row).groups()  # type: ignore[union-attr]
        found.setdefault(int(number), (minutes, f"{datetime.strptime(date, '%m/%d/%y'):%Y-%m-%d}", row))
    return found


def chronology() -> list[list[str]]:
    text = README.read_text(encoding="utf-8").partition("## The real order")[2].partition("\n## ")[0]
    return [re.split(r" *\| *", row.strip("| ")) for row in re.findall(r"^\| \d+ \|.*\|$", text, re.MULTILINE)]


@needs_sample
def test_minutes_and_dates_are_those_of_the_public_table() -> None:
    public = public_table()
    assert len(public) == 89
    for step in read_history(all_milestones(), []).steps:
        assert step.official
        minutes, date, _ = public[step.official.record]
        assert (step.official.minutes, step.official.date) == (float(minutes), date), step.name
    rows = chronology()
    assert 15 <= len(rows) <= 20 and [int(row[0]) for row in rows] == sorted(int(row[0]) for row in rows)
    for number, date, minutes, *_ in rows:
        assert (minutes, date) == public[int(number)][:2], number


@needs_sample
def test_minutes_told_in_the_story_are_in_the_public_table() -> None:
    text = README.read_text(encoding="utf-8").partition("## What each stage")[2].partition("\n## ")[0]
    told = set(re.findall(r"\b\d+\.\d+\b(?!%)", text))
    public = re.findall(r"^\d+ \| ([\d.]+) minutes", (SAMPLE / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(told) >= 20 and told <= set(public)


@needs_sample
def test_published_losses_are_those_of_the_linked_logs() -> None:
    public, compared = public_table(), 0
    for step in read_history(all_milestones(), []).steps:
        assert step.official and step.published
        row = public[step.published.val_loss_of or step.official.record][2]
        link = re.search(r"\[log\]\(([^)]+)\)", row)
        log = SAMPLE / link[1] if link else SAMPLE
        if log.is_file() and log.suffix == ".txt":
            losses = re.findall(r"^step:\d+/\d+ val_loss:([\d.]+)", log.read_text(encoding="utf-8"), re.MULTILINE)
            assert float(losses[-1]) == step.official.val_loss, step.name
            compared += 1
    assert compared >= 5


def test_the_rates_of_the_story_are_tokens_over_minutes() -> None:
    text = README.read_text(encoding="utf-8").partition("## Where the time went")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    assert len(rows) == 10
    for record, billions, minutes, millions in rows:
        rate = float(billions) * 1000 / (60 * float(minutes))
        assert float(millions) == pytest.approx(rate, abs=0.06), record
    (_, first, slow, _), (_, last, fast, _) = rows[0], rows[-1]
    tokens, time = float(first) / float(last), float(slow) / float(fast)
    assert f"by a factor of {time:.1f}: {tokens:.1f} by fewer tokens, {time / tokens:.1f} by faster ones" in text


# The generated table and picture


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Two milestones with runs, a third that is published only."""
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    write_track(tmp_path, targets=[2.0])
    write_milestone(tmp_path, "00_baseline", PROGRAM)
    write_milestone(tmp_path, "01_muon", "muon\n")
    (tmp_path / "history/published.toml").write_text(
        "[00_baseline]\npaper = 'GPT-2'\nurl = 'https://a.org/0'\nother_records = [2]\n"
        "[02_modern]\npaper = 'RoPE'\nurl = 'https://a.org/2'\nother_records = [8, 9, 10]\nidea = 'Positions.'\n"
        "record = 5\nminutes = 15.2\ndate = 2024-10-14\nval_loss = 3.2741\nval_loss_of = 9\n",
        encoding="utf-8",
    )
    (tmp_path / "history/README.md").write_text("head\n<!-- history:begin -->\n<!-- history:end -->\ntail\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/ladder.svg").write_text("")
    add(tmp_path, "00_baseline", PROGRAM, 1.8)
    add(tmp_path, "01_muon", "muon\n", 1.6)
    return tmp_path


def add(house: Path, milestone: str, program: str, final: float, **fields) -> None:
    for seed in (1, 2, 3, 4):
        place = house / "records/toy" / milestone / "plan"
        loss = round(final + seed / 100, 6)
        write_log(place, seed=seed, milestone=milestone, program=program, every=2, final=loss, **fields)


def row(house: Path, name: str) -> list[str]:
    assert run_verb("leaderboard", "leaderboard", []) == 0
    text = (house / "history/README.md").read_text(encoding="utf-8")
    assert text.startswith("head\n") and text.endswith("tail\n")
    (line,) = [line for line in text.splitlines() if line.startswith((f"| {name}", f"| [{name}]"))]
    return line.strip("| ").split(" | ")


def test_a_row_holds_what_was_published_and_what_was_measured(house: Path) -> None:
    first, second, third = row(house, "00_baseline"), row(house, "01_muon"), row(house, "02_modern")
    assert first == [
        "[00_baseline](00_baseline/NOTES.md)", "A plain GPT-2.", "[GPT-2](https://a.org/0)", "1–2", "45 min, #1", "–",
        "–", "–",
    ]  # fmt: skip
    assert re.fullmatch(r"\d\.\d\d× \(\d\.\d\d–\d\.\d\d\), n = 4", second[6]) and second[7] == "+1 −1"
    assert third == [
        "02_modern", "Positions.", "[RoPE](https://a.org/2)", "5, 8–10", "15.2 min, #5", "3.2741 (#9)", "–", NO_SCRIPT,
    ]  # fmt: skip
    assert run_verb("leaderboard", "leaderboard", ["--check"]) == 0


def test_a_new_milestone_fills_its_row(house: Path) -> None:
    assert row(house, "02_modern")[-1] == NO_SCRIPT and NO_SCRIPT in (house / "docs/ladder.svg").read_text()
    write_milestone(house, "02_modern", "muon\nmodern\n", idea="Its own words.")
    found = row(house, "02_modern")
    assert found[:3] == ["[02_modern](02_modern/NOTES.md)", "Its own words.", "[RoPE](https://a.org/2)"]
    assert found[-2:] == ["–", "+1 −0"] and NO_SCRIPT not in (house / "docs/ladder.svg").read_text()
    add(house, "02_modern", "muon\nmodern\n", 1.6)  # as 01_muon, so nothing is gained
    assert re.match(r"no gain shown, \d\.\d\d× .*, n = 4$", row(house, "02_modern")[-2])
    write_milestone(house, "03_unknown", "another\n")
    assert row(house, "03_unknown")[2] == "–"


def test_what_missed_the_target_is_said(house: Path) -> None:
    write_milestone(house, "02_modern", "modern\n")
    add(house, "02_modern", "modern\n", 1.97)
    assert row(house, "02_modern")[-2] == "3/4 met"
    write_milestone(house, "03_more", "more\n")
    add(house, "03_more", "more\n", 1.6)
    assert row(house, "03_more")[-2] == "02_modern did not meet it"


def test_a_milestone_that_was_not_run_is_stepped_over_and_that_is_said(house: Path) -> None:
    write_milestone(house, "02_modern", "modern\n")
    write_milestone(house, "03_more", "more\n")
    add(house, "03_more", "more\n", 1.55)
    assert row(house, "03_more")[-2].endswith("n = 4, over 01_muon")


def test_without_any_runs_there_are_published_figures_only(house: Path) -> None:
    history = read_history(all_milestones(), [])
    assert history.columns == () and "toy" not in table(history) and "Measured" not in table(history)
    assert len(ET.fromstring(draw(history)).findall(f"{SVG}circle")) == 0


def test_table_and_picture_are_the_same_every_time(house: Path) -> None:
    boards = judge(["records"], None)[0]
    once, again = (read_history(order, boards) for order in (all_milestones(), all_milestones()[::-1]))
    assert table(once) == table(again) and draw(once) == draw(again)


@pytest.mark.parametrize("own", [True, False], ids=["this house", "a made one"])
def test_the_picture_is_well_formed_and_inside_its_frame(house: Path, monkeypatch, own: bool) -> None:
    if own:
        monkeypatch.delenv("SPEEDRUN_HOUSE")
    history = read_history(all_milestones(), judge(["records"], None)[0])
    root = ET.fromstring(draw(history))
    assert root.findtext(f"{SVG}title") and "00_baseline 45" in (root.findtext(f"{SVG}desc") or "")
    height = float(root.attrib["viewBox"].split()[3])
    texts = root.findall(f"{SVG}text")
    assert {step.name.partition("_")[2].replace("_", " ") for step in history.steps} <= {text.text for text in texts}
    assert all(0 < float(text.attrib["x"]) < WIDTH and 0 < float(text.attrib["y"]) < height for text in texts)
    for circle in root.findall(f"{SVG}circle"):
        assert 0 < float(circle.attrib["cx"]) < WIDTH and 0 < float(circle.attrib["cy"]) < height
    assert {child.tag for child in root} <= {SVG + tag for tag in ("title", "desc", "rect", "text", "path", "circle")}


def test_hostile_names_are_text(house: Path) -> None:
    hostile = "<script>alert(1)</script> | [x](http://evil) `c` <!-- history:end -->"
    write_milestone(house, "01_muon", "muon\n", idea=hostile)
    add(house, "01_muon", "muon\n", 1.6, host={"cpu": hostile})
    add(house, "00_baseline", PROGRAM, 1.8, host={"cpu": hostile})
    assert run_verb("leaderboard", "leaderboard", []) == 0
    assert not [link for link in links(house / "history/README.md") if "evil" in link]
    assert "script" not in "".join(e.tag for e in ET.parse(house / "docs/ladder.svg").iter())


def test_no_picture_and_no_markers_no_generated_text(house: Path) -> None:
    (house / "docs/ladder.svg").unlink()
    (house / "history/README.md").write_text("mine\n")
    assert run_verb("leaderboard", "leaderboard", []) == 0
    assert not (house / "docs/ladder.svg").exists() and (house / "history/README.md").read_text() == "mine\n"


def test_lines_are_counted_as_added_and_removed() -> None:
    assert changed_lines("a\nb\n\nc\n", "a\n\n# d\nc\ne\n") == (2, 1)
    assert changed_lines("a\n" * 300 + "b\n", "a\n" * 300 + "c\n") == (1, 1)  # also where one line is very frequent


def test_ranges_of_records() -> None:
    assert ranges([8, 9, 10, 14]) == "8–10, 14" and ranges([5]) == "5" and ranges([]) == ""
