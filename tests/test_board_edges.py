"""Edges of what is counted and ranked, and of what is written, where a small change of the tools would go unseen."""

import errno
import io
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from logs_made import FLOOR, PROGRAM, make_log, sha256, write_log, write_milestone, write_track
from rich.console import Console
from speedrun.board.ablations import switched_off
from speedrun.board.cohorts import Cohort, group
from speedrun.board.figures import Cell, Sheet
from speedrun.board.ladder import Gain
from speedrun.board.normalized import across
from speedrun.board.ranking import Board, Table
from speedrun.board.terminal import grid, print_whole
from speedrun.board.turns import in_turns
from speedrun.cli import run_verb
from speedrun.files import whole_file, write_text
from speedrun.inference import Ratio, against_target, more_runs, speedup
from speedrun.reading.logs import parse_log, read_log
from speedrun.verbs.leaderboard import judge

OTHER_MACHINE = {"cpu": "Another CPU"}


def add(house: Path, folder: str, seeds=(1, 2, 3), **fields) -> list[Path]:
    return [write_log(house / "records/toy" / folder, seed=seed, **fields) for seed in seeds]


def change(log: Path, pattern: str, text: str) -> None:
    """As someone edits a log: the first match of the pattern becomes the text."""
    changed, count = re.subn(pattern, text, log.read_text(), count=1)
    assert count == 1
    log.write_text(changed)


def trained_on_other_shards(log: Path) -> None:
    change(log, "4" * 64, "6" * 64)


def board() -> Board:
    return judge(["records"], None)[0][0]


def table() -> Table:
    (found,) = board().tables
    return found


def cohort(*logs: Path) -> Cohort:
    (found,) = group([read_log(log) for log in logs])
    return found


def leaderboard(*arguments: str) -> int:
    return run_verb("leaderboard", "leaderboard", list(arguments))


# What is one cohort, and what enters its figures


def test_other_training_shards_make_another_cohort(tmp_path):
    same, other = write_log(tmp_path / "a", seed=1), write_log(tmp_path / "b", seed=2)
    assert len(group([read_log(same), read_log(other)])) == 1
    trained_on_other_shards(other)
    assert len(group([read_log(same), read_log(other)])) == 2


def test_a_repeated_seed_is_one_value_of_the_step_time(tmp_path):
    logs = [write_log(tmp_path / str(ms), run_id=str(ms), ms_per_step=ms) for ms in (100, 200, 600)]
    clocks = [read_log(log).val[-1].ms / 100 for log in logs]
    assert cohort(*logs).step_times == [pytest.approx(statistics.fmean(clocks))]


def test_a_lucky_seed_that_is_repeated_counts_once_in_the_time(house):
    add(house, "slow", seeds=(2,), ms_per_step=200)
    for number in range(4):
        add(house, f"again_{number}", seeds=(1,), ms_per_step=50, run_id=f"again {number}")
    (entry,) = table().entries
    (one, other), seconds = entry.reaches[0].seed_times, entry.reaches[0].seconds
    assert seconds is not None and seconds.n == len(entry.cohort.complete) == 5
    assert seconds.mean == pytest.approx((one + other) / 2) and other == pytest.approx(4 * one, rel=0.1)


def test_a_diverged_run_is_one_that_missed_the_target_and_an_interrupted_one_is_not_counted(house, capsys):
    add(house, "a", seeds=(1,))
    add(house, "a", seeds=(2,), finished="interrupted", stop_at=60)
    (entry,) = table().entries
    assert (entry.rank, entry.reaches[0].met, entry.reaches[0].runs) == (1, 1, 1)
    add(house, "a", seeds=(3,), finished="diverged", stop_at=60)  # it was below the target before
    (entry,) = table().entries
    reach = entry.reaches[0]
    assert (entry.rank, reach.met, reach.runs, entry.loss.n) == (None, 1, 2, 1)
    assert reach.seconds is None and reach.steps is None and reach.tokens is None
    assert leaderboard() == 0
    assert "1/2 met" in capsys.readouterr().out and "1/2 met" in (house / "leaderboard.md").read_text()


# What is ranked


