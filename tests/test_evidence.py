"""From a row's link to the runs that count: what is found, what is kept apart, what is counted once, what is said."""

import math
import statistics
from dataclasses import replace

import pytest
from claims_made import FOLDER, H100, H200, made_archive, made_claim, made_file, made_logs, made_run
from speedrun.audits.claims import Link, LinkState
from speedrun.audits.evidence import Found, gather
from speedrun.audits.record_links import find_link
from speedrun.reading.logfile import LogFile, Val

RESULTS = "records/track_3_optimization/results"


@pytest.fixture
def collect(tmp_path):
    def gathered(files: list[LogFile], **fields) -> Found:
        return gather(made_claim(**fields), made_archive(tmp_path, files), 3.28)

    return gathered


def paths(found: Found) -> list[str]:
    assert found.evidence
    return [run.path.rpartition("/")[2] for run in found.evidence.runs]


# Links


def link_of(top, log, files=(), readme="README.md"):
    return find_link(made_claim(log=log, readme=readme), made_archive(top, files))


def test_links_found_dead_and_absent(tmp_path):
    files = made_logs([3.27])
    assert link_of(tmp_path, f"{FOLDER}/a.txt", files)[0] == Link(LinkState.FOUND, f"{FOLDER}/a.txt")
    link, why = link_of(tmp_path, f"{FOLDER}/x.txt", files)
    assert link == Link(LinkState.DEAD, None) and f"the linked log is missing: {FOLDER}/x.txt" in why
    assert link_of(tmp_path, None)[0] == Link(LinkState.NONE, None)


def test_a_log_of_that_name_in_another_folder_of_the_track(tmp_path):
    files = made_logs([3.27], folder="records/track_1_short/2024-11-06_Other")
    link, why = link_of(tmp_path, f"{FOLDER}/a.txt", files)
    assert link == Link(LinkState.ELSEWHERE, files[0].path) and files[0].path in why
    copy = replace(files[0], path="records/track_1_short/2024-11-07_Copy/a.txt")
    assert link_of(tmp_path, f"{FOLDER}/a.txt", [*files, copy])[0].state is LinkState.ELSEWHERE
    other = replace(copy, content_sha256="0" * 64)
    link, why = link_of(tmp_path, f"{FOLDER}/a.txt", [*files, other])
    assert link.state is LinkState.DEAD and "2 different logs elsewhere" in why
    second = made_logs([3.27], folder="records/track_2_medium/x")
    assert link_of(tmp_path, f"{FOLDER}/a.txt", second)[0].state is LinkState.DEAD


@pytest.mark.parametrize("log", ["../x.txt", "/etc/passwd", "a/../../x.txt", "https://x.com/a.txt", "//x/a.txt", ".",
                                 "file:///etc/passwd", "%2e%2e/x.txt", "a%00b.txt", "records/../.."])  # fmt: skip
def test_what_leads_out_of_the_archive_is_not_followed(tmp_path, log):
    tmp_path.with_name("x.txt").write_text("step:1/1 val_loss:3.2 train_time:1ms step_avg:1ms\n")
    link, why = link_of(tmp_path, log)
    assert link == Link(LinkState.DEAD, None) and "leads out of the archive" in why


