"""Record tables: what a row claims, whatever its Markdown looks like, and what is said of rows that cannot be read."""

import csv
from pathlib import Path

import pytest
from claims_made import HEADINGS, SAMPLE, write_archive
from hypothesis import given
from hypothesis import strategies as st
from speedrun.audits.claims import Claim
from speedrun.audits.record_tables import Tables, log_link, plain, read_tables

TRACK_3 = "| # | Steps to 3.28 | Evidence | Description | Date | Log | Contributors |\n| - | - | - | - | - | - | - |\n"


def tables(top: Path, table: str) -> Tables:
    return read_tables(write_archive(top, table, {}))


def one(top: Path, row: str) -> Claim:
    (claim,), problems = tables(top, row)
    assert not problems
    return claim


def test_a_row_without_borders(tmp_path):
    row = "14 | 4.41 minutes | [Value Embeddings](https://x.com/1) | 12/04/24 | [log](records/t/a.txt) | @KoszarskyB"
    claim = one(tmp_path, row)
    assert (claim.track, claim.record, claim.minutes, claim.steps) == (1, 14, 4.41, None)
    assert (claim.date, claim.description, claim.contributors) == ("2024-12-04", "Value Embeddings", "@KoszarskyB")
    assert (claim.hardware, claim.gpu_count, claim.log) == ("H100", 8, "records/t/a.txt")
    assert (claim.readme, claim.line) == ("README.md", 7)


def test_a_row_with_borders_is_the_same(tmp_path):
    row = "1 | 45 minutes | x | 05/28/24 | [log](a.txt) | @a"
    assert one(tmp_path, row) == one(tmp_path, f"| {row} |")


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("5.8 hours", 348),
        ("25.95 minutes*", 25.95),
        ("45 minutes", 45),
        ("**1.23** minutes", 1.23),
        ("90 seconds", 1.5),
    ],
)
def test_times(tmp_path, text, minutes):
    assert one(tmp_path, f"1 | {text} | x | - | - | -").minutes == pytest.approx(minutes)


@pytest.mark.parametrize(
    ("text", "date"),
    [("05/28/24", "2024-05-28"), ("-", None), ("2026/04/26", "2026-04-26"), ("2026-04-26", "2026-04-26")],
)
def test_dates(tmp_path, text, date):
    assert one(tmp_path, f"1 | 45 minutes | x | {text} | - | -").date == date


def test_a_date_that_is_none_is_named_and_the_row_kept(tmp_path):
    (claim,), (problem,) = tables(tmp_path, "1 | 45 minutes | x | 13/45/24 | - | -")
    assert claim.date is None and "README.md:7" in problem and "13/45/24" in problem


@pytest.mark.parametrize(
    ("cell", "link"),
    [
        ("[log](a/b.txt),[PR](https://github.com/x/pull/1)", "a/b.txt"),
        ("[PR](https://github.com/x/pull/1), [log](a/b.txt)", "a/b.txt"),
        ("[PR](https://github.com/x/pull/1)", None),
        ("[PR](pulls/1.md)", None),
        ("none", None),
        ("-", None),
        ("", None),
        ("[log](a/with%20blank.txt)", "a/with%20blank.txt"),
        ("[log](a/Fixes and PreMul-O - 06113.txt)", "a/Fixes and PreMul-O - 06113.txt"),
        ("[log](<a/b c.txt>)", "a/b c.txt"),
        ('[log](a/b.txt "a title")', "a/b.txt"),
        ("[log (of [3])](a/b(1).txt)", "a/b(1).txt"),
        ('[log](a/it\'s "quoted".txt)', 'a/it\'s "quoted".txt'),
        ("[log](a/<script>.txt)", "a/<script>.txt"),
    ],
)
def test_the_log_is_the_first_link_that_is_no_pull_request_and_not_on_the_web(cell, link):
    assert log_link(cell) == link


def test_a_log_cell_with_words_and_no_link_is_named(tmp_path):
    (claim,), (problem,) = tables(tmp_path, "1 | 45 minutes | x | - | see the wiki | -")
    assert claim.log is None and "see the wiki" in problem


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("[Tuned [nonzero] init](https://x.com) and *more*", "Tuned [nonzero] init and more"),
        ("‖u‖\\_F `CWD=0.025` ~~gone~~", "‖u‖_F CWD=0.025 gone"),
        ("<script>alert(1)</script> &lt;b&gt;", "<script>alert(1)</script> <b>"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("a\x1b[31mred\x07", "a�[31mred�"),
    ],
)
def test_the_words_of_a_cell_are_plain_and_printable(markdown, words):
    assert plain(markdown) == words


