"""Ablations: techniques that are off are told by hyperparameters, are in no ranking, and are compared in a table."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from logs_made import make_log, sha256, write_log, write_milestone, write_track
from scipy.stats import ttest_ind
from speedrun import house
from speedrun.board.ablation_markdown import sheet
from speedrun.board.ablations import Ablation, ablations, switches
from speedrun.board.ranking import Table
from speedrun.cli import run_verb
from speedrun.errors import UserError
from speedrun.milestones import all_milestones, load_milestone
from speedrun.replay.torchrun import Ended
from speedrun.verbs.leaderboard import judge
from standin import SCRIPT, make_house, start_verb, wait_for_line

SWITCHES = "[without.rope]\nrotary_base = 0\n[without.qk_norm]\nqk_norm = false\n"
FULL = {"rotary_base": 100.0, "qk_norm": True, "num_layers": 4}
NO_ROPE, NO_NORM = FULL | {"rotary_base": 0.0}, FULL | {"qk_norm": False}
OFFSETS = (0, 0.02, 0.01)  # of the final losses of seeds 1, 2, 3
EMPTY = "head\n<!-- measured:begin -->\n<!-- measured:end -->\n<!-- ablation:begin -->\n<!-- ablation:end -->\ntail\n"


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    write_track(tmp_path, targets=[2.0, 1.6])
    write_milestone(tmp_path)
    append(tmp_path / "history/00_baseline/milestone.toml", SWITCHES)
    return tmp_path


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def add(clone: Path, folder: str, hyperparameters: dict, created: str | None = None, seeds=(1, 2, 3), **fields):
    """Runs of one cohort; with a program of their own they are of revision 1."""
    place = clone / "records/toy/00_baseline" / folder
    first = fields.pop("final", 1.8)
    for seed, offset in zip(seeds, OFFSETS, strict=False):
        final = round(first + offset, 6)
        write_log(place, seed=seed, hyperparameters=hyperparameters, final=final, every=5, **fields)
    if created:
        old = {"milestone": "00_baseline", "code_sha256": sha256(fields.get("program", "")), "revision": 1}
        plan = {"created": created} | (old if "program" in fields else {})
        (place / "plan.json").write_text(json.dumps(plan))


def table() -> Table:
    return judge(["records"], None)[0][0].tables[0]


def compared(*targets: float, sessions=None) -> list[Ablation]:
    found = table()
    return ablations([e.cohort for e in found.entries], found.ablated, targets or (2.0,), False, sessions or {})


def cells(found: Ablation) -> list[list[str]]:
    return [[cell.full for cell in row] for row in sheet(found, "00_baseline").rows]


# Which runs are ablations


def test_a_technique_that_is_off_is_told_by_the_hyperparameters_whatever_the_folder_is_called(clone):
    add(clone, "without_qk_norm", FULL)
    add(clone, "a", NO_ROPE)
    add(clone, "b", NO_ROPE | NO_NORM | {"rotary_base": 0.0})
    found = table()
    assert [entry.cohort.fields["rotary_base"] for entry in found.entries] == [100.0]
    assert sorted(one.without for one in found.ablated) == [("rope",), ("rope", "qk_norm")]


def test_what_the_tracks_own_flags_turn_off_is_no_ablation(clone):
    append(clone / "history/00_baseline/milestone.toml", "[tracks.toy]\nqk_norm = false\n")
    assert list(switches(load_milestone("00"), "toy")) == ["rope"]
    assert list(switches(load_milestone("00"), "shakespeare")) == ["rope", "qk_norm"]
    add(clone, "a", NO_NORM)
    assert [entry.label for entry in table().entries] == ["00_baseline"]


def test_another_program_under_the_milestones_name_is_ranked_as_such(clone):
    add(clone, "full", FULL)
    add(clone, "other", NO_NORM, program="another")
    found = table()
    assert found.ablated == () and any("other program" in entry.label for entry in found.entries)


def test_ablations_are_in_no_ranking_ladder_or_speedup_and_a_line_says_where_they_are(clone, capsys):
    add(clone, "full", FULL)
    add(clone, "faster", NO_NORM, final=1.6)
    assert run_verb("leaderboard", "leaderboard", []) == 0
    out = capsys.readouterr().out
    assert "3 runs with a technique turned off: in no row" in out and "NOTES.md of 00_baseline" in " ".join(out.split())
    text = (clone / "leaderboard.md").read_text()
    assert "qk_norm" not in text and text.count("| 00_baseline |") == 1
    assert run_verb("leaderboard", "leaderboard", ["--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["tracks"][0]["tables"]
    assert len(shown["entries"]) == 1
    assert [(one["without"], len(one["runs"])) for one in shown["ablated"]] == [(["qk_norm"], 3)]


# What a technique is worth


def test_the_tables_numbers(clone):
    add(clone, "full", FULL, ms_per_step=100)
    add(clone, "no_rope", NO_ROPE, final=1.9, ms_per_step=80)
    add(clone, "no_norm", NO_NORM, final=1.99)
    (found,) = compared()
    by_name = {worth.variant.without: worth for worth in found.worths}
    worth = by_name[("rope",)]
    full, without = [1.8, 1.82, 1.81], [1.9, 1.92, 1.91]
    expected: Any = ttest_ind(without, full, equal_var=False, alternative="greater")
    both_sided: Any = ttest_ind(without, full, equal_var=False)
    interval = both_sided.confidence_interval(0.95)
    assert (worth.variant.loss.n, worth.difference.difference) == (3, pytest.approx(0.1))
    assert (worth.difference.low, worth.difference.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert worth.p == pytest.approx(expected.pvalue)
    assert worth.step_time and worth.step_time.value == pytest.approx(0.8, rel=0.01)
    top, first, second = cells(found)
    assert top[:5] == ["00_baseline", "3", "1.8100 ± 0.0100", "–", "–"] and top[6].startswith("5.")
    assert first[0] == "without qk_norm" and second[0] == "without rope"  # the dearest to lose comes first
    assert second[3].startswith("+0.1000 (+0.07") and second[4] == "worse (p = 0.00013)"
    assert first[5] == first[6] == "2/3 met"  # 2.01 is the highest of its final losses
    assert second[7].startswith("0.80× (0.")


@pytest.mark.parametrize(
    ("final", "verdict"),
    [(1.8, "the same in every run"), (1.801, "not shown to be worse (p = 0.45)"), (1.7, "better (p = 0.00013)")],
)
def test_a_technique_that_is_not_worth_its_while(clone, final, verdict):
    add(clone, "full", FULL)
    add(clone, "a", NO_ROPE, final=final)
    assert cells(compared()[0])[1][4] == verdict


def test_one_seed_tells_no_p(clone):
    add(clone, "full", FULL, seeds=(1,))
    add(clone, "a", NO_ROPE, seeds=(1,), final=1.9)
    row = cells(compared()[0])[1]
    assert row[3:5] == ["+0.1000", "no p"]


def test_a_repeated_seed_is_one_value(clone):
    add(clone, "full", FULL)
    add(clone, "a", NO_ROPE, final=1.9)
    add(clone, "again", NO_ROPE, final=1.9, run_id="again")
    assert [row[1] for row in cells(compared()[0])] == ["3", "3"]


def test_the_target_is_the_first_that_the_full_program_met(clone):
    """A track whose target was made harder still has its older ablations, which were made for the easier one."""
    add(clone, "full", FULL)
    add(clone, "a", NO_ROPE, final=1.9)
    assert [found.target for found in compared(1.0, 2.0, 3.0)] == [2.0]
    assert [found.target for found in compared(1.0, 0.5)] == [1.0], "none was met: the main one"


def test_other_flags_other_steps_and_other_machines_are_not_compared(clone):
    add(clone, "full", FULL)
    add(clone, "deep", NO_ROPE | {"num_layers": 6})
    add(clone, "long", NO_ROPE, planned=120)
    add(clone, "elsewhere", NO_ROPE, host={"cpu": "Another CPU"})
    assert compared() == []


def test_only_full_runs_of_the_same_session_are_compared_where_the_plans_tell(clone):
    add(clone, "old", FULL, created="monday", final=1.6)
    add(clone, "full", FULL, created="tuesday", run_id="new")
    add(clone, "a", NO_ROPE, created="tuesday", final=1.9)
    write_notes(clone)
    assert "| 00_baseline | 3 | 1.8100 ± 0.0100 |" in notes(clone)
    assert "Every row took turns with the full program." in notes(clone)
    shutil.rmtree(clone / "records/toy/00_baseline/full")
    write_notes(clone)
    (row,) = [line for line in notes(clone).splitlines() if "without rope" in line]
    assert "+0.3000" in row and row.endswith("| – | – |")  # losses compare, times of another day do not
    assert "Times are left out" in notes(clone)


# NOTES.md


def test_those_of_the_newest_former_revision_stay_until_the_present_one_has_some(clone):
    write_milestone(clone, revision=2)
    append(clone / "history/00_baseline/milestone.toml", SWITCHES)
    add(clone, "old", FULL, created="monday", program="first")
    add(clone, "old_a", NO_ROPE, created="monday", program="first", final=1.9)
    add(clone, "new", FULL, created="tuesday")
    write_notes(clone)
    ablated = notes(clone).split("<!-- ablation:begin -->")[1]
    assert "| 00_baseline (revision 1) | 3 |" in ablated and "| without rope | 3 |" in ablated
    add(clone, "new_b", NO_NORM, created="tuesday", final=1.9)
    write_notes(clone)
    ablated = notes(clone).split("<!-- ablation:begin -->")[1]
    assert "| 00_baseline | 3 |" in ablated and "rope" not in ablated and "| without qk_norm | 3 |" in ablated


def write_notes(clone: Path) -> None:
    (clone / "history/00_baseline/NOTES.md").write_text(EMPTY)
    assert run_verb("leaderboard", "leaderboard", []) == 0


def notes(clone: Path) -> str:
    return (clone / "history/00_baseline/NOTES.md").read_text()


def test_notes_say_that_nothing_is_measured_yet(clone):
    write_notes(clone)
    assert notes(clone).count("Not measured yet.") == 2


def test_notes_are_written_once_and_beside_what_else_is_generated(clone):
    add(clone, "full", FULL)
    add(clone, "a", NO_ROPE, final=1.9)
    add(clone, "deep", NO_NORM | {"num_layers": 6})
    write_notes(clone)
    text = notes(clone)
    measured, ablated = text.split("<!-- ablation:begin -->")
    assert text.startswith("head\n") and text.endswith("tail\n")
    assert "rope" not in measured and "| toy | 3 |" in measured
    assert "| without rope | 3 | 1.9100 ± 0.0100 | \\+0.1000" in ablated
    assert "the other flags stay as tuned for the full program, which favours it" in ablated
    assert "records/toy/00_baseline/" in ablated and "AMD EPYC, 2 cores" in ablated
    assert "The plans do not tell whether all were run in one session." in ablated
    assert "On toy without qk_norm: no full runs with the same flags" in ablated
    assert run_verb("leaderboard", "leaderboard", ["--check"]) == 0
    assert run_verb("leaderboard", "leaderboard", []) == 0 and notes(clone) == text


def test_every_switch_of_this_clone_is_a_field_of_its_script_and_changes_its_default(monkeypatch):
    monkeypatch.delenv("SPEEDRUN_HOUSE", raising=False)
    seen = 0
    for milestone in all_milestones():
        text = milestone.script.read_text()
        for flags in milestone.without.values():
            for field, value in flags.items():
                found = re.search(rf"^    {field}: (int|float|bool) = ([\w.]+)", text, re.MULTILINE)
                assert found and found[1] == type(value).__name__, (milestone.name, field)
                assert json.loads(found[2].lower().replace("_", "")) != value
                seen += 1
    assert seen > 0
    assert list(load_milestone("02").without) == ["rope", "qk_norm", "relu_squared", "zero_init"]


# The verb


@pytest.fixture
def trained(tmp_path, monkeypatch) -> list[tuple[str, str]]:
    """A house whose trainings only write a log; the switch `luck` costs 0.5 nats, `care` nothing. What was run."""
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    make_house(tmp_path)
    for manifest in tmp_path.glob("*/**/milestone.toml"):
        append(manifest, '[without.luck]\nmode = "none"\n[without.care]\nval_every = 1\n')
    order = []

    def run_script(script, arguments, nproc, cwd, on_line):
        flags = dict(argument.removeprefix("--").split("=", 1) for argument in arguments)
        order.append((flags["log_file"].split("_", 1)[1].split("_toy")[0], flags["seed"]))
        fields = {"mode": flags.get("mode", "ok"), "val_every": int(flags.get("val_every", 2))}
        final = 1.8 + 0.01 * int(flags["seed"]) + 0.5 * (fields["mode"] == "none")
        own = {"milestone": script.parent.name, "program": SCRIPT, "hyperparameters": fields}
        log = make_log(int(flags["seed"]), final=round(final, 6), **own)
        (cwd / flags["log_file"]).write_text(log)
        return Ended(0, None, {}, "")

    monkeypatch.setattr("speedrun.replay.replaying.run_script", run_script)
    return order


def ablate(*arguments: str) -> int:
    return run_verb("ablate", "ablate", [*arguments, "--track", "toy"])


def test_variants_take_turns_and_the_table_is_printed(trained, capsys):
    assert ablate("00", "--runs", "2", "--seed", "5") == 0
    first = [("00_first", "5"), ("00_first-luck", "5"), ("00_first-care", "5")]
    assert trained == [*first, *((name, "6") for name, _ in first)]
    out = capsys.readouterr().out
    assert "−luck" in out and "+0.5000" in out and "the same" in out
    assert out.count("runs/") == 3 and "-luck_toy" in out
    assert "n" in out.split() and "to 3.00" in out and "step" in out and "…" not in out  # whole at 80 columns


def test_plans_name_what_is_off_and_bear_one_time(trained, capsys):
    assert ablate("00", "--runs", "2", "--only", "luck", "--set", "num_iterations=100", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    full, off = document["plans"]
    assert full["without"] == [] and off["without"] == ["luck"] and full["created"] == off["created"]
    assert off["flags"] == full["flags"] | {"mode": "none"} and full["flags"]["num_iterations"] == "100"
    stored = json.loads((house.runs() / off["plan"] / "plan.json").read_text())
    assert stored["without"] == ["luck"] and stored["plan"].endswith("_00_first-luck_toy")
    found = document["ablation"]
    assert (found["milestone"], found["track"], found["target"]) == ("00_first", "toy", 3.0)
    assert found["full"]["val_loss"]["n"] == 2 and found["full"]["met"] == 2 and found["full"]["steps"]["mean"] > 0
    (worth,) = found["techniques"]
    assert worth["without"] == ["luck"] and worth["difference"]["value"] == pytest.approx(0.5)
    assert worth["p_worse"] < 0.01 and not worth["same"] and worth["step_time_ratio"]["value"] == pytest.approx(1)


def test_the_live_script_can_be_ablated_too(trained, capsys):
    assert ablate("train", "--runs", "1", "--only", "care", "--json") == 0
    assert json.loads(capsys.readouterr().out)["ablation"]["techniques"][0]["same"]


def test_the_board_of_runs_shows_ablations_in_no_row(trained, capsys):
    ablate("00", "--runs", "2")
    (found,) = judge(["runs"], None)[0][0].tables
    assert [entry.cohort.milestone for entry in found.entries] == ["00_first"]
    assert sorted(one.without for one in found.ablated) == [("care",), ("luck",)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["00", "--only", "lukc"], "00_first has no switch 'lukc' (did you mean luck?)"),
        (["00", "--only", "untied_head"], "(there are: luck, care)"),
        (["01", "--runs", "0"], "--runs 0"),
        (["bare"], "no milestone 'bare'"),
    ],
)
def test_wrong_calls_are_one_line_and_leave_nothing(trained, capsys, arguments, expected):
    assert ablate(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and expected in err and not house.runs().exists()


def test_a_milestone_without_switches_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    make_house(tmp_path)
    assert ablate("00") == 2
    assert "no technique of 00_first can be turned off on toy" in capsys.readouterr().err


def test_an_interrupted_ablation_is_one_line_and_keeps_what_is_finished(trained, tmp_path):
    append(tmp_path / "history/01_second/milestone.toml", '[without.haste]\nmode = "slow"\n')
    process = start_verb(tmp_path, "ablate 01 --track toy --only haste")
    wait_for_line(process, "without haste on toy, seed 1: 0/4")
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == ""
    assert err.splitlines()[-1].startswith("ablate: interrupted; 1 of 6 runs were completed; the log so far is in ")
    states = [json.loads(path.read_text())["finished"] for path in tmp_path.glob("runs/*/outcomes.jsonl")]
    assert sorted(states) == ["completed", "interrupted"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('[without."../x"]\nqk_norm = false\n', "'../x' must be a name of letters, digits and underscores"),
        ("[without]\nqk_norm = false\n", "[without]: qk_norm is False, but must be a table"),
    ],
)
def test_a_wrong_switch_in_a_manifest_is_refused_with_its_place(tmp_path, monkeypatch, table, expected):
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    write_milestone(tmp_path)
    append(tmp_path / "history/00_baseline/milestone.toml", table)
    with pytest.raises(UserError) as refused:
        load_milestone("00")
    assert expected in str(refused.value) and "milestone.toml" in str(refused.value)
