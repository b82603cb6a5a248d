"""The audit: which verdict a row gets and why, and what the verb shows of it, made archives and the real sample."""

import json
import math
import re
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from claims_made import FOLDER, SAMPLE, log_text, made_archive, made_claim, made_logs, made_run, write_archive
from speedrun.audits.audit import Exemption, audit, exemption_of, load_exemptions, time_off, track_3_value
from speedrun.audits.claims import Row, Verdict
from speedrun.cli import run_verb
from speedrun.errors import UserError
from speedrun.reading.logfile import LogFile

PASS = [3.2781, 3.2779, 3.2785, 3.2776, 3.2788]  # p < 0.01
NEAR = [3.2781, 3.2819, 3.2785, 3.2796, 3.2802]  # p > 0.01, mean below 3.28
FAIL = [3.2821, 3.2819, 3.2825, 3.2816, 3.2828]  # p > 0.99
DOUBT = [3.2799, 3.2819, 3.2785, 3.2811, 3.2809]  # p about 0.8, mean above 3.28
TWO = 120_000  # the claimed two minutes, in ms


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def judged(tmp_path):
    def one(files: list[LogFile], exemptions: list[Exemption] | None = None, **fields: Any) -> Row:
        (row,) = audit(made_archive(tmp_path, files), [made_claim(**fields)], exemptions or [])
        return row

    return one


def speedrun_audit(*arguments: object) -> int:
    return run_verb("audit", "audit", [str(argument) for argument in arguments])


# Verdicts on tracks 1 and 2


@pytest.mark.parametrize(
    ("losses", "minutes", "verdict", "reason"),
    [
        (PASS, 2.03, "supported", "mean loss below 3.28: p = 0.00052"),
        (PASS, 2.2, "supported", "mean loss below 3.28"),
        (PASS, 2.0, "contradicted", "slower by 1.7%: 2.033 min against the 2 min claimed"),
        (NEAR, 2.03, "unsupported", "mean loss not shown below 3.28: p = 0.3"),
        (NEAR, 2.0, "contradicted", "slower by 1.7%"),
        (DOUBT, 2.03, "unsupported", "mean loss not shown below 3.28: p = 0.76"),
        (FAIL, 2.03, "contradicted", "mean loss above 3.28: p = 1"),
        ([3.277], 2.0, "unsupported", "the only run ends at 3.2770: no p without others"),
        ([3.281], 2.0, "contradicted", "the only run ends at 3.2810, above 3.28"),
        ([3.279, 3.279], 2.0, "unsupported", "all 2 runs end at 3.2790"),
        ([3.281, 3.281], 2.0, "contradicted", "all 2 runs end at 3.2810, above 3.28"),
    ],
)
def test_loss_and_time_are_judged_apart_and_the_worse_decides(judged, losses, minutes, verdict, reason):
    row = judged(made_logs(losses), minutes=minutes)
    assert (row.verdict, row.target) == (verdict, 3.28) and row.reasons[0].startswith(reason)


def test_faster_than_claimed_is_supported_and_said(judged):
    row = judged(made_logs(PASS), minutes=2.2)
    assert row.verdict is Verdict.SUPPORTED and any("faster by 7.6%" in reason for reason in row.reasons)
    assert time_off(row) == pytest.approx(122 / 132 - 1)


def test_one_percent_is_the_border(judged):
    for ms, verdict in ((121_199, Verdict.SUPPORTED), (121_201, Verdict.CONTRADICTED)):
        files = [replace(f, runs=(made_run(loss, ms),)) for f, loss in zip(made_logs(PASS), PASS, strict=True)]
        assert judged(files, minutes=2.0).verdict is verdict


def test_the_medium_track_has_its_own_target(judged):
    row = judged(made_logs([loss - 0.36 for loss in PASS]), track=2, minutes=2.03)
    assert (row.verdict, row.target) == (Verdict.SUPPORTED, 2.92)


def test_other_hardware_cannot_support_the_time_nor_contradict_it(judged):
    row = judged(made_logs(PASS, gpu_count=1), minutes=0.5)
    assert row.verdict is Verdict.UNSUPPORTED and time_off(row) is None
    assert "timed on 1 x NVIDIA H100 80GB HBM3, claimed on 8xH100" in row.reasons[0]


def test_without_a_clock_there_is_no_support(judged):
    row = judged(made_logs(PASS, ms=None))
    assert row.verdict is Verdict.UNSUPPORTED and "no clock" in row.reasons[0]


