"""The ladder and what is made from it: leaderboard.md's sections, NOTES.md, README.md, older revisions."""

import json
import statistics
from pathlib import Path

import pytest
from logs_made import PROGRAM, sha256, write_log, write_milestone, write_track
from scipy.stats import ttest_ind
from speedrun.board.ladder import Climb, Gain, Ladder, ladder
from speedrun.board.ladder_markdown import p_text, sheets, verdict
from speedrun.board.ranking import Table
from speedrun.cli import run_verb
from speedrun.inference import Ratio, speedup
from speedrun.reading.logs import read_log
from speedrun.study.program_source import resolve
from speedrun.study.worth import judged
from speedrun.verbs.leaderboard import judge

SEEDS = (1, 2, 3, 4)
EMPTY = "head\n<!-- measured:begin -->\n<!-- measured:end -->\ntail\n"


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    write_track(tmp_path, targets=[2.0, 1.9, 1.6])
    for name, program in (("00_baseline", PROGRAM), ("01_muon", "muon"), ("02_modern", "modern")):
        write_milestone(tmp_path, name, program)
    return tmp_path


PROGRAMS = {"00_baseline": PROGRAM, "01_muon": "muon", "02_modern": "modern"}


def add(house: Path, milestone: str, folder: str = "plan", seeds=SEEDS, revision: int | None = None, **fields):
    """Runs of one cohort whose final losses, and so their steps to a target, differ a little."""
    first, program = fields.pop("final", 1.8), fields.pop("program", PROGRAMS[milestone])
    place = house / "records" / "toy" / milestone / folder
    logs = [
        write_log(place, seed=s, milestone=milestone, program=program, every=2, final=round(first + d, 6), **fields)
        for s, d in zip(seeds, (0, 0.02, 0.01, 0.015), strict=False)
    ]
    if revision is not None:
        plan = {"milestone": milestone, "code_sha256": sha256(program), "revision": revision}
        (place / "plan.json").write_text(json.dumps(plan))
    return [read_log(log) for log in logs]


def climbed() -> tuple[Table, Ladder]:
    boards, _ = judge(["records"], None)
    (table,) = boards[0].tables
    return table, ladder(table)


def verdicts(climb: Climb) -> dict[str, str]:
    return {rung.entry.label: verdict(rung) for rung in climb.rungs}


def leaderboard(*arguments: str) -> int:
    return run_verb("leaderboard", "leaderboard", list(arguments))


def firsts(runs, target: float):
    return [next(p for p in run.val if p.loss <= target) for run in runs]


# Figures


def test_ratios_intervals_and_p_are_those_of_scipy(house):
    before, after = add(house, "00_baseline"), add(house, "01_muon", final=1.7, ms_per_step=110)
    _, steps = climbed()
    assert [climb.target for climb in steps.climbs] == [2.0, 1.9, 1.6]
    for climb in steps.climbs[:2]:
        first, second = climb.rungs
        assert first.before is None and first.steps is None and second.before is first.entry
        points = firsts(before, climb.target), firsts(after, climb.target)
        ms = [[p.ms / 1000 for p in side] for side in points]
        counts = [[p.step for p in side] for side in points]
        for gain, (old, new), spread in (
            (second.steps, counts, second.step_spread),
            (second.time, ms, second.time_spread),
        ):
            assert gain is not None and spread is not None
            assert gain.p == pytest.approx(ttest_ind(new, old, equal_var=False, alternative="less").pvalue)
            assert gain.ratio == speedup(old, new)
            assert spread == (pytest.approx(statistics.fmean(new)), pytest.approx(statistics.stdev(new)), 4)
    assert all(not rung.reach.all_met and rung.steps is None for rung in steps.climbs[2].rungs)


def test_the_loss_of_neighbours_is_tested_unless_more_tokens_could_explain_it(house):
    before, after = add(house, "00_baseline"), add(house, "01_muon", final=1.7)
    add(house, "02_modern", final=1.6, planned=120)
    first, second = climbed()[1].descents
    losses = [[run.val[-1].loss for run in runs] for runs in (after, before)]
    assert first.p == pytest.approx(ttest_ind(*losses, equal_var=False, alternative="less").pvalue)
    assert first.difference == pytest.approx(-0.1) and first.tokens == first.tokens_before == 100 * 8192
    assert second.p is None and second.tokens == 120 * 8192
    leaderboard()
    text = (house / "leaderboard.md").read_text()
    assert "the same tokens, lower (p" in text and "more tokens: no comparison" in text and "−0.1000" in text