def test_one_of_two_pinned_validation_shards_is_other_data(house):
    write_track(house, targets=[2.0], pins=["5" * 64, "6" * 64])
    (log,) = add(house, "part", seeds=(1,))
    assert not board().tables and any("other data than the track's" in problem for problem in board().problems)
    (shard,) = re.findall(r'"val": \[(.*?)\]', log.read_text())
    change(log, r'("val": \[.*?)\]', rf"\1, {shard.replace('5' * 64, '6' * 64)}]")
    assert len(board().tables[0].entries) == 1 and not board().problems


def test_an_interrupted_run_below_the_floor_bars_its_cohort(house):
    add(house, "a")
    assert len(table().entries) == 1
    add(house, "a", seeds=(4,), final=FLOOR - 0.5, finished="interrupted", stop_at=90, run_id="peeked")
    assert table().entries == () and len(table().others) == 1
    assert any("impossible" in problem and "peeked" in problem for problem in board().problems)


def test_a_run_that_dips_below_the_floor_and_ends_above_it_is_impossible(house):
    (log,) = add(house, "a", seeds=(1,))
    assert len(table().entries) == 1
    change(log, r"step:50/100 val_loss:\S+", f"step:50/100 val_loss:{FLOOR - 0.1:.6f}")
    assert read_log(log).complete and read_log(log).val[-1].loss > FLOOR
    assert table().entries == () and any("impossible" in problem for problem in board().problems)


# Which cohort is the anchor


def anchor(found: Table) -> Cohort:
    (entry,) = [entry for entry in found.entries if entry.is_anchor]
    return entry.cohort


def test_a_strangers_program_that_met_the_target_does_not_displace_the_frozen_anchor(house):
    add(house, "frozen", final=2.1)
    add(house, "stranger", program="a stranger's\n", final=1.7)
    assert anchor(table()).code_sha256 == sha256(PROGRAM)


def test_the_anchor_has_the_flags_that_its_milestone_states_though_others_have_more_runs(house):
    manifest = house / "history/00_baseline/milestone.toml"
    manifest.write_text(manifest.read_text() + "[tracks.toy]\nnum_iterations = 100\nrate = 0.5\n")
    add(house, "stated", seeds=(1, 2), hyperparameters={"rate": 0.5})
    add(house, "tried", hyperparameters={"rate": 0.1})
    assert anchor(table()).fields["rate"] == 0.5


@pytest.mark.parametrize("ms", [50, 200], ids=["slower", "faster"])
def test_a_ladder_has_the_tables_anchor_whether_its_other_cohort_is_slower_or_faster(house, ms):
    """Faster or slower, the cohort with more runs is the anchor."""
    write_milestone(house, "01_muon", "muon")
    add(house, "anchor", seeds=(1, 2, 3), ms_per_step=ms)
    add(house, "deep", seeds=(1, 2), hyperparameters={"num_layers": 6})
    add(house, "muon", milestone="01_muon", program="muon", final=1.7, ms_per_step=80)
    found = table()
    (base,) = [rung for rung in found.rungs if rung.is_anchor]
    (muon,) = [rung for rung in found.rungs if rung.cohort.milestone == "01_muon"]
    assert base.cohort == anchor(found) and len(base.cohort.complete) == 3 and len(found.rungs) == 3
    assert muon.speedups == (speedup(base.reaches[0].seed_times, muon.reaches[0].seed_times),)


# Sessions


def test_a_milestone_alone_in_a_session_keeps_all_its_runs(tmp_path):
    logs = write_log(tmp_path / "told", seed=1), write_log(tmp_path / "untold", seed=2)
    whole = cohort(*logs)
    assert in_turns([whole], {tmp_path / "told": "monday"}) == [whole]


def test_the_session_of_most_milestones_counts_though_another_has_more_runs(tmp_path):
    def runs(day: str, milestone: str, seeds: range) -> list[Path]:
        return [write_log(tmp_path / day, f"{milestone}_{s}.txt", milestone=milestone, seed=s) for s in seeds]

    many = [log for name in ("00_a", "01_b") for log in runs("monday", name, range(1, 6))]
    few = [log for name in ("00_a", "01_b", "02_c") for log in runs("tuesday", name, range(6, 7))]
    cohorts = group([read_log(log) for log in [*many, *few]])
    parts = in_turns(cohorts, {tmp_path / day: day for day in ("monday", "tuesday")})
    assert [[run.header.seed for run in part.runs] for part in parts if part] == [[6], [6], [6]]


