"""What an argument of diff can mean, which programs are run for it, and what the facts of a program are."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from logs_made import make_log
from programs_made import MARKER, PROGRAM
from speedrun.errors import UserError
from speedrun.milestones import all_milestones
from speedrun.study.diff_wording import size_rows
from speedrun.study.model_facts import condensed
from speedrun.study.program_facts import NOT_RUN, Facts, asking
from speedrun.study.program_source import Program, resolve
from speedrun.study.word_diff import compare, schedule_words

HOUSE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of facts of the tests' own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


def asked(*programs: Program, run: bool = False) -> list[Facts | str]:
    with asking(programs, run) as inquiry:
        return list(inquiry.answers())


@pytest.fixture(scope="module")
def facts(cache) -> tuple[Facts, Facts, Facts]:
    """Of milestones 0, 3 and 4."""
    first, third, fourth = asked(*map(resolve, ("00", "03", "04")))
    assert isinstance(first, Facts) and isinstance(third, Facts) and isinstance(fourth, Facts), (first, third, fourth)
    return first, third, fourth


# Arguments


@pytest.mark.parametrize("argument", ["03", "3", "03_distributed_muon"])
def test_a_milestone_by_number_or_name(argument):
    program = resolve(argument)
    assert program.label == "03_distributed_muon" and program.script is not None


def test_live_is_the_script_in_train():
    assert resolve("live").sha256 == resolve("train").sha256 and resolve("live").label == "live"


def test_a_file_is_not_trusted_unless_it_is_a_milestone_to_the_byte(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PROGRAM)
    assert resolve(str(path)).script is None
    path.write_bytes((HOUSE / "history/01_muon/train_gpt2.py").read_bytes())
    program = resolve(str(path))
    assert program.milestone and program.milestone.name == "01_muon"
    assert program.script == HOUSE / "history/01_muon/train_gpt2.py"


def test_the_program_inside_a_run_log(tmp_path):
    path = tmp_path / "seed_1.txt"
    path.write_text(make_log(program=PROGRAM))
    program = resolve(str(path))
    assert program.main.text.strip() == PROGRAM.strip() and program.script is None
    path.write_text(make_log(program=(HOUSE / "history/01_muon/train_gpt2.py").read_text()))
    assert resolve(str(path)).milestone == resolve("01").milestone


def test_a_folder_made_by_extract_has_its_main_file_first(tmp_path):
    for name in ("a.py", "kernels.py", "train_gpt.py"):
        tmp_path.joinpath(name).write_text(f"# {name}\n")
    tmp_path.joinpath("provenance.json").write_text(json.dumps({"files": [{"name": "train_gpt.py"}, {"name": "a.py"}]}))
    assert [file.name for file in resolve(str(tmp_path)).files] == ["train_gpt.py", "a.py", "kernels.py"]


def test_a_folder_in_which_the_main_file_is_not_plain_is_refused(tmp_path):
    for name in ("a.py", "b.py"):
        tmp_path.joinpath(name).write_text("x = 1\n")
    with pytest.raises(UserError, match="which of a.py, b.py"):
        resolve(str(tmp_path))


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "clone"
    script = folder / "history/03_distributed_muon/train_gpt2.py"
    script.parent.mkdir(parents=True)
    script.write_text(PROGRAM)
    folder.joinpath("run.txt").write_text(make_log(program=PROGRAM))
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "one")):
        subprocess.run(["git", "-C", folder, *command], check=True)
    script.write_text("changed = True\n")
    return folder


@pytest.mark.parametrize(
    "path", ["history/03_distributed_muon/train_gpt2.py", "03", "3", "03_distributed_muon", "run.txt"]
)
def test_a_file_of_a_revision_without_a_checkout(clone, path):
    program = resolve(f"HEAD:{path}", clone)
    assert program.main.text.strip() == PROGRAM.strip() and program.script is None


@pytest.mark.parametrize(
    "argument", ["HEAD:no.py", "no_such:03", "--output=/tmp/x:03", "-n:03", ":03", "HEAD:", "HEAD:../x", "HEAD:/etc/x"]
)
def test_a_revision_or_path_that_is_not_there_ends_in_one_line(clone, argument):
    with pytest.raises(UserError) as error:
        resolve(argument, clone)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("argument", ["99", "04_skip_conections", "no/such/file.py", ""])
def test_what_is_nothing_is_said(argument):
    with pytest.raises(UserError):
        resolve(argument)


def test_a_file_that_is_neither_program_nor_log(tmp_path):
    tmp_path.joinpath("notes.txt").write_text("hello\n")
    with pytest.raises(UserError, match="holds no program"):
        resolve(str(tmp_path / "notes.txt"))


# What is run


def test_a_strangers_program_is_never_run_unasked(tmp_path, cache):
    marker = tmp_path / "marker"
    path = tmp_path / "evil.py"
    path.write_text(PROGRAM + MARKER.format(marker=str(marker)))
    log = tmp_path / "log.txt"
    log.write_text(make_log(program=path.read_text()))
    assert asked(resolve(str(path)), resolve(str(log))) == [NOT_RUN, NOT_RUN]
    assert not marker.exists()


def test_run_executes_it_and_counts_its_weights(tmp_path, cache):
    marker, path = tmp_path / "marker", tmp_path / "mine.py"
    path.write_text(PROGRAM + MARKER.format(marker=str(marker)))
    (facts,) = asked(resolve(str(path)), run=True)
    assert isinstance(facts, Facts) and marker.exists()
    assert facts.parameters == 32 * 16 + 2 * 16 * 16 and facts.multiplying == facts.parameters and facts.tied_head
    assert facts.schedules["learning_rate_scale"][0] == (0, 1.0)


@pytest.mark.parametrize(
    "text, why",
    [("raise SystemExit(3)\n", "SystemExit: 3"), ("x = 1\n", "no GPT"), ("import os\nos._exit(4)\n", "code 4")],
)
def test_a_program_that_cannot_be_built_says_why(tmp_path, cache, text, why):
    path = tmp_path / "mine.py"
    path.write_text(text)
    (answer,) = asked(resolve(str(path)), run=True)
    assert isinstance(answer, str) and answer.startswith("not known") and why in answer


def test_a_milestone_that_is_no_longer_the_frozen_one_is_not_run(tmp_path, monkeypatch, cache):
    from logs_made import write_milestone

    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    marker = tmp_path / "marker"
    write_milestone(tmp_path, "00_baseline", PROGRAM)
    tmp_path.joinpath("history/00_baseline/train_gpt2.py").write_text(PROGRAM + MARKER.format(marker=str(marker)))
    assert asked(resolve("00")) == [NOT_RUN] and not marker.exists()


# Facts


def test_the_facts_of_the_history(facts):
    first, third, fourth = facts
    assert first.parameters == 50_257 * 768 + 1024 * 768 + 12 * 12 * 768**2 and first.tied_head
    assert third.parameters == 50_304 * 768 + 12 * 12 * 768**2 and third.tied_head
    assert first.multiplying == 50_257 * 768 + 12 * 12 * 768**2  # the head; positions are only looked up
    assert not fourth.tied_head and fourth.parts["value_embeddings"] == 3 * 50_304 * 768
    assert [group.optimizer for group in fourth.groups] == ["Adam", "Adam", "Adam", "Muon"]
    assert sum(group.weights for group in fourth.groups) == fourth.parameters
    muon = third.groups[-1]
    assert (muon.tensors, muon.learning_rate, muon.options["momentum"]) == (72, 3.6e-4, 0.95)
    assert "blocks.*.attention.query.weight" in muon.names
    assert third.schedules["learning_rate_scale"] == ((0, 1.0), (3650, 1.0), (5100, 0.0))
    assert fourth.schedules["momentum"][0] == (0, 0.85)


def test_sizes_in_words(facts):
    _, third, fourth = facts
    words = compare(resolve("03"), resolve("04"), (third, fourth), all_milestones())
    assert (words.before.tokens, words.after.tokens) == (5100 * 512 * 1024, 3000 * 512 * 1024)
    assert words.before.flops_per_token == 6 * third.multiplying + 6 * 12 * 1024 * 768
    assert words.techniques and ("added", "untied head") in words.techniques
    assert all(way == "added" for way, _ in words.techniques)
    back = compare(resolve("04"), resolve("03"), (fourth, third), all_milestones())
    assert back.techniques and all(way == "removed" for way, _ in back.techniques)


def test_a_small_difference_is_not_rounded_away(facts):
    _, third, fourth = facts
    padded = replace(third, parameters=third.parameters + 1)
    rows = {row.what: row for row in size_rows(compare(resolve("03"), resolve("03"), (third, padded), []))}
    assert not rows["parameters"].same and rows["parameters"].after == f"{padded.parameters:,}"
    assert rows["steps"].same and rows["FLOPs a token"].same


def test_facts_are_kept_and_a_tampered_entry_counts_for_nothing(facts, cache, monkeypatch):
    entries = {path: path.read_text() for path in cache.glob("speedrun/facts/*.json")}
    assert len(entries) >= 3
    monkeypatch.setattr("speedrun.study.program_facts._start", lambda command: pytest.fail("it was asked again"))
    assert asked(resolve("03")) == [facts[1]]
    monkeypatch.setattr("speedrun.study.program_facts._start", lambda command: None)
    number = str(facts[1].parameters)
    for change in (lambda text: text.replace(number, "7"), lambda text: text[:50], lambda text: "[1]", lambda text: ""):
        for path, text in entries.items():
            path.write_text(change(text))
        assert asked(resolve("03")) == [NOT_RUN]
    for path, text in entries.items():
        path.write_text(text)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    tmp_path.joinpath("file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert isinstance(asked(resolve("00"))[0], Facts)


def test_names_of_tensors_are_condensed():
    assert condensed(["a.0.b.weight", "a.1.b.weight", "a.1.c"]) == ["a.*.b.weight", "a.*.c"]


@pytest.mark.parametrize(
    "points, words",
    [
        ([(0, 1.0), (2100, 1.0), (3000, 0.0)], "1 until step 2,100, then down to 0 at step 3,000"),
        ([(0, 0.85), (500, 0.95), (3000, 0.95)], "from 0.85 up to 0.95 at step 500, then level until step 3,000"),
        ([(0, 1.0), (10, 1.0)], "1 until step 10"),
    ],
)
def test_a_schedule_in_words(points, words):
    assert schedule_words(points) == words


def test_the_environment_of_a_training_run_does_not_reach_the_child(monkeypatch, tmp_path, cache):
    monkeypatch.setenv("RANK", "1")
    path = tmp_path / "mine.py"
    path.write_text(
        "import os\nassert 'RANK' not in os.environ and os.environ['CUDA_VISIBLE_DEVICES'] == ''\n" + PROGRAM
    )
    assert isinstance(asked(resolve(str(path)), run=True)[0], Facts)
    assert os.environ["RANK"] == "1"
