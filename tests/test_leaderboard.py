"""Cohorts, ranking, leaderboard.md and the verb: what is averaged, what is ranked, what is only named."""

import json
import math
import statistics
from pathlib import Path

import pytest
from logs_made import FLOOR, write_log, write_milestone, write_track
from speedrun.board.cohorts import group
from speedrun.board.figures import seconds, seconds_spread, tokens
from speedrun.board.floor import LUCK
from speedrun.board.markdown import escape, splice
from speedrun.board.ranking import Board, Known, rank
from speedrun.cli import run_verb
from speedrun.inference import spread
from speedrun.reading.logs import read_log
from speedrun.tracks import load_track

H100 = {"gpu": "NVIDIA H100", "gpu_count": 8, "cpu": "Intel Xeon", "cores": 208}


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    write_track(tmp_path)
    write_milestone(tmp_path)
    return tmp_path


def leaderboard(*arguments: str) -> int:
    return run_verb("leaderboard", "leaderboard", list(arguments))


def judged(house: Path, **track) -> Board:
    write_track(house, **track)
    from speedrun.verbs.leaderboard import judge

    boards, _ = judge(["runs"], None)
    return next(board for board in boards if board.track.name == "toy")


def add(house: Path, name: str = "a", seeds=(1, 2, 3), **fields):
    """Runs of one cohort whose final losses are 0.01 apart."""
    first = fields.pop("final", 1.8)
    return [
        write_log(house / "runs" / name, seed=seed, final=round(first + 0.01 * i, 6), **fields)
        for i, seed in enumerate(seeds)
    ]


def shown(house: Path, width: int, monkeypatch, capsys) -> str:
    """What a terminal of that width shows of one program's runs, compiled, and not compiled with repeated seeds."""
    for name, compiled in (("a", False), ("b", False), ("c", True)):
        own = {"milestone": "03_distributed_muon", "program": "its own\n", "hyperparameters": {"compile": compiled}}
        add(house, name, run_id=name, final=1.75 if compiled else 1.8, **own)
    write_track(house, targets=[2.0, 1.9])
    monkeypatch.setenv("COLUMNS", str(width))
    assert leaderboard("--from", "runs") == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_no_terminal_cuts_a_figure_or_breaks_a_name(house, width, monkeypatch, capsys):
    out = shown(house, width, monkeypatch, capsys)
    rows = [line for line in out.splitlines() if line[:2] in ("1 ", "2 ")]
    assert [row.split()[1] for row in rows] == ["03_distributed_muon"] * 2
    assert sum(row.rstrip().endswith(" 6 (3)") for row in rows) == 1 and "(seeds)" in out
    assert max(map(len, rows)) <= width


def test_a_narrow_terminal_tells_entries_apart_below_the_table(house, monkeypatch, capsys):
    out = shown(house, 80, monkeypatch, capsys)
    assert out.count("03_distributed_muon (a)") == 2  # in the ranking and among the further targets
    assert "(a) compile=True" in out and "tokens" not in out
    assert "03_distributed_muon (compile=True)" in shown(house, 160, monkeypatch, capsys)


# Statistics of one cohort


def test_mean_spread_time_and_tokens_to_target(house):
    runs = [read_log(path) for path in add(house)]
    board = judged(house, targets=[2.0])
    (table,) = board.tables
    (entry,) = table.entries
    assert entry.loss == (pytest.approx(1.81), pytest.approx(0.01), 3)
    assert entry.above_floor == pytest.approx(1.81 - FLOOR)
    firsts = [next(p for p in run.val if p.loss <= 2.0) for run in runs]
    reach = entry.reaches[0]
    assert reach.seconds is not None
    assert reach.seconds.mean == pytest.approx(statistics.fmean(p.ms / 1000 for p in firsts))
    assert reach.steps == statistics.fmean(p.step for p in firsts)
    assert reach.tokens == reach.steps * 8192