@pytest.mark.parametrize(
    ("files", "fields", "reason"),
    [
        ([], {"log": None}, "the row links no log"),
        ([], {}, f"the linked log is missing: {FOLDER}/a.txt"),
        (made_logs([3.27], last=1500), {}, "1 truncated"),
        ([], {"log": "../../etc/passwd"}, "leads out of the archive"),
    ],
)
def test_no_evidence(judged, files, fields, reason):
    row = judged(files, **fields)
    assert row.verdict is Verdict.NO_EVIDENCE and row.evidence is None and reason in row.reasons[0]


# Exemptions


EXEMPT = Exemption(1, 64, "rule 2", "An idea")


@pytest.mark.parametrize(
    ("losses", "minutes", "verdict"),
    [
        ([3.277], 2.0, "supported"),
        (NEAR, 2.03, "supported"),
        ([3.281], 2.0, "supported"),
        ([3.277], 1.9, "contradicted"),
        (FAIL, 2.03, "contradicted"),
    ],
)
def test_an_exempt_row_needs_no_loss_statistics_but_a_time(judged, losses, minutes, verdict):
    row = judged(made_logs(losses), [EXEMPT], minutes=minutes)
    assert row.verdict == verdict and row.exempt == 'rule 2 ("An idea")'
    assert judged([], [EXEMPT]).verdict is Verdict.NO_EVIDENCE


def test_an_exemption_is_of_one_row_not_of_all_with_its_number():
    assert exemption_of(made_claim(), [EXEMPT]) and not exemption_of(made_claim(description="Another"), [EXEMPT])
    assert not exemption_of(made_claim(track=2), [EXEMPT]) and not exemption_of(made_claim(record=65), [EXEMPT])


@pytest.mark.parametrize(
    "text",
    ["exempt = 3", "[[exempt]]\ntrack = 1", "[[exempt]]\ntrack = true\nrecord = 1\nreason = ''\nsource = ''", "x"],
)
def test_a_list_of_exemptions_that_is_wrong(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError, match="mine.toml"):
        load_exemptions(path)


# Track 3


def third(losses: list[float]) -> list[LogFile]:
    return made_logs(losses, "records/track_3_optimization/results/x", planned=2900)


def of_track_3(judged, losses: list[float], **fields: Any) -> Row:
    where = {"log": "results/x/a.txt", "readme": "records/track_3_optimization/README.md", "steps": 2900}
    return judged(third(losses), **where, **fields)


def test_the_third_track_has_its_own_rule(judged):
    row = of_track_3(judged, [3.2752])
    assert row.verdict is Verdict.SUPPORTED and "(3.28 - mean) * sqrt(n) = 0.0048 >= 0.004" in row.reasons[0]
    assert of_track_3(judged, [3.2777]).verdict is Verdict.UNSUPPORTED
    assert of_track_3(judged, [3.2779, 3.2781, 3.2780, 3.2782]).verdict is Verdict.UNSUPPORTED
    assert of_track_3(judged, [3.2779, 3.2781, 3.2780, 3.2776]).verdict is Verdict.SUPPORTED
    assert of_track_3(judged, FAIL).verdict is Verdict.CONTRADICTED
    assert of_track_3(judged, [3.281]).verdict is Verdict.CONTRADICTED


def test_what_the_table_states_and_the_runs_do_not(judged):
    reasons = of_track_3(judged, PASS, mean=3.2711, n=8).reasons
    assert "the table says n = 8; the archive holds 5" in reasons
    assert any("the table says mean 3.2711; that of the runs is 3.27818" in reason for reason in reasons)


@pytest.mark.parametrize(("off", "said"), [(0.001, True), (-0.001, True), (0.0001, False)])
def test_a_stated_mean_that_is_off_by_more_than_its_rounding_is_said(judged, off, said):
    reasons = of_track_3(judged, PASS, mean=round(statistics.fmean(PASS) + off, 5), n=5).reasons
    assert any("the table says mean" in reason for reason in reasons) is said


def test_a_mean_of_nothing_is_a_mean(judged):
    evidence = of_track_3(judged, [0.0, 0.0]).evidence
    assert evidence and evidence.mean == 0 and track_3_value(evidence, 3.28) == pytest.approx(3.28 * math.sqrt(2))
    assert track_3_value(replace(evidence, mean=None), 3.28) == -math.inf


# The verb


def row(record: int = 64, minutes: float = 2.03, words: str = "An idea", log: str | None = f"{FOLDER}/a.txt") -> str:
    return f"{record} | {minutes} minutes | {words} | 01/30/26 | {f'[log]({log})' if log else '-'} | @a\n"