# What is shown


def test_no_loss_is_shown_where_the_interval_holds_no_change():
    assert Gain(Ratio(0.9, 0.8, 1.02), 0.995).standing == "none"
    assert Gain(Ratio(0.9, 0.8, 0.98), 0.995).standing == "loss"


def test_a_technique_is_off_only_where_all_of_its_flags_say_so(tmp_path):
    known = {"skips": {"skip_connections": False, "skip_init": 0.0}}
    half = cohort(write_log(tmp_path / "a", hyperparameters={"skip_connections": False, "skip_init": 1.0}))
    both = cohort(write_log(tmp_path / "b", hyperparameters={"skip_connections": False, "skip_init": 0.0}))
    assert switched_off(half, known) == () and switched_off(both, known) == ("skips",)


def test_machines_whose_anchors_had_other_training_shards_are_said_to_differ(house):
    add(house, "here")
    logs = add(house, "there", host=OTHER_MACHINE)
    add(house, "fast", milestone="01_fast", program="fast", ms_per_step=50)
    assert across(board())[0].differing == ()
    for log in logs:
        trained_on_other_shards(log)
    assert across(board())[0].differing == ("training data",)


def test_three_runs_at_p_below_5_percent_and_not_below_1_are_told_how_many_would_settle_it():
    few = [3.279, 3.2785, 3.2795]
    assert against_target(few, 3.28).p == pytest.approx(0.037, abs=5e-4)
    assert more_runs(few, 3.28) == 6


def test_a_table_wider_than_the_terminal_is_whole_in_a_file(tmp_path):
    name = "a_name_to_search_for_" * 6
    table = grid(Sheet(("log", "state", "time"), ((Cell(name), Cell("completed"), Cell("12.4 min")),)))
    with (tmp_path / "out.txt").open("w+") as file:
        print_whole(Console(file=file, width=80), table)
        file.seek(0)
        lines = file.read().splitlines()
    assert len(lines) == 3 and lines[2].split() == [name, "completed", "12.4", "min"]
    screen = io.StringIO()
    print_whole(Console(file=screen, width=80, force_terminal=True, color_system=None), table)
    assert max(map(len, screen.getvalue().splitlines())) <= 80


@pytest.mark.parametrize("program", [PROGRAM, "no newline at its end", "two\n\n"])
def test_a_log_whose_line_ends_became_those_of_windows_is_complete(program):
    log = make_log(program=program)
    run = parse_log(Path("log.txt"), log.replace("\n", "\r\n").encode())
    assert run.complete and run.state == "completed" and run.doubts == ()
    assert group([run, parse_log(Path("log.txt"), log.encode())])[0].complete == [run] * 2


# What cannot be read leaves the documents as they are


def documents(house: Path) -> dict[str, str]:
    return {name: (house / name).read_text() for name in ("leaderboard.md", "README.md")}


def break_plan(folder: Path) -> str:
    (folder / "plan.json").write_text('{"speedrun_plan": 1, "revi')
    return "plan.json: is not readable as a plan"


def break_log(folder: Path) -> str:
    (folder / "seed_2.txt").write_bytes(b'{"speedrun_log": 1, "run')
    return "seed_2.txt: is no run log"


@pytest.mark.parametrize("break_it", [break_plan, break_log])
def test_what_cannot_be_read_in_records_is_named_and_leaves_the_documents_untouched(house, capsys, break_it):
    (house / "README.md").write_text("<!-- ladder:begin -->\n<!-- ladder:end -->\n")
    add(house, "a")
    assert leaderboard() == 0 and leaderboard("--check") == 0
    before = documents(house)
    add(house, "b", milestone="01_fast", program="fast", ms_per_step=50)  # which they would tell
    message = break_it(house / "records/toy/b")
    capsys.readouterr()
    assert leaderboard() == 2
    out, err = capsys.readouterr()
    assert message in err and "documents are left as they are" in err and "01_fast" in out
    assert documents(house) == before
    assert leaderboard("--check") == 2
    assert message in capsys.readouterr().err and documents(house) == before