def test_a_pipe_in_a_cell_is_escaped(tmp_path):
    claim = one(tmp_path, r"1 | 45 minutes | the \|x\| norm | - | [log](a\|b.txt) | @a")
    assert (claim.description, claim.log, claim.contributors) == ("the |x| norm", "a|b.txt", "@a")


def test_hardware_that_the_row_names(tmp_path):
    claim = one(tmp_path, "1 | 45 minutes | an idea, on 8xH200 with 2x wd | - | - | -")
    assert (claim.hardware, claim.gpu_count) == ("H200", 8)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("one | 45 minutes | x | - | - | -", "'one' is no record number"),
        ("1 | soon | x | - | - | -", "'soon' is no time"),
        ("1 | 0 minutes | x | - | - | -", "is no time"),
        (f"1 | 45 minutes | {'![[](' * 10_000} | - | - | -", "more than 5,000 characters"),
        ("1 | 45 minutes | a | b | c | d | e", "7 cells in a table of 6"),
        ("nothing of the kind", "is no record number"),
        ("1 | 45 minutes", None),
    ],
)
def test_a_row_that_cannot_be_understood_is_named_and_the_others_are_read(tmp_path, row, why):
    claims, problems = tables(tmp_path, f"{row}\n2 | 31.4 minutes | y | 06/06/24 | - | -")
    assert claims[-1].record == 2
    assert [why in problem and "README.md:7" in problem for problem in problems if why] == [True] * bool(why)


def test_repeated_records_are_kept_and_said(tmp_path):
    rows = "21 | 2.9 minutes | x | - | - | -\n21 | 3.0 minutes | y | - | - | -\n22 | 2.8 minutes | z | - | - | -"
    claims, (problem,) = tables(tmp_path, rows)
    assert [claim.record for claim in claims] == [21, 21, 22]
    assert "2 rows for record 21 (README.md:7, README.md:8)" in problem


def test_repeated_records_are_said_only_of_rows_that_are_shown(tmp_path):
    rows = "21 | 2.9 minutes | x | - | - | -\n21 | 3.0 minutes | y | - | - | -\n22 | soon | z | - | - | -\n"
    found = tables(tmp_path, rows + "23 | 2.7 minutes | z | - | - | -")
    soon, twice = found.problems
    assert "'soon'" in soon and "2 rows for record 21" in twice
    assert found.problems_of(found.claims) == found.problems_of(found.claims[:2]) == (soon, twice)
    assert found.problems_of(found.claims[2:]) == (soon,)


def test_other_tables_are_left_alone(tmp_path):
    rows = "1 | 45 minutes | x | - | - | -\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n```\n1 | 2\n```\n"
    assert len(tables(tmp_path, rows).claims) == 1


def test_tracks_by_heading_by_link_and_by_folder(tmp_path):
    row = "1 | 45 minutes | x | - | [log]({}) | -\n"
    top = write_archive(tmp_path, row.format("records/track_1_short/a.txt"), {})
    linked = row.format("records/track_2_m/a").replace("1", "2", 1)
    more = f"\n## Speedrun track 2\n\n{HEADINGS}{row.format('-')}\n## More\n\n{HEADINGS}{linked}"
    top.joinpath("README.md").write_text((top / "README.md").read_text() + more)
    third = top / "records" / "track_3_optimization" / "README.md"
    third.parent.mkdir(parents=True)
    third.write_text(
        f"{TRACK_3}| 7 | 3325(!) | 3.2752 (n=1)✓ | [Muon²](x) lr=.1 | 2026/04/29 | [log](results/a.txt) | @w |"
    )
    claims, problems = read_tables(top)
    assert [claim.track for claim in claims] == [1, 2, 2, 3] and not problems
    words = ("2026-04-29", "Muon² lr=.1", "@w", None, None, "results/a.txt")
    assert claims[3] == Claim(3, 7, None, 3325, *words, 3.2752, 1, "records/track_3_optimization/README.md", 3)


def test_no_readme_and_no_table_are_no_claims(tmp_path):
    assert read_tables(tmp_path) == Tables((), ())
    tmp_path.joinpath("README.md").write_bytes(b"\xff\x00 | # | Record time |\n")
    assert read_tables(tmp_path) == Tables((), ("README.md: holds bytes that are not UTF-8",))


@pytest.mark.parametrize("figure", ["1 hour 30 minutes", "3 to 4 minutes", "two minutes"])
def test_a_time_that_is_not_one_figure_is_no_claim(tmp_path, figure):
    claims, problems = read_tables(write_archive(tmp_path, f"1 | {figure} | x | - | - | -", {}))
    assert not claims and "is no time" in problems[0]


