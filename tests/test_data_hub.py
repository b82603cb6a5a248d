"""data/cached_fineweb10B.py against a stand-in of the hub: fetched, checked, resumed, refused."""

import hashlib
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from data_scripts import environment, interruptible, refused, run, shards, start
from hub_standin import Hub
from speedrun.corpus.shards import write_shard

SCRIPT, REPO = "cached_fineweb10B.py", "kjj0/fineweb10B-gpt2"


def shard(folder: Path, tokens: int, seed: int) -> bytes:
    path = folder / "made.bin"
    write_shard(path, np.random.default_rng(seed).integers(0, 50257, tokens))
    return path.read_bytes()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    files = {f"fineweb_train_{number:06d}.bin": shard(tmp_path, 100_000, number) for number in range(1, 4)}
    files["fineweb_val_000000.bin"] = shard(tmp_path, 50_000, 0)
    with Hub(REPO, files) as hub:
        yield hub


def online(hub: Hub, tmp_path: Path, **more: str) -> dict[str, str]:
    return environment(
        HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "hf"), HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", **more
    )


def left(folder: Path) -> list[str]:
    """What lies in the folder beside the shards; .hub.json and .sha256.json are the script's notes."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".bin" and path.name[0] != ".")


def test_first_shards_come_as_they_are_and_validation_comes_last(hub: Hub, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, err = run(SCRIPT, 2, "--out", out, env=online(hub, tmp_path))
    assert code == 0, err
    wanted = ["fineweb_train_000001.bin", "fineweb_train_000002.bin", "fineweb_val_000000.bin"]
    assert hub.fetched() == wanted
    assert shards(out) == {name: hub.files[name] for name in wanted}
    first = said.splitlines()
    assert first[0] == "3 shards: 250,000 tokens, 503,072 bytes"
    assert "3 shards, 503,072 bytes; free on this disk" in first[1]
    assert not left(out) and not (out / ".part").exists()


def test_repeated_call_fetches_nothing_and_works_offline(hub: Hub, tmp_path: Path) -> None:
    out, env = tmp_path / "out", online(hub, tmp_path)
    run(SCRIPT, 1, "--out", out, env=env)
    hub.requests.clear()
    code, said, _ = run(SCRIPT, 1, "--out", out, env=env)
    assert code == 0 and "already in" in said
    assert run(SCRIPT, 1, "--out", out, env={**env, "HF_HUB_OFFLINE": "1"})[0] == 0
    assert hub.requests == []
    assert "HF_HUB_OFFLINE is set" in refused(SCRIPT, 2, "--out", out, env={**env, "HF_HUB_OFFLINE": "1"})
    assert run(SCRIPT, 2, "--out", out, env=env)[0] == 0
    assert hub.fetched() == ["fineweb_train_000002.bin"]


@pytest.mark.parametrize("damage", ["cut", "changed", "no header"])
def test_damaged_shard_is_fetched_again(hub: Hub, tmp_path: Path, damage: str) -> None:
    out, env, name = tmp_path / "out", online(hub, tmp_path), "fineweb_train_000001.bin"
    run(SCRIPT, 1, "--out", out, env=env)
    hub.requests.clear()
    data = hub.files[name]
    (out / name).write_bytes({"cut": data[:-2], "changed": data[:-2] + b"zz", "no header": bytes(len(data))}[damage])
    assert run(SCRIPT, 1, "--out", out, env=env)[0] == 0
    assert hub.fetched() == [name]
    assert (out / name).read_bytes() == data


def test_good_shards_from_elsewhere_are_kept(hub: Hub, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name, data in hub.files.items():
        (out / name).write_bytes(data)
    code, said, _ = run(SCRIPT, 3, "--out", out, env=online(hub, tmp_path))
    assert code == 0 and "already in" in said and hub.fetched() == []


def test_cut_connection_is_resumed_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    out, name = tmp_path / "out", "fineweb_train_000001.bin"
    hub.files[name] = data = shard(tmp_path, 6_000_000, 9)  # huggingface_hub takes in 10 MiB at a time
    hub.cut[name] = 11 << 20
    hub.stated[name] = hashlib.sha256(data).hexdigest()
    code, _, err = run(SCRIPT, 1, "--out", out, env=online(hub, tmp_path))
    assert code == 0, err
    ranges = [wanted for method, path, wanted in hub.requests if method == "GET" and path.endswith(name)]
    assert ranges == [None, f"bytes={10 << 20}-"]
    assert (out / name).read_bytes() == data


def test_wrong_sha256_is_refused_and_not_kept(hub: Hub, tmp_path: Path) -> None:
    out, name = tmp_path / "out", "fineweb_train_000002.bin"
    hub.files[name] = hub.files[name][:-2] + b"zz"
    line = refused(SCRIPT, 3, "--out", out, env=online(hub, tmp_path))
    assert name in line and "not what the hub states" in line
    assert set(shards(out)) == {"fineweb_train_000001.bin"}, "what was good is kept"
    assert not left(out) and not (out / ".part").exists()


def test_no_shard_at_the_stated_sha256_is_refused(hub: Hub, tmp_path: Path) -> None:
    name, out = "fineweb_train_000001.bin", tmp_path / "out"
    with Hub(REPO, {**hub.files, name: b"not a shard" * 200}) as other:
        assert "not a token shard" in refused(SCRIPT, 1, "--out", out, env=online(other, tmp_path))
    assert shards(out) == {}


def test_file_that_the_hub_lacks_is_named(hub: Hub, tmp_path: Path) -> None:
    line = refused(SCRIPT, 4, "--out", tmp_path / "out", env=online(hub, tmp_path))
    assert "has no fineweb_train_000004.bin" in line
    assert hub.fetched() == []


def test_file_that_vanished_from_the_hub_is_named(hub: Hub, tmp_path: Path) -> None:
    out, env = tmp_path / "out", online(hub, tmp_path)
    run(SCRIPT, 1, "--out", out, env=env)
    del hub.files["fineweb_train_000002.bin"]
    assert "fineweb_train_000002.bin: not found on the hub" in refused(SCRIPT, 2, "--out", out, env=env)


def test_absent_dataset_is_named(tmp_path: Path) -> None:
    with Hub("someone/else", {}) as other:
        line = refused(SCRIPT, 1, "--out", tmp_path / "out", env=online(other, tmp_path))
    assert f"dataset {REPO}: not found" in line
    assert not (tmp_path / "out").exists()


def test_no_network_is_said(hub: Hub, tmp_path: Path) -> None:
    env = {**online(hub, tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    assert "cannot fetch from the hub" in refused(SCRIPT, 1, "--out", tmp_path / "out", env=env)
    line = refused(SCRIPT, 1, "--out", tmp_path / "out", env={**env, "HF_HUB_OFFLINE": "1"})
    assert "HF_HUB_OFFLINE is set" in line
    assert not (tmp_path / "out").exists()


def test_disk_that_is_too_small_is_refused_before_the_start(hub: Hub, tmp_path: Path) -> None:
    tree = hub.tree
    hub.tree = lambda folder: [{**entry, "size": 10**15} for entry in tree(folder)]  # a petabyte each
    line = refused(SCRIPT, 1, "--out", tmp_path / "out", env=online(hub, tmp_path))
    assert "2,000,000,000,000,000 bytes do not fit" in line
    assert hub.fetched() == []


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))


def test_full_disk_in_the_middle_keeps_what_is_whole(hub: Hub, tmp_path: Path) -> None:
    out, env = tmp_path / "out", online(hub, tmp_path)
    hub.files["fineweb_train_000001.bin"] = small = shard(tmp_path, 1000, 9)
    with Hub(REPO, hub.files) as other:
        env["HF_ENDPOINT"] = other.url
        line = refused(SCRIPT, 2, "--out", out, env=env, preexec_fn=limit_files)
        assert "too large" in line.lower()
        assert shards(out) == {"fineweb_train_000001.bin": small}
        assert not left(out) and not (out / ".part").exists()
        assert run(SCRIPT, 2, "--out", out, env=env)[0] == 0
        assert other.fetched().count("fineweb_train_000001.bin") == 1


def test_ctrl_c_keeps_what_is_whole_and_a_repeat_goes_on(hub: Hub, tmp_path: Path) -> None:
    out, env = tmp_path / "out", online(hub, tmp_path)
    hub.slow["fineweb_train_000002.bin"] = 30
    process = start(SCRIPT, 3, "--out", out, env=env, preexec_fn=interruptible)
    while process.poll() is None and not (out / "fineweb_train_000001.bin").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.splitlines()[-1] == f"{SCRIPT}: interrupted"
    assert set(shards(out)) == {"fineweb_train_000001.bin"} and not (out / ".part").exists()
    hub.slow.clear()
    assert run(SCRIPT, 3, "--out", out, env=env)[0] == 0
    assert shards(out) == hub.files
    assert hub.fetched().count("fineweb_train_000001.bin") == 1


def test_wrong_calls_are_refused(hub: Hub, tmp_path: Path) -> None:
    env = online(hub, tmp_path)
    assert "less than or equal to 103" in refused(SCRIPT, 104, env=env)
    assert "unable to parse string as an integer" in refused(SCRIPT, "many", env=env)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "meta.json").write_text("{}")
    assert "of our own making" in refused(SCRIPT, 1, "--out", tmp_path / "own", env=env)
    assert os.listdir(tmp_path / "own") == ["meta.json"]