def written(losses: list[float], folder: str = FOLDER, ms: int = TWO, **fields: Any) -> dict[str, str]:
    return {f"{folder}/{'abcdefgh'[i]}.txt": log_text(loss, ms + 1000 * i, **fields) for i, loss in enumerate(losses)}


@pytest.fixture
def top(tmp_path) -> Path:
    logs = {**written(PASS), f"{FOLDER}/cut.txt": log_text(3.295, 119_000, last=1500)}
    logs |= written(NEAR[1:3], f"{FOLDER}/baseline", program="before")
    return write_archive(
        tmp_path / "archive", row() + row(65, 1.9, "Gone", "some/gone.txt") + row(66, 1.8, "None", None), logs
    )


def documents(capsys, *arguments: object) -> list[dict[str, Any]]:
    assert speedrun_audit(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_a_row_for_each_of_the_table(top, capsys):
    first, gone, none = documents(capsys, top)
    assert (first["track"], first["record"], first["verdict"]) == (1, 64, "supported")
    assert first["claimed"] == {"minutes": 2.03, "date": "2026-01-30", "description": "An idea", "contributors": "@a",
                                "hardware": "8xH100", "mean": None, "n": None}  # fmt: skip
    assert first["link"] == {"state": "found", "path": f"{FOLDER}/a.txt", "written": f"{FOLDER}/a.txt"}
    assert first["log"]["final_val_loss"] == 3.2781 and first["log"]["train_time_ms"] == TWO
    assert (first["log"]["last_step"], first["log"]["gpu_count"]) == (1555, 8) and "H100" in first["log"]["gpu"]
    cohort = first["cohort"]
    assert cohort["n"] == 5 and cohort["mean"] == pytest.approx(statistics.fmean(PASS)) and cohort["p"] < 0.01
    assert {"std", "power", "runs_needed", "mean_minutes"} <= cohort.keys() and len(cohort["runs"]) == 5
    assert any("cut.txt ends at step 1500 of 1555" in line for line in cohort["left_out"])
    assert any("2 with another program" in line for line in cohort["left_out"])
    assert (gone["link"]["state"], gone["verdict"], gone["log"], gone["cohort"]) == ("dead", "no evidence", None, None)
    assert none["link"] == {"state": "none", "path": None, "written": None} and none["reasons"]


def test_the_table_fits_and_the_summary_counts(top, capsys, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # rich takes what is captured for a terminal,
    monkeypatch.setenv("TERM", "dumb")  # of 80 columns without colours
    assert speedrun_audit(top) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "64" in out and "supported" in out and "2.033" in out
    assert "3 rows: 1 supported, 0 unsupported, 0 contradicted, 2 no evidence" in out
    assert "1 reach p < 0.01, of 1" in out and "0 off by more than 1%, of 1" in out


def number(text: str, name: str) -> float:
    found = re.search(rf"{re.escape(name)} = (-?[\d.]+)", text)
    assert found, f"{name} in {text}"
    return float(found[1])


def test_the_verdict_on_one_record_can_be_recomputed_by_hand_from_what_is_printed(top, capsys):
    assert speedrun_audit(top, "--record", 64) == 0
    out = capsys.readouterr().out
    runs = re.findall(r"^  (\d\.\d{6})  +(\d+\.\d{4})  (\S+)$", out, re.MULTILINE)
    losses, minutes = [float(run[0]) for run in runs], [float(run[1]) for run in runs]
    assert losses == PASS and [run[2] for run in runs] == [f"{x}.txt" for x in "abcde"] and f"Folder: {FOLDER}" in out
    mean, std = sum(losses) / 5, math.sqrt(sum((x - sum(losses) / 5) ** 2 for x in losses) / 4)
    assert number(out, "mean") == pytest.approx(mean, abs=1e-7) and number(out, "std") == pytest.approx(std, abs=1e-7)
    t = (number(out, "target") if "target = " in out else 3.28) - number(out, "mean")
    assert float(out.rpartition("sqrt(5)) = ")[2].split()[0]) == pytest.approx(
        t / (number(out, "std") / math.sqrt(5)), rel=1e-3
    )
    assert f"{sum(minutes) / 5:.4f} min" in out and f"{sum(minutes) / 5 / 2.03 - 1:+.2%}" in out
    assert "degrees of freedom: 4" in out and "cut.txt ends at step 1500 of 1555" in out
    assert "Verdict: supported" in out and "claimed in README.md, line 7" in out


def test_a_record_without_evidence_says_why(top, capsys):
    assert speedrun_audit(top, "--record", 65) == 0
    out = capsys.readouterr().out
    assert "Link: dead" in out and "the linked log is missing: some/gone.txt" in out and "Verdict: no evidence" in out


def test_all_rows_of_a_repeated_record_are_shown(tmp_path, capsys):
    top = write_archive(tmp_path / "archive", row(words="first") + row(words="second"), {})
    assert speedrun_audit(top, "--record", 64) == 0
    out, err = capsys.readouterr()
    assert "first" in out and "second" in out and "2 rows for record 64" in err


def test_nothing_is_said_of_rows_that_are_not_shown(tmp_path, capsys):
    top = write_archive(tmp_path / "archive", row() + row() + row(record=65), {})
    assert speedrun_audit(top, "--record", 65) == 0
    assert "2 rows" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--track", 2], "has no table of track 2; it has 1"),
        (["--record", 99], "track 1 has no record 99; its last is 66"),
        (["--exempt", "nowhere.toml"], "nowhere.toml"),
        (["--trakc", 1], "--track"),
    ],
)
def test_wrong_calls_end_in_one_line(top, capsys, arguments, message):
    assert speedrun_audit(top, *arguments) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and message in err


