"""data/fineweb.py: the same shards for any number of workers, after an interrupt, and from the hub."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from data_scripts import SHARED, environment, gpt2_environment, interruptible, refused, run, shards, start
from hub_standin import Hub
from pyarrow import parquet
from speedrun.corpus.documents import documents
from speedrun.corpus.shards import Meta, check_shard, decoder, read_meta, read_tokens, shard_name

SCRIPT = "fineweb.py"
SHARD_TOKENS = 100_000


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    env = gpt2_environment(tmp_path_factory.mktemp("gpt2") / "cache")
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", env["TIKTOKEN_CACHE_DIR"])
    return env


@pytest.fixture(scope="module")
def texts(env: dict[str, str]) -> list[str]:
    return list(documents(SHARED / "fineweb_docs.jsonl")) * 3  # 1.04M tokens, 4 or 5 batches


@pytest.fixture(scope="module")
def folder(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two parquet files, one with many row groups and one with a single one."""
    folder = tmp_path_factory.mktemp("parquet")
    parquet.write_table(pa.table({"text": texts[:400]}), folder / "000.parquet", row_group_size=50)
    parquet.write_table(pa.table({"id": list(range(200)), "text": texts[400:]}), folder / "001.parquet")
    return folder


@pytest.fixture(scope="module")
def made(folder: Path, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "fineweb"
    code, said, err = run(SCRIPT, folder, "--out", out, "--shard-tokens", SHARD_TOKENS, "--workers", 1, env=env)
    assert code == 0 and said.startswith("made"), err
    return out


def tokens_of(folder: Path) -> np.ndarray:
    return np.concatenate([read_tokens(folder / name) for name in sorted(shards(folder), key=lambda n: n[-10:])])


def test_documents_follow_each_other_behind_end_of_text(made: Path, texts: list[str]) -> None:
    decoded = decoder(Meta())(tokens_of(made).tolist())
    assert decoded == "".join(f"<|endoftext|>{text}" for text in texts)


def test_first_shard_validates_and_all_but_the_last_are_full(made: Path) -> None:
    sizes = {name: check_shard(made / name, 50257) for name in shards(made)}
    names = [shard_name("fineweb", "train" if number else "val", number) for number in range(len(sizes))]
    assert sorted(sizes) == sorted(names)
    assert {sizes[name] for name in names[:-1]} == {SHARD_TOKENS} and 0 < sizes[names[-1]] <= SHARD_TOKENS
    assert {name: info.tokens for name, info in read_meta(made).shards.items()} == sizes


@pytest.mark.parametrize("workers", [2, 3])
def test_shards_do_not_depend_on_the_workers(
    made: Path, folder: Path, env: dict[str, str], tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "fineweb"
    run(SCRIPT, folder, "--out", out, "--shard-tokens", SHARD_TOKENS, "--workers", workers, env=env)
    assert shards(out) == shards(made)
    assert (out / "meta.json").read_bytes() == (made / "meta.json").read_bytes()


def test_repeated_call_does_nothing(made: Path, folder: Path, env: dict[str, str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.glob("*.bin")}
    code, said, _ = run(SCRIPT, folder, "--out", made, "--shard-tokens", SHARD_TOKENS, env=env)
    assert code == 0 and said.startswith("already made")
    assert {path: path.stat().st_mtime_ns for path in made.glob("*.bin")} == before


def test_interrupted_call_goes_on_after_its_last_whole_shard(
    texts: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    """The second file comes so slowly that the interrupt surely falls between the first shards and the end."""
    (tmp_path / "in").mkdir()
    parquet.write_table(pa.table({"text": texts * 2}), tmp_path / "in" / "000.parquet")
    parquet.write_table(pa.table({"text": texts[:50]}), tmp_path / "in" / "001.parquet")
    files = {f"sample/10BT/{path.name}": path.read_bytes() for path in sorted((tmp_path / "in").iterdir())}
    out, size = tmp_path / "out", ("--shard-tokens", SHARD_TOKENS, "--workers", 2)
    with Hub("HuggingFaceFW/fineweb", files) as hub:
        hub.slow["sample/10BT/001.parquet"] = 30
        env = {**env, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
        process = start(SCRIPT, "--out", out, *size, env=env, preexec_fn=interruptible)
        while process.poll() is None and not (out / ".part" / "fineweb_train_000001.bin").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130 and err.splitlines()[-1] == f"{SCRIPT}: interrupted"
        assert not shards(out) and not (out / "meta.json").exists(), "what is not complete is not seen"
        kept = (out / ".part" / "fineweb_val_000000.bin").stat().st_mtime_ns
        hub.slow.clear()
        code, _, err = run(SCRIPT, "--out", out, *size, env=env)
    assert code == 0 and "goes on after" in err
    assert (out / "fineweb_val_000000.bin").stat().st_mtime_ns == kept and not (out / ".part").exists()
    run(SCRIPT, tmp_path / "in", "--out", tmp_path / "whole", *size, env=env)
    assert shards(out) == shards(tmp_path / "whole")


def test_other_arguments_do_not_go_on_with_old_shards(
    made: Path, folder: Path, env: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "fineweb"
    process = start(SCRIPT, folder, "--out", out, "--shard-tokens", 70_000, env=env, preexec_fn=interruptible)
    while process.poll() is None and not (out / ".part" / "progress.json").exists():
        time.sleep(0.001)
    process.kill()  # as a power cut does
    process.communicate(timeout=60)
    run(SCRIPT, folder, "--out", out, "--shard-tokens", SHARD_TOKENS, env=env)
    assert shards(out) == shards(made)


def test_killed_worker_is_said_in_one_line(folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "fineweb"
    call = (SCRIPT, folder, "--out", out, "--shard-tokens", SHARD_TOKENS, "--workers", 2)
    process = start(*call, env=env)
    children: list[str] = []
    while process.poll() is None and not (out / ".part" / "progress.json").exists():
        time.sleep(0.001)
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[1]) == process.pid and b"spawn_main" in (status.parent / "cmdline").read_bytes():
            children.append(status.parent.name)
    if not children:
        pytest.skip("no worker process could be seen: /proc is absent, or the work was over")
    os.kill(int(children[0]), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" not in err
    assert "a tokenizing process ended early" in err.splitlines()[-1]


def test_bad_input_is_refused(folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "fineweb"
    assert "only fill the validation shard" in refused(SCRIPT, folder, "--out", out, env=env)
    assert not out.exists() or not shards(out)
    assert "no column 'txt'" in refused(SCRIPT, folder, "--out", out, "--column", "txt", env=env)
    (tmp_path / "a.txt").write_text("text")
    assert "cannot read this kind of file" in refused(SCRIPT, tmp_path / "a.txt", "--out", out, env=env)
    (tmp_path / "cut.parquet").write_bytes((folder / "001.parquet").read_bytes()[:-100])
    assert "cut.parquet: cannot read as parquet" in refused(SCRIPT, tmp_path / "cut.parquet", "--out", out, env=env)


def test_files_come_from_the_hub(made: Path, folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    files = {f"sample/10BT/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}
    call = (SCRIPT, "--edu", "--out", tmp_path / "edu", "--shard-tokens", SHARD_TOKENS, "--workers", 1)
    with Hub("HuggingFaceFW/fineweb-edu", {**files, "README.md": b"no"}) as hub:
        env = {**env, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
        assert run(*call, "--max-tokens", "250_001", env=env)[0] == 0
        assert tokens_of(tmp_path / "edu").tolist() == tokens_of(made)[:250_001].tolist()
        assert hub.fetched() == ["000.parquet"], "only what is needed is fetched"
        assert run(*call, env=env)[0] == 0
        assert hub.fetched() == ["000.parquet", "001.parquet"]
    assert shards(tmp_path / "edu") == shards(made)
    assert run(*call, env=env)[1].startswith("already made"), "nothing is asked of a hub that is gone"


def test_no_network_is_said(tmp_path: Path) -> None:
    env = environment(HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path / "hf"))
    assert "cannot fetch from the hub" in refused(SCRIPT, "--out", tmp_path / "out", env=env)
    assert not (tmp_path / "out").exists()