def test_on_a_final_track_only_the_last_validation_counts(house):
    runs = [read_log(path) for path in add(house)]
    (entry,) = judged(house, targets=[2.0], final=True).tables[0].entries
    assert entry.reaches[0].steps == 100
    assert entry.reaches[0].times == tuple(run.val[-1].ms / 1000 for run in runs)


def test_the_lucky_runs_alone_are_not_averaged(house, capsys):
    add(house)  # final losses 1.80, 1.81, 1.82
    (entry,) = judged(house, targets=[1.815]).tables[0].entries
    assert (entry.reaches[0].met, entry.reaches[0].runs) == (2, 3)
    assert entry.reaches[0].seconds is None and entry.reaches[0].tokens is None and entry.rank is None
    leaderboard("--from", "runs")
    assert "2/3 met" in capsys.readouterr().out


def test_runs_that_did_not_complete_are_named_and_not_averaged(house):
    add(house)
    write_log(house / "runs", "b.txt", seed=9, finished=None, stop_at=60, run_id="torn")
    write_log(house / "runs", "c.txt", seed=8, finished=None, run_id="no_last_line")
    write_log(house / "runs", "d.txt", seed=7, finished="interrupted", stop_at=30, run_id="stopped")
    board = judged(house)
    assert len(board.tables[0].entries[0].cohort.complete) == 3
    assert any("2 cut off" in p and "torn" in p and "no_last_line" in p for p in board.problems)
    assert any("1 interrupted" in p and "stopped" in p for p in board.problems)


def test_a_repeated_seed_is_one_value_of_the_loss(house):
    add(house, "a", seeds=(1, 2))
    add(house, "b", seeds=(1, 2), run_id="again")
    (entry,) = judged(house).tables[0].entries
    assert len(entry.cohort.complete) == 4 and entry.loss.n == 2
    assert entry.loss.std == pytest.approx(statistics.stdev([1.80, 1.81]))


def test_a_repeated_seed_does_not_narrow_the_speedup(house):
    def gain(folder: str):
        add(house, folder + "a", run_id=folder + "a")
        add(
            house,
            folder + "b",
            run_id=folder + "b",
            milestone="01_muon",
            ms_per_step=50,
            final=1.75,
            seeds=(1, 2, 3, 4),
        )
        return judged(house, targets=[1.9]).tables[0].entries[0].speedups[0]

    once = gain("first")
    assert once is not None and once.low is not None
    assert gain("second") == pytest.approx(once)


def test_a_copied_log_counts_once(house):
    (path, *_) = add(house)
    path.with_name("copy.txt").write_bytes(path.read_bytes())
    board = judged(house)
    assert len(board.tables[0].entries[0].cohort.complete) == 3
    assert board.problems[0] == "1 log is a copy of another and counts once"


@pytest.mark.parametrize(
    "other",
    [
        {"program": "another"},
        {"planned": 120},
        {"hyperparameters": {"num_layers": 6}},
        {"val_sha256": "7" * 64},
        {"host": {"cpu": "Another CPU"}},
        {"host": {"cores": 4}},
        {"world_size": 1},
        {"milestone": "01_rotary"},
    ],
)
def test_what_makes_another_cohort(tmp_path, other):
    logs = [write_log(tmp_path / "a", seed=1), write_log(tmp_path / "b", seed=2, **other)]
    assert len(group([read_log(log) for log in logs])) == 2


def test_seeds_paths_and_names_make_no_other_cohort(tmp_path):
    same = {"run_id": "x", "log_file": "y.txt", "train_files": "z", "seed": 5, "checkpoint": "c.pt"}
    logs = [write_log(tmp_path / "a", seed=1), write_log(tmp_path / "b", seed=2, hyperparameters=same)]
    assert len(group([read_log(log) for log in logs])) == 1


# Ranking


def test_ranked_by_time_to_target_with_the_speedup_over_the_anchor(house):
    add(house, "slow", ms_per_step=100)
    add(house, "fast", milestone="01_fast", program="fast", ms_per_step=50)
    first, second = judged(house).tables[0].entries
    assert (first.rank, first.cohort.milestone, second.rank) == (1, "01_fast", 2)
    assert first.speedups[0] is not None and first.speedups[0].value == pytest.approx(2, rel=0.03)
    assert second.is_anchor and second.speedups[0] is None