def test_a_repeated_seed_is_no_further_evidence(house):
    add(house, "00_baseline")
    add(house, "01_muon", "a", final=1.7)
    add(house, "01_muon", "b", final=1.7, run_id="again")
    rung = climbed()[1].climbs[0].rungs[1]
    assert rung.reach.runs == 8 and rung.step_spread is not None and rung.step_spread.n == 4


@pytest.mark.parametrize(
    ("ratio", "p", "standing"),
    [
        (Ratio(1.2, 1.1, 1.3), 0.001, "gain"),
        (Ratio(1.2, None, None), 0.001, "gain"),
        (Ratio(1.2, 1.1, 1.3), 0.01, "none"),
        (Ratio(1.2, 0.99, 1.4), 0.009, "none"),
        (Ratio(0.8, 0.7, 0.9), 0.999, "loss"),
        (Ratio(0.9, 0.7, 1.1), 0.9, "none"),
        (Ratio(1.0, None, None), None, "same"),
        (Ratio(1.5, None, None), None, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_what_counts_as_shown(ratio, p, standing):
    assert Gain(ratio, p).standing == standing


@pytest.mark.parametrize(
    ("p", "text"),
    [(1e-9, "p < 0.0001"), (0.00123, "p = 0.0012"), (0.2345, "p = 0.23"), (0.994, "p = 0.994"), (1.0, "p > 0.999")],
)
def test_p_in_words(p, text):
    assert p_text(p) == text


# Verdicts


def test_a_gain_no_gain_and_a_loss_are_said_plainly(house):
    add(house, "00_baseline")
    add(house, "01_muon", final=1.8)  # another program, the same curve, the clock only by luck
    add(house, "02_modern", final=1.8, ms_per_step=200)
    said = verdicts(climbed()[1].climbs[0])
    assert said["01_muon"].startswith("no gain shown (p = ") and "for steps" in said["01_muon"]
    assert "no gain shown in steps" in said["02_modern"] and "slower (p" in said["02_modern"]
    add(house, "02_modern", final=1.6, ms_per_step=50)
    said = verdicts(climbed()[1].climbs[0])
    assert said["02_modern"].startswith("fewer steps (p") and ", less time (p" in said["02_modern"]


def test_one_run_each_gives_no_p(house):
    add(house, "00_baseline", seeds=(1,))
    add(house, "01_muon", seeds=(1,), final=1.7)
    table, steps = climbed()
    assert verdicts(steps.climbs[0])["01_muon"] == "no p for steps, no p for time"
    assert steps.descents[0].p is None and sheets(table)


def test_the_same_steps_are_called_the_same(house):
    add(house, "00_baseline", seeds=(1,))
    add(house, "01_muon", seeds=(1,))
    assert verdicts(climbed()[1].climbs[0])["01_muon"].startswith("the same steps")


def test_a_target_that_one_side_missed_is_not_compared(house):
    add(house, "00_baseline", final=1.95)
    add(house, "01_muon", final=1.7)
    add(house, "02_modern", final=1.89)  # 1.90 in some runs only
    _, steps = climbed()
    said = verdicts(steps.climbs[1])
    assert said["01_muon"] == "00_baseline did not meet it in every run"
    assert said["02_modern"] == "not met in every run; 01_muon met it"
    assert len(steps.climbs[1].met) == 1
    leaderboard()
    text = (house / "leaderboard.md").read_text()
    assert "steps to 2.00" in text and "steps to 1.90" not in text


def test_a_missing_milestone_is_stepped_over(house):
    add(house, "00_baseline")
    add(house, "02_modern", final=1.7)
    rung = climbed()[1].climbs[0].rungs[1]
    assert rung.before is not None and rung.before.cohort.milestone == "00_baseline" and rung.steps is not None


def test_one_milestone_is_no_ladder(house):
    add(house, "00_baseline")
    leaderboard()
    assert sheets(climbed()[0]) == [] and "ladder" not in (house / "leaderboard.md").read_text()


# Cohorts and programs


def test_of_several_cohorts_the_fastest_to_the_target_is_the_rung_and_is_named(house):
    add(house, "00_baseline")
    add(house, "01_muon", "long", final=1.7)
    add(house, "01_muon", "short", final=1.85, planned=40)  # fast to 2.00, fast to 1.90 only in some runs
    _, steps = climbed()
    assert [climb.rungs[1].entry.note for climb in steps.climbs[:2]] == ["40 steps", "40 steps"]
    add(house, "01_muon", "short", final=1.89, planned=40)
    _, steps = climbed()
    assert [climb.rungs[1].entry.note for climb in steps.climbs[:2]] == ["40 steps", "100 steps"]
    leaderboard()
    assert "| 01_muon (40 steps) | 4 |" in (house / "leaderboard.md").read_text()


def test_other_programs_are_no_rungs(house):
    add(house, "00_baseline")
    add(house, "01_muon", program="changed", final=1.6)
    table, steps = climbed()
    assert len(table.entries) == 2 and [r.entry.label for r in steps.climbs[0].rungs] == ["00_baseline"]


def test_an_older_revision_stays_and_is_neither_anchor_nor_rung(house, capsys):
    write_milestone(house, revision=2)
    add(house, "00_baseline", "old", seeds=(1, 2, 3, 4), program="first", revision=1)
    add(house, "01_muon", final=1.7)
    table, steps = climbed()
    assert [rung.entry.label for rung in steps.climbs[0].rungs] == ["01_muon"]
    assert next(e for e in table.entries if e.is_anchor).label == "00_baseline (revision 1)"
    leaderboard()
    assert "anchor only until" in " ".join(capsys.readouterr().out.split())
    add(house, "00_baseline", "new", seeds=(1, 2), revision=2)
    table, steps = climbed()
    assert {e.label: (e.is_anchor, e.frozen, e.revision) for e in table.entries} == {
        "00_baseline": (True, True, None),
        "00_baseline (revision 1)": (False, False, 1),
        "01_muon": (False, True, None),
    }
    assert [rung.entry.label for rung in steps.climbs[0].rungs] == ["00_baseline", "01_muon"]
    leaderboard()
    assert "neither the anchor nor a step of the ladder" in (house / "leaderboard.md").read_text()


def test_runs_of_an_earlier_revision_that_trains_the_same_count_as_the_present_ones(house, capsys):
    write_milestone(house, revision=2)
    manifest = house / "history/00_baseline/milestone.toml"
    manifest.write_text(f'trains_as = ["{sha256("first")}"]\n{manifest.read_text()}')
    add(house, "00_baseline", "old", program="first", revision=1)
    add(house, "00_baseline", "stranger", seeds=(7, 8), program="strange")
    add(house, "01_muon", final=1.7)
    table, steps = climbed()
    assert {e.label: (e.is_anchor, e.frozen, len(e.cohort.runs)) for e in table.entries} == {
        "00_baseline": (True, True, 4),
        "00_baseline (other program: " + sha256("strange")[:8] + ")": (False, False, 2),
        "01_muon": (False, True, 4),
    }
    assert [rung.entry.label for rung in steps.climbs[0].rungs] == ["00_baseline", "01_muon"]
    assert table.former == ("00_baseline",)
    assert leaderboard() == 0
    assert "(trains_as in milestone.toml): some of 00_baseline." in " ".join(capsys.readouterr().out.split())
    add(house, "00_baseline", "new", seeds=(5, 6), revision=2)
    assert {e.label: len(e.cohort.runs) for e in climbed()[0].entries}["00_baseline"] == 6


def test_a_log_that_names_such_a_revision_and_holds_another_program_does_not_count(house):
    write_milestone(house, revision=2)
    manifest = house / "history/00_baseline/milestone.toml"
    manifest.write_text(f'trains_as = ["{sha256("first")}"]\n{manifest.read_text()}')
    for run in add(house, "00_baseline", program="strange"):
        run.path.write_text(run.path.read_text().replace(sha256("strange"), sha256("first")))
    board = judge(["records"], None)[0][0]
    assert not board.tables[0].entries and "contradictory" in board.problems[0]


def test_the_anchor_is_a_cohort_that_met_the_main_target(house):
    add(house, "00_baseline", "many", final=2.1, planned=50)
    add(house, "00_baseline", "few", seeds=(1, 2))
    anchor = next(entry for entry in climbed()[0].entries if entry.is_anchor)
    assert anchor.cohort.planned_steps == 100


@pytest.mark.parametrize("plan", ["", "[1]", "{", '{"revision": "1"}', '{"revision": true}', "[" * 100_000, "\xff"])
def test_a_plan_that_makes_no_sense_tells_nothing(house, plan):
    add(house, "00_baseline", program="first")
    (house / "records/toy/00_baseline/plan/plan.json").write_text(plan, encoding="latin-1")
    assert "other program: " in climbed()[0].entries[0].label


def test_a_plan_cannot_claim_a_present_or_future_revision_for_another_program(house):
    add(house, "00_baseline", program="first", revision=1)
    assert "other program: " in climbed()[0].entries[0].label


def test_steps_of_different_sizes_are_named(house):
    add(house, "00_baseline")
    add(house, "01_muon", final=1.7, tokens_per_step=4096)
    leaderboard()
    assert "00_baseline 8,192, 01_muon 4,096" in (house / "leaderboard.md").read_text()


# Documents


def write_notes(house: Path, text: str = EMPTY) -> None:
    for name in PROGRAMS:
        (house / "history" / name / "NOTES.md").write_text(text)
    (house / "README.md").write_text("head\n<!-- ladder:begin -->\n<!-- ladder:end -->\ntail\n")


def test_notes_and_readme_are_filled_and_checked(house, capsys):
    write_notes(house)
    add(house, "00_baseline")
    add(house, "01_muon", final=1.7)
    assert leaderboard("--check") == 1
    assert "history/00_baseline/NOTES.md" in capsys.readouterr().err
    assert leaderboard() == 0 and leaderboard("--check") == 0
    texts = {name: (house / "history" / name / "NOTES.md").read_text() for name in PROGRAMS}
    assert all(text.startswith("head\n") and text.endswith("tail\n") for text in texts.values())
    assert "Not measured yet." in texts["02_modern"] and "Not measured yet." not in texts["01_muon"]
    assert "00_baseline: fewer steps (p" in texts["01_muon"] and "above the floor" in texts["01_muon"]
    assert "logs in `records/toy/01_muon/`." in texts["01_muon"] and "819k" in texts["01_muon"]
    assert "ratio" not in texts["00_baseline"]  # nothing to compare with
    readme = (house / "README.md").read_text()
    assert "| 02_modern | A plain GPT-2. | 45 min | – |" in readme and "toy, to 2.00" in readme
    assert readme.startswith("head\n") and readme.endswith("tail\n")
    add(house, "02_modern", final=1.6)
    assert leaderboard("--check") == 1
    assert "history/02_modern/NOTES.md" in capsys.readouterr().err


def test_documents_without_markers_or_records_as_source_are_left_alone(house):
    write_notes(house, "mine\n")
    (house / "README.md").write_text("mine\n")
    add(house, "00_baseline")
    assert leaderboard() == 0 and leaderboard("--check") == 0
    assert (house / "README.md").read_text() == "mine\n"
    assert (house / "history/00_baseline/NOTES.md").read_text() == "mine\n"
    write_notes(house)
    assert leaderboard("--track", "toy") == 0 and leaderboard("--from", str(house / "records")) == 0
    assert (house / "history/00_baseline/NOTES.md").read_text() == EMPTY


@pytest.mark.parametrize("damaged", [EMPTY.replace("end", "ned"), EMPTY + EMPTY, "<!-- measured:end -->\n"])
def test_damaged_markers_end_in_one_line_and_nothing_is_written(house, capsys, damaged):
    write_notes(house, damaged)
    add(house, "00_baseline")
    assert leaderboard() == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (house / "leaderboard.md").exists()
    assert (house / "history/00_baseline/NOTES.md").read_text() == damaged


def test_notes_of_what_met_no_target_and_of_an_older_revision_only(house):
    write_notes(house)
    write_milestone(house, revision=2)
    add(house, "00_baseline", program="first", revision=1)
    add(house, "01_muon", final=2.5)
    leaderboard()
    assert "Not measured yet. Runs of an older revision than 2" in (house / "history/00_baseline/NOTES.md").read_text()
    assert "none met in every run" in (house / "history/01_muon/NOTES.md").read_text()


def test_notes_tell_a_target_that_only_the_one_before_met(house):
    write_notes(house)
    add(house, "00_baseline")
    add(house, "01_muon", final=1.89)
    leaderboard()
    (row,) = [line for line in (house / "history/01_muon/NOTES.md").read_text().splitlines() if "| 1.90 |" in line]
    assert "| 2/4 met | 2/4 met |" in row and "not met in every run; 00_baseline met it" in row


def test_json_has_the_ladder(house, capsys):
    add(house, "00_baseline")
    add(house, "01_muon", final=1.7)
    assert leaderboard("--json") == 0
    found = json.loads(capsys.readouterr().out)["tracks"][0]["tables"][0]["ladder"]
    assert [climb["target"] for climb in found["targets"]] == [2.0, 1.9]
    first, second = found["targets"][0]["rungs"]
    assert first["before"] is None and first["fewer_steps"] is None
    assert second["before"] == "00_baseline" and second["fewer_steps"]["standing"] == "gain"
    assert found["losses"][0]["difference"] == pytest.approx(-0.1)


HOSTILE = "<script>alert(1)</script> | [x](http://evil) `c` <!-- measured:end --> <!-- ladder:end -->"


def test_hostile_text_is_text(house):
    from markdown_it import MarkdownIt

    write_notes(house)
    for name in ("00_baseline", "01_muon"):
        add(house, name, host={"cpu": HOSTILE}, hyperparameters={"x": HOSTILE})
        add(house, name, "other", host={"cpu": HOSTILE}, hyperparameters={"x": 1})
    write_milestone(house, idea=HOSTILE)
    assert leaderboard() == 0 and leaderboard("--check") == 0
    for path in (house / "leaderboard.md", house / "README.md", house / "history/01_muon/NOTES.md"):
        tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text())
        inline = [child for token in tokens for child in token.children or []]
        links = [token.attrs["href"] for token in inline if token.type == "link_open"]
        assert set(links) <= {"leaderboard.md", "../../leaderboard.md"}
        assert not {t.type for t in inline} & {"html_inline", "image"}
        blocks = [token.content.strip() for token in tokens if token.type == "html_block"]
        assert all(block.startswith("<!--") and "script" not in block for block in blocks)
        assert any("alert(1)" in token.content for token in inline)


def test_a_ladder_compares_the_runs_of_one_session(house):
    """A slower day's runs of one milestone alone must not make it look slower than the one before it."""
    for milestone, final, created in (
        ("00_baseline", 1.8, "monday"), ("01_muon", 1.7, "monday"), ("01_muon", 1.7, "tuesday"),
    ):  # fmt: skip
        folder = f"{created}_{milestone}"
        add(house, milestone, folder, final=final, ms_per_step=100 if created == "monday" else 300)
        plan = house / "records" / "toy" / milestone / folder / "plan.json"
        plan.write_text(json.dumps({"created": created}))
    table, steps = climbed()
    row = next(entry for entry in table.entries if entry.cohort.milestone == "01_muon")
    (_, rung), *_ = [climb.rungs for climb in steps.climbs]
    assert len(row.cohort.runs) == 8, "the leaderboard counts the runs of both days"
    assert {run.path.parent.name for run in rung.entry.cohort.runs} == {"monday_01_muon"}
    assert rung.reach.seconds.mean < row.reaches[0].seconds.mean
    gain = speedup(steps.climbs[0].rungs[0].reach.times, rung.reach.times)
    (house / "README.md").write_text("<!-- ladder:begin -->\n<!-- ladder:end -->\n")
    (house / "leaderboard.md").write_text("<!-- leaderboard:begin -->\n<!-- leaderboard:end -->\n")
    assert leaderboard() == 0
    assert gain and f"{gain.value:.2f}×" in (house / "README.md").read_text(), "the README tells of the same runs"
    before, after = (resolve(name) for name in ("00_baseline", "01_muon"))
    (measured,) = judged(before, after, judge(["records"], None)[0]).measured
    assert measured.after and measured.after.cohort.runs == rung.entry.cohort.runs, "and so does a diff"


def test_a_ladder_without_plans_compares_all_runs(house):
    add(house, "00_baseline")
    add(house, "01_muon", "one", final=1.7)
    add(house, "01_muon", "two", final=1.7, ms_per_step=300)
    _, steps = climbed()
    assert len(steps.climbs[0].rungs[1].entry.cohort.runs) == 8


def test_the_flags_that_the_milestone_states_need_no_note(house):
    """Of several cohorts of a program, the one with the present flags is what the milestone's name means."""
    manifest = house / "history" / "01_muon" / "milestone.toml"
    manifest.write_text(manifest.read_text() + '[tracks.toy]\nnum_iterations = 100\nrate = 0.5\nprecision = "auto"\n')
    add(house, "00_baseline")
    chosen = {"rate": 0.5, "precision": "float32"}
    add(house, "01_muon", "now", hyperparameters=chosen)
    add(house, "01_muon", "before", hyperparameters=chosen | {"rate": 0.1}, planned=120)
    table, _ = climbed()
    labels = {entry.label for entry in table.entries}
    assert labels == {"00_baseline", "01_muon", "01_muon (rate=0.1; 120 steps)"}


def test_two_cohorts_with_the_stated_flags_are_told_apart(house):
    """What a flag leaves to the machine may differ between them."""
    manifest = house / "history" / "01_muon" / "milestone.toml"
    manifest.write_text(manifest.read_text() + '[tracks.toy]\nnum_iterations = 100\nprecision = "auto"\n')
    for precision in ("float32", "bfloat16"):
        add(house, "01_muon", precision, hyperparameters={"precision": precision})
    table, _ = climbed()
    assert {entry.label for entry in table.entries} == {f"01_muon (precision={p})" for p in ("float32", "bfloat16")}