def test_a_plan_that_cannot_be_read_is_named_for_other_sources_too(house, capsys):
    add(house, "a")
    message = break_plan(house / "records/toy/a")
    assert leaderboard("--from", str(house / "records")) == 0
    assert message in capsys.readouterr().err


def test_a_source_of_which_nothing_can_be_read_is_a_wrong_call(house, capsys):
    (house / "elsewhere").mkdir()
    (house / "elsewhere/notes.txt").write_text("no log\n")
    assert leaderboard("--from", str(house / "elsewhere")) == 2
    assert "notes.txt: is no run log" in capsys.readouterr().err
    assert not (house / "site").exists()


# How a command ends


def test_a_ranking_whose_reader_left_is_no_error(house):
    """As in `speedrun leaderboard | head -1`: rich itself would end with 1."""
    add(house, "a")
    process = subprocess.Popen(
        [sys.executable, "-m", "speedrun.cli", "leaderboard", "--track", "toy"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    said = process.stderr.read().decode()
    assert (process.wait(timeout=60), said) == (0, "")


def test_an_interrupt_while_a_verb_is_loaded_ends_in_one_line(monkeypatch, capsys):
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("speedrun.cli.importlib.import_module", interrupted)
    try:
        assert run_verb("leaderboard", "speedrun leaderboard", []) == 130
    except KeyboardInterrupt:  # it would end all tests
        pytest.fail("a traceback instead of one line")
    assert capsys.readouterr() == ("", "speedrun leaderboard: interrupted\n")


# Files are whole or as they were


def test_a_file_is_synced_before_it_takes_its_place(tmp_path, monkeypatch):
    """So that after a power cut there is the old file or the new one, and no empty one."""
    done, sync, put = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append(("synced", os.fstat(file).st_size)), sync(file)))
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append(("placed", Path(new).name)), put(old, new)))
    write_text(tmp_path / "a.txt", "12345")
    assert done == [("synced", 5), ("placed", "a.txt")]
    assert (tmp_path / "a.txt").read_text() == "12345"


def test_where_the_target_is_a_link_the_file_behind_it_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far/page.html", tmp_path / "page.html"
    target.write_text("old")
    link.symlink_to("far/page.html")
    write_text(link, "new")
    assert link.is_symlink() and os.readlink(link) == "far/page.html" and target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["far", "page.html", "page.html"]


def test_a_full_disk_is_told_by_the_name_given_and_leaves_the_former_file(tmp_path, monkeypatch):
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as error:
        write_text(path, "new")
    assert error.value.filename == str(path)
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "old"


@pytest.mark.parametrize("name", ["a" * 250, "notes.txt/page.html"], ids=["long", "below_a_file"])
def test_a_place_where_no_file_can_be_is_not_told_by_the_name_of_a_fragment(house, capsys, name):
    add(house, "a")
    (house / "notes.txt").write_text("mine")
    assert leaderboard("--json", "--page", str(house / name)) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and str(house / name.partition("/")[0]) in err and ".part" not in err


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "kept.txt").write_text("kept")


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("make, reason", [(make_pipe, "is no regular file"), (make_folder, "is a folder")])
def test_a_pipe_or_a_folder_is_refused_by_the_name_given_and_stays(tmp_path, make, reason, linked):
    place = tmp_path / "place"
    make(place)
    given = tmp_path / "given" if linked else place
    if linked:
        given.symlink_to("place")
    before = sorted((path, path.lstat().st_ino, path.lstat().st_mode) for path in tmp_path.rglob("*"))
    with pytest.raises(OSError, match=reason) as error, whole_file(given):
        pytest.fail("nothing may be written")
    assert error.value.filename == str(given)
    assert sorted((path, path.lstat().st_ino, path.lstat().st_mode) for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("make, reason", [(make_pipe, "is no regular file"), (make_folder, "is a folder")])
def test_a_page_that_cannot_be_put_there_ends_in_one_line(house, capsys, make, reason):
    add(house, "a")
    make(house / "page.html")
    assert leaderboard("--from", "records", "--json", "--page", str(house / "page.html")) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and f"{house / 'page.html'}: {reason}" in err
