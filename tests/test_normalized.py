"""Times across machines: only over each machine's own anchor, and only where there is one."""

import json
import statistics
from pathlib import Path

import pytest
from logs_made import PROGRAM, write_log, write_track
from speedrun.board.normalized import across, normalized
from speedrun.board.ranking import Board
from speedrun.cli import run_verb
from speedrun.inference import bootstrap_ratio
from speedrun.verbs.leaderboard import judge

H100 = {"gpu": "NVIDIA H100", "gpu_count": 8, "cpu": "Intel Xeon", "cores": 208}
CPU, GPU = "AMD EPYC, 2 cores, 2 processes of 1 thread", "8 × NVIDIA H100"
HEADING = "Across machines: anchor-normalized time"


def add(house: Path, folder: str, seeds=(1, 2, 3), **fields) -> None:
    for seed in seeds:
        write_log(house / "records/toy" / folder, seed=seed, **fields)


def two_machines(house: Path, **other) -> None:
    """On the GPU everything is faster, but against the anchor the milestone on the CPU gains more: 0.5 against 0.75."""
    add(house, "cpu/anchor", ms_per_step=200)
    add(house, "cpu/fast", milestone="01_fast", program="fast", ms_per_step=100)
    add(house, "gpu/anchor", host=H100, ms_per_step=40, **other)
    add(house, "gpu/other", milestone="02_other", program="other", host=H100, ms_per_step=30)


def board(source: str = "records") -> Board:
    return next(board for board in judge([source], None)[0] if board.track.name == "toy")


def leaderboard(capsys, *arguments: str) -> str:
    assert run_verb("leaderboard", "leaderboard", list(arguments)) == 0
    return capsys.readouterr().out


def test_raw_times_rank_the_other_way_round(house):
    two_machines(house)
    judged = board()
    raw = {entry.cohort.milestone: entry.reaches[0].times for table in judged.tables for entry in table.entries}
    assert max(raw["02_other"]) < min(raw["01_fast"])
    rows = normalized(judged)
    assert [row.entry.cohort.milestone for row in rows] == ["01_fast", "02_other", "00_baseline", "00_baseline"]
    assert [row.time.value for row in rows] == [pytest.approx(0.5, abs=0.02), pytest.approx(0.75, abs=0.02), 1, 1]
    assert rows[0].hardware == CPU and rows[1].hardware.startswith(GPU)


def test_it_is_the_ratio_of_mean_times_with_a_bootstrap_over_the_runs_of_both(house):
    two_machines(house)
    add(house, "cpu/fast/again", milestone="01_fast", program="fast", ms_per_step=150, seeds=(1,), run_id="again")
    first = normalized(board())[0]
    anchor = next(row for row in normalized(board()) if row.entry.is_anchor and row.hardware == CPU)
    own, unit = first.entry.reaches[0].seed_times, anchor.entry.reaches[0].seed_times
    assert first.entry.reaches[0].runs == 4 and (first.n, first.anchor_n) == (3, 3)  # a repeat of a seed is no evidence
    assert first.time == bootstrap_ratio(own, unit) and first.time.low and first.time.high
    assert first.time.value == pytest.approx(statistics.fmean(own) / statistics.fmean(unit))
    assert anchor.time == (1, None, None)


def test_one_run_a_side_has_a_ratio_and_no_interval(house):
    two_machines(house)
    add(house, "gpu/third", milestone="03_third", program="third", host=H100, ms_per_step=20, seeds=(1,))
    row = next(row for row in normalized(board()) if row.entry.cohort.milestone == "03_third")
    assert row.n == 1 and row.time.low is row.time.high is None and row.time.value == pytest.approx(0.5, abs=0.02)


def test_only_cohorts_of_which_every_run_met_the_target_have_a_time(house):
    two_machines(house)
    add(house, "cpu/unsure", milestone="03_unsure", program="u", seeds=(1, 2), ms_per_step=10)
    add(house, "cpu/unsure", milestone="03_unsure", program="u", seeds=(3,), ms_per_step=10, final=2.1)
    assert "03_unsure" not in [row.entry.cohort.milestone for row in normalized(board())]


def test_a_machine_without_an_anchor_is_not_comparable(house, capsys):
    add(house, "cpu/anchor")
    add(house, "cpu/fast", milestone="01_fast", program="fast", ms_per_step=50)
    add(house, "gpu/other", milestone="02_other", program="other", host=H100, ms_per_step=30)
    (one,) = across(board())
    assert {row.hardware for row in one.rows} == {CPU}
    assert one.left_out[0].hardware.startswith(GPU)
    assert one.left_out[0].reason == "no ranked run of the anchor, 00_baseline, there"
    leaderboard(capsys)
    assert "Not comparable: 8 × NVIDIA H100" in (house / "leaderboard.md").read_text()


def test_an_anchor_that_missed_the_target_is_no_unit(house):
    two_machines(house)
    add(house, "gpu/anchor", seeds=(4,), host=H100, ms_per_step=40, final=2.5)
    (one,) = across(board())
    assert one.left_out[0].reason == "the anchor, 00_baseline, met the target in 3 of 4 runs"
    assert {row.hardware for row in one.rows} == {CPU}