def test_symbolic_links_that_lead_out_or_in_circles_are_not_followed(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    tmp_path.joinpath("secret.txt").write_text("secret")
    top.joinpath("out.txt").symlink_to(tmp_path / "secret.txt")
    top.joinpath("folder").symlink_to(tmp_path)
    top.joinpath("loop.txt").symlink_to("loop.txt")
    assert "leads out" in link_of(top, "out.txt")[1]
    assert "leads out" in link_of(top, "folder/secret.txt")[1]
    assert link_of(top, "loop.txt")[0].state is LinkState.DEAD


def test_a_link_is_relative_to_the_readme_of_its_table(tmp_path):
    files = [made_file(f"{RESULTS}/a.txt")]
    readme = "records/track_3_optimization/README.md"
    assert link_of(tmp_path, "results/a.txt", files, readme)[0] == Link(LinkState.FOUND, f"{RESULTS}/a.txt")
    assert link_of(tmp_path, "../../x.txt", files, readme)[0].state is LinkState.DEAD


def test_blanks_and_percent_signs_in_names(tmp_path):
    files = [made_file("r/Fixes and PreMul-O.txt"), made_file("r/50%25.txt")]
    for written, path in {"r/Fixes%20and%20PreMul-O.txt": 0, "r/Fixes and PreMul-O.txt": 0, "r/50%25.txt": 1}.items():
        assert link_of(tmp_path, written, files)[0] == Link(LinkState.FOUND, files[path].path)


# The cohort of a linked log


def test_the_statistics_are_of_the_cohort(collect):
    losses = [3.2781, 3.2779, 3.2790]
    evidence = collect(made_logs(losses)).evidence
    assert evidence and (evidence.n, evidence.column, evidence.left_out) == (3, "val_loss", ())
    assert evidence.mean == pytest.approx(statistics.fmean(losses))
    assert evidence.std == pytest.approx(statistics.stdev(losses))
    assert evidence.mean_minutes == pytest.approx(121 / 60) and evidence.std_minutes == pytest.approx(1 / 60)
    assert evidence.p and 0 < evidence.p < 0.5 and evidence.power and evidence.runs_needed
    assert [run.ms for run in evidence.runs] == [120_000, 121_000, 122_000]


def test_baselines_ablations_and_other_hardware_are_counted_apart_and_named(collect):
    files = [
        *made_logs([3.2781, 3.2779]),
        *made_logs([3.27, 3.27], f"{FOLDER}/baseline", program_sha256="other"),
        *made_logs([3.25], f"{FOLDER}/longer", planned=1600),
        *made_logs([3.26], f"{FOLDER}/one_gpu", gpu_count=1),
        *made_logs([3.2], "records/track_1_short/2026-02-01_Next"),
    ]
    found = collect(files)
    assert paths(found) == ["a.txt", "b.txt"] and found.evidence
    said = "\n".join(found.evidence.left_out)
    assert "2 with another program" in said and "1 with 1600 planned steps" in said
    assert f"1 on 1 x {H100}" in said and "2026-02-01_Next" not in said
    assert "2 further runs with the same steps and hardware hold other programs; counted apart" in found.notes


def test_trap_15_runs_with_another_goal_in_the_folder_do_not_count(collect):
    longer = made_logs([2.75, 2.76], f"{FOLDER}/scaled_up", planned=19_073, program_sha256="larger")
    found = collect([*made_logs([3.2781, 3.2779]), *longer])
    assert paths(found) == ["a.txt", "b.txt"] and found.evidence and found.evidence.mean == pytest.approx(3.278)
    assert "2 with another program, with 19073 planned steps" in "\n".join(found.evidence.left_out)


def test_copies_count_once(collect):
    files = made_logs([3.2781, 3.2779])
    same_bytes = replace(files[1], path=f"{FOLDER}/copy.txt")
    same_run = replace(files[0], path=f"{FOLDER}/again.txt", content_sha256="0" * 64)
    found = collect([*files, same_bytes, same_run])
    assert paths(found) == ["a.txt", "b.txt"] and found.evidence
    assert found.evidence.left_out == ("2 copies of runs already counted",)


def test_runs_without_a_clock_are_copies_only_by_their_bytes(collect):
    files = made_logs([3.2781, 3.2781], ms=None)
    evidence = collect(files).evidence
    assert evidence and evidence.n == 2 and evidence.mean_minutes is None and evidence.p is None


def test_of_runs_that_are_not_all_clocked_no_mean_time_is_known(collect):
    files = [*made_logs([3.2781, 3.2779]), made_file(f"{FOLDER}/c.txt", [made_run(3.2785, ms=None)])]
    evidence = collect(files).evidence
    assert evidence and evidence.n == 3 and evidence.p
    assert evidence.mean_minutes is None and evidence.std_minutes is None


def test_runs_that_are_alike_only_before_the_first_step_are_no_copies(collect):
    cut = made_run(last=100, val=(Val(0, 10.8258, 0.0),))
    files = [made_file(f"{FOLDER}/{name}.txt", [run]) for name, run in {"a": made_run(), "b": cut, "c": cut}.items()]
    evidence = collect(files).evidence
    assert evidence and evidence.n == 1
    assert not any("cop" in line for line in evidence.left_out) and evidence.left_out[0].startswith("2 truncated")


def test_a_truncated_run_is_left_out_and_named(collect):
    files = [*made_logs([3.2781, 3.2779]), made_file(f"{FOLDER}/cut.txt", [made_run(3.295, last=1500)])]
    found = collect(files)
    assert found.evidence and found.evidence.n == 2
    assert found.evidence.left_out == (f"1 truncated: {FOLDER}/cut.txt ends at step 1500 of 1555",)


def test_the_linked_log_may_itself_be_the_truncated_one(collect):
    files = [made_file(f"{FOLDER}/a.txt", [made_run(3.295, last=1500)]), *made_logs([3.2781, 3.2779])[1:]]
    found = collect(files)
    assert paths(found) == ["b.txt"] and found.log
    assert (found.log.final_val_loss, found.log.train_time_ms, found.log.last_step) == (None, None, 1555)


def test_nothing_but_truncated_runs_is_no_evidence(collect):
    found = collect([made_file(runs=[made_run(3.295, last=1500)])])
    assert found.evidence is None and "ends at step 1500 of 1555" in found.notes[-1]


def test_programs_that_differ_in_every_log_are_not_merged_but_said(collect):
    files = [replace(file, program_sha256=f"{i}") for i, file in enumerate(made_logs([3.277, 3.278, 3.279]))]
    found = collect(files)
    assert paths(found) == ["a.txt"]
    assert found.notes == ("2 further runs with the same steps and hardware hold other programs; counted apart",)


def test_another_kind_of_hardware_is_linked(collect):
    files = [*made_logs([3.278], gpu_count=1), *made_logs([3.279, 3.278], f"{FOLDER}/8x")]
    found = collect(files)
    assert paths(found) == ["a.txt"]
    assert any("2 runs of the same program and steps on 8xH100, not linked: mean 2.008 min" in n for n in found.notes)


@pytest.mark.parametrize(("gpu", "matches"), [(H100, True), (H200, False), ("NVIDIA GH200", False), (None, False)])
def test_which_gpu_was_claimed(gpu, matches):
    from speedrun.audits.record_cohorts import on_claimed_hardware

    assert on_claimed_hardware(made_claim(), gpu, 8) is matches
    assert not on_claimed_hardware(made_claim(), gpu, 7)


def test_a_log_without_program_stands_alone(collect):
    files = made_logs([3.2722, 3.28], program_sha256=None, gpu=None, gpu_count=None, planned=None, ms=None)
    found = collect(files)
    assert paths(found) == ["a.txt"]


def test_unreadable_files_beside_are_named_and_a_linked_one_is_no_evidence(collect):
    bad = made_file(f"{FOLDER}/bad.txt", [], dialect="none", reason="is empty")
    found = collect([*made_logs([3.278]), bad])
    assert found.evidence and found.evidence.left_out == (f"1 file without a run: {FOLDER}/bad.txt (is empty)",)
    found = collect([*made_logs([3.278]), bad], log=f"{FOLDER}/bad.txt")
    assert found.evidence is None and "is no run log that can be read: is empty" in found.notes[0]


def test_a_linked_file_that_was_not_read(collect, tmp_path):
    tmp_path.joinpath("r").mkdir()
    tmp_path.joinpath("r/a.txt").write_text("x")
    found = collect([], log="r/a.txt")
    assert found.link.state is LinkState.FOUND and found.evidence is None and "not to be had" in found.notes[0]


# A linked folder


def test_of_a_folder_the_cohort_with_most_runs_on_the_claimed_hardware_counts(collect, tmp_path):
    (tmp_path / FOLDER).mkdir(parents=True)
    files = [
        *made_logs([3.27] * 4, f"{FOLDER}/h200", gpu=H200),
        *made_logs([3.278, 3.279], f"{FOLDER}/new", planned=1500),
        *made_logs([3.277, 3.276], f"{FOLDER}/old", planned=1600, program_sha256="old"),
        *made_logs([3.275], f"{FOLDER}/few", program_sha256="few"),
    ]
    found = collect(files, log=FOLDER)
    assert found.evidence and {run.path for run in found.evidence.runs} == {f"{FOLDER}/new/{x}.txt" for x in "ab"}
    assert found.notes[0] == "a folder of 4 cohorts is linked: the one with most runs counts"
    assert found.log and found.log.path == f"{FOLDER}/new/a.txt" and found.link.path == FOLDER


def test_a_folder_without_logs_is_no_evidence(collect, tmp_path):
    (tmp_path / FOLDER).mkdir(parents=True)
    found = collect([], log=FOLDER)
    assert found.link.state is LinkState.FOUND and found.evidence is None and found.log is None
    assert f"no run in {FOLDER} can be judged" in found.notes[0]


# Track 3


def third(folder: str, name: str, losses: list[float], step: int = 2860, planned: int = 2900, **fields) -> LogFile:
    """A file of one run a loss, with a validation at `step`; the next one, if any, is 0.01 lower."""
    runs = []
    for i, loss in enumerate(losses):
        val = (Val(125, 4.0, 1e3 + i), Val(step, loss, 1e6 + i), Val(planned, loss - 0.01, 2e6 + i))
        runs.append(made_run(planned=planned, val=val if step < planned else val[:2], last_step=planned))
    return made_file(f"{RESULTS}/{folder}{name}", runs, **fields)


def of_track_3(collect, files, log, **fields) -> Found:
    return collect(files, log=log, readme="records/track_3_optimization/README.md", **{"steps": 2860, **fields})


def test_the_loss_is_that_of_the_claimed_step(collect):
    found = of_track_3(collect, [third("x/", "a.txt", [3.279, 3.278])], "results/x/a.txt")
    assert found.evidence and [run.loss for run in found.evidence.runs] == [3.279, 3.278]
    assert {run.step for run in found.evidence.runs} == {2860}
    assert found.log and found.log.final_val_loss == pytest.approx(3.269)


def test_runs_without_a_validation_at_the_claimed_step_are_left_out(collect):
    files = [third("x/", "a.txt", [3.279]), third("x/", "b.txt", [3.2], step=2850)]
    found = of_track_3(collect, files, "results/x/a.txt")
    assert found.evidence and found.evidence.n == 1
    assert "1 without a validation at step 2860" in found.evidence.left_out[0]


def test_captures_without_a_program_count_unless_they_are_copies(collect):
    linked = third("x/", "a.txt", [3.279])
    copy = replace(linked, path=f"{RESULTS}/x/seed_0/stdout.txt", program_sha256=None, content_sha256="1")
    end = replace(linked.runs[0], val=linked.runs[0].val[-1:])
    fragment = made_file(f"{RESULTS}/x/seed_0/final_val_loss.txt", [end], program_sha256=None)
    other = replace(third("x/seed_1/", "stdout.txt", [3.278]), program_sha256=None)
    other = replace(other, runs=(replace(other.runs[0], val=(Val(2860, 3.278, 5e5),)),))
    found = of_track_3(collect, [linked, copy, fragment, other], "results/x/a.txt")
    assert paths(found) == ["a.txt", "stdout.txt"] and found.evidence
    assert found.evidence.left_out == ("2 copies of runs already counted",)


def test_hardware_is_not_compared_on_track_3(collect):
    files = [third("x/", "a.txt", [3.279], gpu=H100), third("x/", "b.txt", [3.278], gpu=None, gpu_count=None)]
    files[1] = replace(files[1], runs=(replace(files[1].runs[0], val=(Val(2860, 3.278, 5e5),)),))
    found = of_track_3(collect, files, "results/x/a.txt")
    assert found.evidence and found.evidence.n == 2


def test_a_sweep_beside_is_not_the_linked_cohort(collect):
    files = [third("x/b1/", "a.txt", [3.279]), third("x/b2/", "a.txt", [3.27, 3.271])]
    found = of_track_3(collect, files, "results/x/b1/a.txt")
    assert found.evidence and found.evidence.n == 1 and "x/b2/a.txt" in found.evidence.left_out[0]


def test_of_logs_in_the_shared_results_folder_only_those_of_the_program_count(collect):
    files = [
        third("", "a.txt", [3.279]),
        replace(third("", "b.txt", [3.278, 3.277, 3.276]), program_sha256="other"),
        replace(third("", "c.txt", [3.271, 3.272, 3.273]), program_sha256=None),
        third("y/", "a.txt", [3.1]),
    ]
    assert paths(of_track_3(collect, files, "results/a.txt")) == ["a.txt"]


def test_a_linked_readme_stands_for_its_folder(collect, tmp_path):
    (tmp_path / RESULTS / "x").mkdir(parents=True)
    (tmp_path / RESULTS / "x" / "README.md").write_text("words")
    found = of_track_3(collect, [third("x/code_logs/", "a.txt", [3.279, 3.278])], "results/x/README.md")
    assert found.evidence and found.evidence.n == 2


def test_a_readme_that_is_missing_is_a_dead_link_and_its_folder_is_judged(collect, tmp_path):
    (tmp_path / RESULTS / "x").mkdir(parents=True)
    found = of_track_3(collect, [third("x/code_logs/", "a.txt", [3.279, 3.278])], "results/x/README.md")
    assert found.link == Link(LinkState.DEAD, f"{RESULTS}/x") and found.evidence and found.evidence.n == 2
    assert "its folder is judged" in found.notes[0]


def ema(loss: float, other: float, ms: float) -> LogFile:
    run = made_run(planned=2900, val=(Val(2860, loss, ms),), others={"val_avg_loss": (loss,), "val_ema_loss": (other,)})
    return made_file(f"{RESULTS}/x/{ms:.0f}.txt", [run])


def test_the_column_whose_mean_the_table_states(collect):
    files = [ema(3.2824, 3.2783, 1), ema(3.2825, 3.2784, 2)]
    found = of_track_3(collect, files, "results/x/1.txt", mean=3.2783, n=8)
    assert found.evidence and found.evidence.column == "val_ema_loss"
    assert found.evidence.mean == pytest.approx(3.27835) and "judged by val_ema_loss" in found.notes[-1]
    for stated in (3.2824, 3.25, None):  # val_loss itself; no column at all; not stated
        found = of_track_3(collect, files, "results/x/1.txt", mean=stated, n=8)
        assert found.evidence and found.evidence.column == "val_loss"


@pytest.mark.parametrize("stated", [3.27735, 3.27935])
def test_a_column_whose_mean_is_off_by_more_than_its_rounding_is_not_chosen(collect, stated):
    files = [ema(3.2824, 3.2783, 1), ema(3.2825, 3.2784, 2)]  # means 3.28245 and 3.27835
    found = of_track_3(collect, files, "results/x/1.txt", mean=stated, n=8)
    assert found.evidence and found.evidence.column == "val_loss" and found.notes == ()


def test_a_column_that_a_run_lacks_is_not_chosen(collect):
    files = [ema(3.2824, 3.2783, 1), ema(3.2825, 3.2784, 2)]
    files[1] = replace(files[1], runs=(replace(files[1].runs[0], others={"val_ema_loss": (None,)}),))
    found = of_track_3(collect, files, "results/x/1.txt", mean=3.2783, n=8)
    assert found.evidence and found.evidence.column == "val_loss" and math.isclose(found.evidence.mean or 0, 3.28245)