def test_hardware_is_never_mixed(house, capsys):
    add(house, "cpu")
    add(house, "gpu", host=H100, world_size=8, ms_per_step=3)
    board = judged(house)
    assert [len(table.entries) for table in board.tables] == [1, 1]
    assert all(entry.rank == 1 and entry.speedups[0] is None for table in board.tables for entry in table.entries)
    leaderboard("--from", "runs")
    out = capsys.readouterr().out
    assert "8 × NVIDIA H100" in out and "AMD EPYC, 2 cores, 2 processes of 1 thread" in out


def test_a_run_below_the_floor_is_impossible_and_bars_its_cohort(house, capsys):
    add(house)
    add(house, "peek", seeds=(1,), milestone="99_peek", program="p", final=FLOOR - 0.01)
    add(house, "peek2", seeds=(2,), milestone="99_peek", program="p", final=1.7)
    board = judged(house)
    assert [entry.cohort.milestone for entry in board.tables[0].entries] == ["00_baseline"]
    assert [cohort.milestone for cohort in board.tables[0].others] == ["99_peek"]
    assert any("impossible: below the floor" in problem for problem in board.problems)
    leaderboard("--from", "runs")
    assert "impossible" in capsys.readouterr().out


def test_the_floor_leaves_room_for_luck_and_no_more(house):
    slack = math.log(1 / LUCK) / 131_072  # 0.00016 nats
    add(house, "lucky", seeds=(1,), final=FLOOR - 0.9 * slack)
    assert judged(house).tables[0].entries
    add(house, "impossible", seeds=(2,), final=FLOOR - 1.1 * slack)
    assert not judged(house).tables[0].entries


def test_an_honest_model_seldom_beats_the_floor_by_the_slack():
    """The bound in ranking.py, by simulation at a luck of 5%: 10 tokens of a coin with p = 0.5, model q = 0.6."""
    import random

    draws, beaten, trials, n = random.Random(1), 0, 4000, 10
    for _ in range(trials):
        heads = sum(draws.random() < 0.5 for _ in range(n))
        model = -(heads * math.log(0.6) + (n - heads) * math.log(0.4)) / n
        beaten += model < math.log(2) - math.log(1 / 0.05) / n
    assert beaten / trials <= 0.05


def test_other_validation_data_is_not_ranked(house):
    add(house)
    add(house, "other", milestone="01_x", program="x", val_sha256="9" * 64)
    add(house, "part", milestone="02_y", program="y", hyperparameters={"val_tokens": 1000})
    board = judged(house)
    assert [entry.cohort.milestone for table in board.tables for entry in table.entries] == ["00_baseline"]
    assert any("01_x" in p and "other data" in p for p in board.problems)
    assert any("02_y" in p and "val_tokens=1000" in p for p in board.problems)


def test_without_a_pin_each_validation_set_has_its_own_table(house):
    add(house)
    add(house, "mine", val_sha256="9" * 64, val_name="mine_val_000000.bin")
    board = judged(house, pins=[], floor=None)
    assert sorted(table.data.split()[0] for table in board.tables) == ["mine_val_000000.bin", "toy_val_000000.bin"]


def test_an_empty_target_is_the_anchors_own_final_loss(house, capsys):
    add(house, "anchor")
    add(house, "better", milestone="01_better", program="b", final=1.7)
    board = judged(house, targets=[], floor=None)
    (table,) = board.tables
    assert table.targets == (pytest.approx(1.81),)
    assert [(e.cohort.milestone, e.rank) for e in table.entries] == [("01_better", 1), ("00_baseline", 2)]
    leaderboard("--from", "runs")
    assert "is the mean final loss of 00_baseline" in capsys.readouterr().out