def test_a_target_met_before_the_first_step_is_no_unit(house):
    two_machines(house)
    write_track(house, targets=[8.0])  # the made logs start from 7 nats
    (one,) = across(board())
    assert not one.rows and all("before its first step" in table.reason for table in one.left_out)


def test_where_no_machine_has_an_anchor_the_list_says_only_so(house, capsys):
    add(house, "cpu/fast", milestone="01_fast", program="fast")
    add(house, "gpu/other", milestone="02_other", program="other", host=H100)
    assert normalized(board()) == ()
    assert leaderboard(capsys).count("Not comparable") == 2


def test_anchors_that_differ_in_more_than_the_machine_are_named(house):
    two_machines(house)
    assert across(board())[0].differing == ()
    for log in (house / "records/toy/gpu/anchor").iterdir():
        log.unlink()
    add(house, "gpu/anchor", host=H100, ms_per_step=40, planned=120, hyperparameters={"width": 64, "program": 1})
    assert across(board())[0].differing == ("planned steps", "program", "width")


def test_different_validation_data_is_never_in_one_list(house):
    write_track(house, targets=[2.0], pins=[], floor=None)
    two_machines(house)
    add(house, "tpu/fast", milestone="01_fast", program="fast", host={"cpu": "Third"}, val_sha256="9" * 64)
    add(house, "tpu/anchor", host={"cpu": "Third"}, val_sha256="9" * 64)
    (one,) = across(board())
    assert not any("Third" in row.hardware for row in one.rows) and "toy_val" in one.data
    assert any("Third" in row.hardware for row in normalized(board()))


def test_a_target_that_each_anchor_sets_for_its_machine(house, capsys):
    write_track(house, targets=[], pins=[], floor=None)
    two_machines(house)
    rows = normalized(board())
    assert [row.time.value for row in rows] == [pytest.approx(0.5, abs=0.02), pytest.approx(0.75, abs=0.02), 1, 1]
    leaderboard(capsys)
    assert "The target on each machine is the mean final loss of its own" in (house / "leaderboard.md").read_text()


# Shown


def test_markdown_and_terminal_show_one_list(house, capsys):
    two_machines(house)
    out = leaderboard(capsys)
    assert HEADING in out and out.index("02_other", out.index(HEADING)) > out.index("01_fast", out.index(HEADING))
    section = (house / "leaderboard.md").read_text().split(f"### {HEADING}")[1]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    assert rows[0] == ["milestone", "hardware", "time / anchor's", "n", "anchor's n"]
    assert [row[0] for row in rows[2:]] == ["01_fast", "02_other", "00_baseline", "00_baseline"]
    assert rows[2][1] == CPU and rows[2][2].startswith("0.") and "–" in rows[2][2] and rows[2][3:] == ["3", "3"]
    assert rows[4][2] == "1 (the anchor)"
    assert run_verb("leaderboard", "leaderboard", ["--check"]) == 0


@pytest.mark.parametrize("machines", [1, 2])
def test_one_machine_or_anchors_alone_show_nothing(house, capsys, machines):
    add(house, "cpu/anchor")
    if machines == 1:
        add(house, "cpu/fast", milestone="01_fast", program="fast")
    else:
        add(house, "gpu/anchor", host=H100, ms_per_step=40)
    assert across(board()) == ()
    assert HEADING not in leaderboard(capsys) and HEADING not in (house / "leaderboard.md").read_text()


def test_a_long_list_is_cut_in_markdown_and_whole_in_the_terminal(house, capsys):
    two_machines(house)
    for number in range(10, 30):
        add(house, f"cpu/{number}", (1,), milestone=f"{number}_x", program=str(number), planned=20)
    out = leaderboard(capsys)
    assert "29_x" in out[out.index(HEADING) :]
    section = (house / "leaderboard.md").read_text().split(f"### {HEADING}")[1]
    assert "9 more in the terminal." in section and section.count("\n| ") == 17


HOSTILE = "<script>alert(1)</script> | [x](http://evil) `c`"


def test_hostile_names_are_text(house, capsys):
    from markdown_it import MarkdownIt

    two_machines(house)
    add(house, "cpu/x", milestone=HOSTILE, program="x", host={"cpu": HOSTILE}, hyperparameters={HOSTILE: 1})
    add(house, "cpu/y", host={"cpu": HOSTILE}, hyperparameters={HOSTILE: 2}, program=PROGRAM)
    assert across(board())[0].differing
    leaderboard(capsys)
    tokens = MarkdownIt("commonmark").enable("table").parse((house / "leaderboard.md").read_text())
    inline = [child for token in tokens for child in token.children or []]
    assert not {token.type for token in inline} & {"html_inline", "link_open", "image"}
    assert all("script" not in token.content for token in tokens if token.type == "html_block")


def test_json_has_the_same_list(house, capsys):
    two_machines(house)
    (one,) = json.loads(leaderboard(capsys, "--json"))["tracks"][0]["across_machines"]
    assert [row["label"] for row in one["rows"]][:2] == ["01_fast", "02_other"]
    assert one["rows"][0]["normalized_time"]["value"] == normalized(board())[0].time.value
    assert one["left_out"] == [] and one["rows"][0]["hardware"] == CPU