def test_no_folder_and_no_table_end_in_one_line(tmp_path, capsys):
    tmp_path.joinpath("empty").mkdir()
    tmp_path.joinpath("plain").mkdir()
    tmp_path.joinpath("plain", "README.md").write_text("# Nothing\n\n| a | b |\n| - | - |\n| 1 | 2 |\n")
    for name, message in (("nowhere", "no such folder"), ("empty", "no record table"), ("plain", "no record table")):
        assert speedrun_audit(tmp_path / name) == 2
        out, err = capsys.readouterr()
        assert not out and err.count("\n") == 1 and message in err


def test_an_archive_without_logs_is_audited_all_the_same(tmp_path, capsys):
    top = write_archive(tmp_path / "archive", row(), {})
    assert [one["verdict"] for one in documents(capsys, top)] == ["no evidence"]


def test_ones_own_exemptions(top, tmp_path, capsys):
    mine = tmp_path / "mine.toml"
    mine.write_text('[[exempt]]\ntrack = 1\nrecord = 64\nreason = "kernels"\nsource = "An idea"\n')
    assert documents(capsys, top, "--exempt", mine)[0]["exempt"] == 'kernels ("An idea")'
    assert documents(capsys, top)[0]["exempt"] is None


def test_unreadable_logs_are_named_and_the_rest_is_judged(tmp_path, capsys):
    top = write_archive(tmp_path / "archive", row(), written(PASS))
    top.joinpath(FOLDER, "junk.txt").write_bytes(b"\xff\x00\xfe")
    top.joinpath(FOLDER, "gone.txt").symlink_to("/etc/passwd")
    (one,) = documents(capsys, top)
    assert one["verdict"] == "supported" and any("junk.txt" in line for line in one["cohort"]["left_out"])
    assert speedrun_audit(top) == 0
    assert "gone.txt" in capsys.readouterr().err


NAMES = ['it\'s a [bold] "name" & more.txt', "a b.txt", "<script>alert(1)</script>".replace("/", "_") + ".txt"]


@pytest.mark.parametrize("name", NAMES)
def test_names_with_blanks_quotes_and_markup(tmp_path, capsys, name):
    folder = "records/track_1_short/2026 <b>[red]x"
    words = "[bold]x[/bold] <script> \\| \x1b[31mred"
    destination = f"{folder}/{name}".replace("<", "%3C").replace(">", "%3E")
    top = write_archive(
        tmp_path / "archive", row(words=words, log=destination), {f"{folder}/{name}": log_text(3.27, TWO)}
    )
    (one,) = documents(capsys, top)
    assert one["link"]["state"] == "found" and one["link"]["path"] == f"{folder}/{name}"
    assert one["claimed"]["description"] == "[bold]x[/bold] <script> | �[31mred"
    for arguments in ((), ("--record", 64)):
        assert speedrun_audit(top, *arguments) == 0
        assert "\x1b" not in capsys.readouterr().out
    speedrun_audit(top, "--record", 64)
    out = capsys.readouterr().out
    assert "[bold]x[/bold] <script>" in out and f"Folder: {folder}" in out and f"found, {name}" in out


def test_pipes_in_cells_and_file_names(tmp_path, capsys):
    top = write_archive(
        tmp_path / "archive",
        row(words="\\|x\\|", log=f"{FOLDER}/a\\|b.txt"),
        {f"{FOLDER}/a|b.txt": log_text(3.27, TWO)},
    )
    (one,) = documents(capsys, top)
    assert one["link"]["path"] == f"{FOLDER}/a|b.txt" and one["claimed"]["description"] == "|x|"