@pytest.mark.parametrize("figure", ["12.5k", "3 325", "3325 → 3300", "0"])
def test_steps_that_are_not_one_figure_are_no_claim(tmp_path, figure):
    third = tmp_path / "records" / "track_3_optimization" / "README.md"
    third.parent.mkdir(parents=True)
    third.write_text(f"{TRACK_3}| 7 | {figure} | 3.2752 (n=1)✓ | x | 2026/04/29 | - | @w |")
    claims, problems = read_tables(tmp_path)
    assert not claims and "is no number of steps" in problems[0]


def test_tables_in_comments_and_code_are_none(tmp_path):
    table = f"{HEADINGS}1 | 45 minutes | x | - | - | -\n"
    tmp_path.joinpath("README.md").write_text(f"<!--\n{table}-->\n\n```\n{table}```\n\n\ufeff\n{table}")
    claims, _ = read_tables(tmp_path)
    assert [claim.line for claim in claims] == [16]


def test_what_is_opened_and_never_ends_is_text(tmp_path):
    table = f"{HEADINGS}1 | 45 minutes | x | - | - | -\n"
    tmp_path.joinpath("README.md").write_text(f"<!-- a -->\n\n```\n```\n<!-- b\n\n{table}\n```\n\n{table}")
    claims, _ = read_tables(tmp_path)
    assert [claim.line for claim in claims] == [9, 15]


@pytest.mark.parametrize(
    "harm",
    ["<!--" * 500_000, "<!--" * 500_000 + "\n```", "# " + " " * 1_000_000 + "|", f"{HEADINGS}\n" * 40_000],
    ids=["comments", "comments and a fence", "a heading", "tables"],
)
def test_a_readme_that_means_harm_is_read_in_time(tmp_path, harm):
    table = f"{HEADINGS}1 | 45 minutes | x | - | - | -\n"
    tmp_path.joinpath("README.md").write_text(f"{harm}\n\n{table}")
    assert [claim.record for claim in read_tables(tmp_path).claims] == [1]


def test_a_heading_too_long_names_no_track(tmp_path):
    table = f"{HEADINGS}1 | 45 minutes | x | - | - | -\n"
    tmp_path.joinpath("README.md").write_text(f"## Track 2\n\n## Track 3{' ' * 5_000}\n\n{table}")
    assert [claim.track for claim in read_tables(tmp_path).claims] == [2]


def test_a_row_of_headings_without_a_border_is_no_heading(tmp_path):
    table = "# | Record time | Log\n- | - | -\n1 | 45 minutes | [pr #5](x.md) [log](b.txt)\n"
    tmp_path.joinpath("README.md").write_text(f"## Track 2\n\n{table}")
    claims, problems = read_tables(tmp_path)
    assert [(claim.track, claim.log) for claim in claims] == [(2, "b.txt")] and not problems


def test_a_readme_outside_is_not_read(tmp_path):
    outside = write_archive(tmp_path / "outside", "1 | 45 minutes | x | - | - | -", {})
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "README.md").symlink_to(outside / "README.md")
    assert read_tables(tmp_path / "inside").claims == ()


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is absent")
def test_the_sample_archive_as_its_own_list_has_it():
    claims, problems = read_tables(SAMPLE)
    assert [problem for problem in problems if "record 21" not in problem] == []
    timed = [claim for claim in claims if claim.track < 3]
    with open(SAMPLE / "world_records.csv", encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert len(timed) == len(listed) == 109 and len(claims) == 109 + 46
    for claim, row in zip(timed, listed, strict=True):
        assert (claim.track, claim.record) == (int(row["track"]), int(row["record"]))
        assert claim.minutes == pytest.approx(float(row["claimed_minutes"]))
        assert (claim.description, claim.contributors) == (row["description"], row["contributors"])
        assert (claim.date or "", claim.log or "") == (row["date"], row["log"])


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is absent")
def test_the_samples_third_track():
    third = {claim.record: claim for claim in read_tables(SAMPLE).claims if claim.track == 3}
    assert sorted(third) == list(range(1, 47))
    assert (third[1].steps, third[1].mean, third[1].n, third[1].hardware) == (3600, 3.2777, 1, None)
    assert third[46].steps == 2690 and third[46].date == "2026-06-19"
    assert all(claim.log and claim.mean and claim.n for claim in third.values())


@given(st.text(alphabet="|-\\[]()<>`*_#&;:!\"' \n1x×%\x00é", max_size=200))
def test_no_text_makes_the_reader_fail(tmp_path_factory, text):
    top = write_archive(
        tmp_path_factory.getbasetemp() / "any", f"1 | 45 minutes | {text}\n2 | 1 hours | x | - | - |", {}
    )
    claims, problems = read_tables(top)
    assert all(claim.description.isprintable() and (claim.log or "").isprintable() for claim in claims)
    assert all("\n" not in problem for problem in problems)
