"""track.toml and milestone.toml: what is read, and that every slip ends in one line that says where it is."""

from pathlib import Path

import pytest
from speedrun import house
from speedrun.errors import UserError
from speedrun.milestones import all_milestones, load_milestone
from speedrun.tracks import all_tracks, load_track
from standin import add_milestone, make_house


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SPEEDRUN_HOUSE", str(tmp_path))
    return make_house(tmp_path)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_track_is_read_with_defaults_for_what_it_leaves_out(root):
    track = load_track("toy")
    assert track.title == "A toy"
    assert track.data.train == "data/toy/toy_train_*.bin"
    assert (track.data.val_tokens, track.data.val_sha256, track.data.floor) == (0, (), None)
    assert track.target.val_loss == (3.0, 2.0) and track.target.final is False
    assert (track.anchor, track.hardware, track.rules) == ("00_first", "any", ("be quick",))
    assert all_tracks() == [track]


def test_whole_numbers_do_for_losses_and_an_empty_target_means_the_anchors(root):
    file = root / "records/toy/track.toml"
    edit(file, "val_loss = [3.0, 2.0]", "val_loss = [3]\nfinal = true")
    assert load_track("toy").target == type(load_track("toy").target)((3.0,), True)
    edit(file, "val_loss = [3]", "val_loss = []")
    assert load_track("toy").target.val_loss == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title = "A toy"', "", "title is missing"),
        ('title = "A toy"', "title = 3", "title is 3, but must be a text"),
        ("[3.0, 2.0]", '[3.0, "two"]', "val_loss[1] is 'two', but must be a number"),
        ("[3.0, 2.0]", "3.0", "val_loss is 3.0, but must be a list"),
        ("[3.0, 2.0]", "[nan]", "val_loss[0] is nan, but must be finite"),
        ("[3.0, 2.0]", "[3.0, -inf]", "val_loss[1] is -inf, but must be finite"),
        ("[3.0, 2.0]", f"[1{'0' * 400}]", "but must be a number"),
        ("[3.0, 2.0]", "[true]", "val_loss[0] is True, but must be a number"),
        ('val = "data/toy/toy_val_*.bin"', "", "[data]: val is missing"),
        ('title = "A toy"', f"title = {'[' * 100_000}", "not readable as TOML: nested too deeply"),
        ('title = "A toy"', f"title{'.a' * 3000} = 1", "but must be a text"),
        ('name = "toy"', 'name = "tov"', "its folder is toy"),
        ('name = "toy"', "name =", "not readable as TOML"),
    ],
)
def test_a_wrong_track_file_is_refused_with_file_and_field(root, old, new, expected):
    edit(root / "records/toy/track.toml", old, new)
    with pytest.raises(UserError) as refused:
        load_track("toy")
    assert expected in str(refused.value) and "track.toml" in str(refused.value)


@pytest.mark.parametrize("name", ["toi", "toy-cpu", "../toy", "", "toy/"])
def test_an_unknown_track_names_those_that_there_are(root, name):
    with pytest.raises(UserError, match="no track .*toy"):
        load_track(name)


def test_milestones_are_found_by_name_number_and_train(root):
    assert [m.name for m in all_milestones()] == ["00_first", "01_second", "train"]
    assert load_milestone("00") == load_milestone("0") == load_milestone("00_first")
    assert load_milestone("train").script == root / "train/train_gpt2.py"
    assert load_milestone("train").sha256 is None
    second = load_milestone("01_second")
    assert second.flags == {"toy": {"num_iterations": 4}}
    assert second.official and (second.official.minutes, second.official.date) == (45.0, "2024-05-28")


def test_a_number_that_two_milestones_bear_is_not_guessed(root):
    add_milestone(root, "01_other")
    with pytest.raises(UserError, match="no milestone '01'"):
        load_milestone("01")


@pytest.mark.parametrize(("name", "near"), [("00_frist", "00_first"), ("7", "01_second"), ("../train", "train")])
def test_an_unknown_milestone_names_the_nearest(root, name, near):
    with pytest.raises(UserError, match=f"no milestone .*{near}"):
        load_milestone(name)


def test_a_frozen_script_that_changed_is_refused_and_the_live_one_is_not(root):
    for name in ("history/00_first", "train"):
        with open(root / name / "train_gpt2.py", "a") as script:
            script.write("# faster\n")
    with pytest.raises(UserError, match="00_first/train_gpt2.py is not the frozen program.*git checkout"):
        load_milestone("00_first").check_frozen()
    assert load_milestone("train").check_frozen() == load_milestone("train").code_sha256()


def test_a_milestone_without_sha256_or_script_is_refused(root):
    manifest = root / "history/00_first/milestone.toml"
    (root / "history/01_second/train_gpt2.py").unlink()
    with pytest.raises(UserError, match="01_second/train_gpt2.py is missing"):
        load_milestone("01_second").check_frozen()
    manifest.write_text("\n".join(line for line in manifest.read_text().splitlines() if "sha256" not in line))
    with pytest.raises(UserError, match="sha256 is missing"):
        load_milestone("00_first")


@pytest.mark.parametrize("value", ["true", "1.0", '"1"'])
def test_a_revision_is_a_whole_number(root, value):
    edit(root / "history/00_first/milestone.toml", 'idea = "none"', f'idea = "none"\nrevision = {value}')
    with pytest.raises(UserError, match="00_first/milestone.toml: revision is .*, but must be a whole number"):
        load_milestone("00_first")


def test_flags_are_needed_for_every_track_but_the_official_one(root):
    (root / "records/fineweb-124m").mkdir()
    text = (root / "records/toy/track.toml").read_text()
    (root / "records/fineweb-124m/track.toml").write_text(text.replace('name = "toy"', 'name = "fineweb-124m"'))
    milestone = load_milestone("00_first")
    assert milestone.flags_for(load_track("fineweb-124m")) == {}
    edit(root / "history/00_first/milestone.toml", "[tracks.toy]", "[tracks.shakespeare]")
    with pytest.raises(UserError, match=r"no flags for track toy \(it has: shakespeare\).*milestone.toml"):
        load_milestone("00_first").flags_for(load_track("toy"))


def test_every_manifest_of_this_clone_can_be_read_and_every_frozen_script_is_as_frozen(monkeypatch):
    monkeypatch.delenv("SPEEDRUN_HOUSE", raising=False)
    milestones, tracks = all_milestones(), all_tracks()
    names = {milestone.name for milestone in milestones}
    assert len(milestones) == len(list(house.root().glob("*/**/milestone.toml")))
    for milestone in milestones:
        milestone.check_frozen()
        assert set(milestone.flags) <= {track.name for track in tracks}
    assert {track.anchor for track in tracks} <= names


def test_the_live_script_has_the_flags_of_the_milestone_whose_program_it_is(monkeypatch):
    monkeypatch.delenv("SPEEDRUN_HOUSE", raising=False)
    live, programs = load_milestone("train"), {one.code_sha256(): one for one in all_milestones() if one.sha256}
    frozen = programs.get(live.code_sha256())
    if frozen is None:
        pytest.skip("the live script is ahead of every frozen program")
    assert (live.flags, live.without) == (frozen.flags, frozen.without)