# The real sample


@pytest.fixture(scope="module")
def sample() -> dict[tuple[int, int], Row]:
    if not SAMPLE.is_dir():
        pytest.skip(f"{SAMPLE} is absent")
    from speedrun.audits.record_tables import read_tables
    from speedrun.reading.archive import read_archive

    rows = audit(read_archive(SAMPLE, cache=False), read_tables(SAMPLE).claims, load_exemptions(None))
    assert len(rows) == 155
    return {(row.claim.track, row.claim.record): row for row in rows}


def test_every_shipped_exemption_is_of_a_row_and_in_its_words(sample):
    from speedrun.audits.record_tables import read_tables

    claims = read_tables(SAMPLE).claims
    for one in load_exemptions(None):
        assert sum(exemption_of(claim, [one]) is not None for claim in claims) == 1


def test_mimetic_value_output_seven_pass_and_the_truncated_one_is_left_out(sample):
    row = sample[1, 64]
    assert row.evidence and row.evidence.n == 7 and row.evidence.p and row.evidence.p < 0.05
    assert "6037e443" in row.evidence.left_out[0] and "ends at step 1500 of 1555" in row.evidence.left_out[0]
    assert all("6037e443" not in run.path for run in row.evidence.runs)


def test_prefix_token_prediction_links_a_run_of_one_gpu(sample):
    row = sample[1, 88]
    assert row.log and row.log.gpu_count == 1 and row.evidence and row.evidence.n == 2
    assert row.verdict is not Verdict.SUPPORTED and time_off(row) is None
    assert any("1 x NVIDIA H100" in reason for reason in row.reasons)
    assert any("on 8xH100, not linked" in reason and "prefix-1375-8x" in reason for reason in row.reasons)


def test_untie_value_embeddings_splits_ten_and_ten(sample):
    row = sample[1, 63]
    assert row.evidence and row.evidence.n == 10 and {run.run.planned_steps for run in row.evidence.runs} == {1575}
    assert any("10 with another program, with 1600 planned steps" in line for line in row.evidence.left_out)


def test_seven_ablations_in_one_folder_are_seven_cohorts(sample):
    row = sample[1, 9]
    assert row.evidence and row.evidence.n == 1
    assert any("other programs; counted apart" in note for note in row.reasons)


def test_a_log_that_lies_elsewhere(sample):
    assert sample[1, 8].link.state == "elsewhere" and "2024-11-06_ShortcutsTweaks" in (sample[1, 8].link.path or "")


def test_logs_without_a_clock_are_no_support(sample):
    for key in ((1, 1), (1, 2), (2, 1)):
        row = sample[key]
        assert row.evidence and row.evidence.mean_minutes is None and row.verdict is not Verdict.SUPPORTED
    assert sample[2, 1].log and sample[2, 1].log.final_val_loss == pytest.approx(2.9282, abs=1e-4)


def test_no_loss_is_taken_from_a_program(sample):
    losses = [run.loss for row in sample.values() if row.evidence for run in row.evidence.runs]
    assert min(losses) > 2.9 and max(losses) < 3.4


def test_the_third_track_at_the_claimed_step(sample):
    early = sample[3, 42]  # stops at 2860 of 2900
    assert early.evidence and {run.step for run in early.evidence.runs} == {2860} and early.evidence.n == 12
    several = sample[3, 12]  # one file of 20 runs, planned to 3350, judged at 3325
    assert several.evidence and several.evidence.n == 20 and {run.step for run in several.evidence.runs} == {3325}
    assert several.evidence.mean == pytest.approx(3.2790, abs=1e-4) and several.verdict is Verdict.SUPPORTED
    column = sample[3, 46]
    assert column.evidence and column.evidence.column == "val_ema_loss" and column.evidence.n == 8
    assert column.evidence.mean == pytest.approx(3.27833, abs=1e-5)


def test_copies_of_the_third_track_count_once(sample):
    batch = sample[3, 32]  # 9 logs, and captures of 7 of them
    assert batch.evidence and batch.evidence.n == 9 and batch.verdict is Verdict.SUPPORTED
    assert any("copies" in line for line in batch.evidence.left_out)
    trust = sample[3, 16]  # the linked log is a copy of the first of two captures
    assert trust.evidence and trust.evidence.n == 2
    sweep = sample[3, 19]
    assert sweep.evidence and sweep.evidence.n == 6 and all("b1095_sh090" in run.path for run in sweep.evidence.runs)