def test_an_empty_target_without_anchor_ranks_nobody(house, capsys):
    add(house, "only", milestone="01_better", program="b")
    (entry,) = judged(house, targets=[], floor=None).tables[0].entries
    assert entry.rank is None and entry.reaches == ()
    assert leaderboard("--from", "runs") == 0
    assert "No target yet" in capsys.readouterr().out


def test_several_targets_and_those_nobody_reached(house, capsys):
    add(house)
    table = judged(house, targets=[2.0, 1.9, 1.6, 1.55]).tables[0]
    assert table.unreached == (1.6, 1.55)
    leaderboard("--from", "runs")
    out = capsys.readouterr().out
    assert "Nobody has reached 1.60, 1.55 yet." in out and "to 1.90" in out


def test_names_say_what_a_name_alone_does_not(house):
    add(house, "frozen")
    add(house, "changed", program="changed")
    add(house, "live", milestone="train")
    add(house, "deep", hyperparameters={"num_layers": 6})
    labels = {entry.label for entry in judged(house).tables[0].entries}
    assert "train (same program as 00_baseline)" in labels
    assert any(label.startswith("00_baseline (other program: ") for label in labels)
    assert "00_baseline (num_layers=6)" in labels


def test_of_many_changes_the_name_tells_those_of_the_clock_and_the_first_of_the_script(house):
    flags = ("num_layers", "model_dim", "batch_size", "beta2", "compile")
    add(house, "small", hyperparameters=dict.fromkeys(flags, 2) | {"compile": False})
    add(house, "compiled", hyperparameters=dict.fromkeys(flags, 3) | {"compile": True})
    labels = {entry.label for entry in judged(house).tables[0].entries}
    assert "00_baseline (compile=False, num_layers=2, model_dim=2 and 2 more)" in labels
    assert "00_baseline (compile=True, num_layers=3, model_dim=3 and 2 more)" in labels


# The verb and leaderboard.md


def test_no_runs_and_no_records_are_said(house, capsys):
    assert leaderboard() == 0
    out = capsys.readouterr().out
    assert "No runs of any track in records yet" in out
    assert out.splitlines()[-1].endswith("site/leaderboard.html") and Path(out.splitlines()[-1]).exists()
    assert leaderboard("--check") == 0


def test_written_twice_it_is_the_same_and_text_outside_the_markers_stays(house):
    write_log(house / "records" / "toy" / "00_baseline" / "plan", seed=1)
    path = house / "leaderboard.md"
    assert leaderboard() == 0
    path.write_text("mine\n" + path.read_text() + "and mine\n")
    once = path.read_bytes()
    assert leaderboard() == 0 and path.read_bytes() == once
    assert once.startswith(b"mine\n") and once.endswith(b"and mine\n") and b"00_baseline" in once


def test_check_says_when_it_is_out_of_date_and_writes_nothing(house, capsys):
    plan = house / "records" / "toy" / "00_baseline" / "plan"
    write_log(plan, seed=1)
    assert leaderboard("--check") == 1 and not (house / "leaderboard.md").exists()
    leaderboard()
    assert leaderboard("--check") == 0
    write_log(plan, seed=2)
    before = (house / "leaderboard.md").read_bytes()
    capsys.readouterr()
    assert leaderboard("--check") == 1
    assert "out of date" in capsys.readouterr().err
    assert (house / "leaderboard.md").read_bytes() == before


def test_only_all_of_records_writes_leaderboard_md(house):
    add(house)
    assert leaderboard("--from", "runs") == 0 and leaderboard("--track", "toy") == 0
    assert not (house / "leaderboard.md").exists()


def test_json_is_one_document_and_nothing_else(house, capsys):
    add(house)
    assert leaderboard("--from", "runs", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    (entry,) = document["tracks"][0]["tables"][0]["entries"]
    assert entry["rank"] == 1 and entry["val_loss"]["n"] == 3 and entry["targets"][0]["met"] == 3
    assert not (house / "site").exists()


def test_runs_of_unknown_tracks_and_unreadable_logs_are_named(house, capsys):
    add(house)
    write_log(house / "runs" / "b", seed=1, track="nowhere")
    (house / "runs" / "junk.txt").write_bytes(b"\xff\x00")
    assert leaderboard("--from", "runs") == 0
    out, err = capsys.readouterr()
    assert "1 run of track 'nowhere'" in err and "junk.txt" in err and "00_baseline" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "nowhere"], "no such file"),
        (["--track", "tyo"], "toy"),
        (["--check", "--from", "runs"], "no other option"),
        (["--chekc"], "--check"),
    ],
)
def test_wrong_calls_end_in_one_line(house, capsys, arguments, message):
    assert leaderboard(*arguments) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and message in err


def test_lost_markers_are_an_error_and_nothing_is_overwritten(house, capsys):
    (house / "leaderboard.md").write_text("my own notes\n")
    assert leaderboard() == 2
    assert "leaderboard:begin" in capsys.readouterr().err
    assert (house / "leaderboard.md").read_text() == "my own notes\n"


HOSTILE = '"><img src=x onerror=alert(1)> | <script>alert(1)</script> [x](http://evil) `c` *b* <!-- leaderboard:end -->'


def test_hostile_names_are_text_in_markdown(house, capsys):
    from markdown_it import MarkdownIt

    write_log(house / "records" / "toy" / "x", seed=1, milestone=HOSTILE, host={"cpu": HOSTILE})
    assert leaderboard() == 0 and leaderboard("--check") == 0
    text = (house / "leaderboard.md").read_text()
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in [*tokens, *inline]}
    assert not kinds & {"html_inline", "link_open", "image", "em_open"}
    assert [token.content.strip() for token in tokens if token.type == "html_block"] == [
        "<!-- leaderboard:begin -->",
        "<!-- leaderboard:end -->",
    ]
    shown = [token.content for token in inline if token.type == "text"]
    assert sum(HOSTILE.split(" | ")[0] in content for content in shown) >= 2  # as hardware and as milestone
    assert "://" not in text  # no bare link either
    assert HOSTILE.split()[0] in capsys.readouterr().out


def test_a_long_history_stays_short_in_markdown_and_whole_in_json(house, capsys):
    for number in range(40):
        name = f"{number:02}_x"
        write_log(house / "records" / "toy" / name, seed=1, milestone=name, program=name, planned=10)
        write_log(house / "records" / "toy" / name, seed=2, milestone=name, program=name, planned=10, finished=None)
    assert leaderboard() == 0
    text = (house / "leaderboard.md").read_text()
    assert len(text.splitlines()) < 80 and "25 more on the page" in text and "and 35 more" in text
    capsys.readouterr()
    leaderboard("--json")
    assert len(json.loads(capsys.readouterr().out)["tracks"][0]["tables"][0]["entries"]) == 40


def test_markdown_escapes():
    assert escape("00_baseline") == "00_baseline"
    assert escape("_a_ **b**\n# c") == r"\_a\_ \*\*b\*\* # c"
    assert escape("# not a heading") == r"\# not a heading"
    assert splice("a<!-- leaderboard:begin -->old<!-- leaderboard:end -->b", "new", "x").count("new") == 1


def test_the_repositorys_own_leaderboard_is_up_to_date():
    assert run_verb("leaderboard", "leaderboard", ["--check"]) == 0


# Figures


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.012 s"), (3.3, "3.30 s"), (92.34, "92.3 s"), (599.6, "600 s"), (744, "12.4 min"), (90_000, "25.0 h")],
)
def test_seconds(value, text):
    assert seconds(value) == text


def test_spreads_and_tokens():
    assert seconds_spread(spread([92.0, 93.0, 94.0])) == "93.0 ± 1.0 s"
    assert (tokens(6_553_600), tokens(10_485_760), tokens(2.5e9), tokens(12)) == ("6.55M", "10.5M", "2.50B", "12")


def test_ranking_does_not_depend_on_the_order_of_the_runs(house):
    runs = [read_log(path) for path in [*add(house), *add(house, "b", milestone="01_x", program="x")]]
    track = load_track("toy")
    assert rank(track, runs, Known({})).tables == rank(track, runs[::-1], Known({})).tables
