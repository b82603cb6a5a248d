"""data/text.py: the user's own files in every form and tokenizer, damaged ones, and calls that end early."""

import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from data_scripts import HOUSE, SHARED, gpt2_environment, interruptible, refused, run, shards, start
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from speedrun.corpus import builds, tokenizers
from speedrun.corpus.corpora import held_out
from speedrun.corpus.documents import LONGEST_LINE, documents
from speedrun.corpus.shards import Meta, check_shard, decoder, read_meta, read_tokens, shard_name
from speedrun.corpus.tokenizers import Cutter, encoder, pieces


def write_lines(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def tokens_of(folder: Path, split: str) -> list[int]:
    return [token for path in sorted(folder.glob(f"*_{split}_*.bin")) for token in read_tokens(path).tolist()]


def text_of(folder: Path, split: str) -> str:
    return decoder(read_meta(folder))(tokens_of(folder, split))


# ---- what comes out


def test_one_text_as_characters_is_split_by_position(tmp_path: Path) -> None:
    text = "to be, or not to be\n" * 10
    (tmp_path / "play.txt").write_text(text)
    code, out, _ = run("text.py", tmp_path / "play.txt", "--tokenizer", "chars", "--out", tmp_path / "play")
    meta = read_meta(tmp_path / "play")
    assert code == 0 and "180 tokens" in out
    assert (meta.vocabulary, meta.end_of_text) == (tuple(sorted(set(text))), None)
    assert text_of(tmp_path / "play", "train") == text[:180]
    assert text_of(tmp_path / "play", "val") == text[180:]


def test_shakespeare_is_nanogpts_benchmark(tmp_path: Path) -> None:
    source = SHARED / "tinyshakespeare.txt"
    if not source.exists():
        pytest.skip(f"{source} is absent")
    out = tmp_path / "data"
    assert run("text.py", source, "--tokenizer", "chars", "--out", out, "--name", "shakespeare_char")[0] == 0
    assert check_shard(out / "shakespeare_char_train_000001.bin", 65) == 1_003_854
    assert check_shard(out / "shakespeare_char_val_000000.bin", 65) == 111_540
    assert text_of(out, "train") + text_of(out, "val") == source.read_text()


def test_documents_of_every_kind_of_file_come_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\n")
    (folder / "b.md").write_text("# two")
    line = b'{"text": "three", "id": 1}\n\n{"text": ""}\n'
    (folder / "c.jsonl.gz").write_bytes(gzip.compress(line))
    (folder / "d.jsonl.zst").write_bytes(pa.Codec("zstd").compress(line.replace(b"three", b"four"), asbytes=True))
    write_lines(folder / "deep" / "e.jsonl", ["fünf", "6\ud800"])
    parquet.write_table(pa.table({"n": [1, 2], "text": ["seven", "8"]}), folder / "f.parquet")
    (folder / ".hidden.txt").write_text("no")
    (tmp_path / "val.txt").write_text("v")
    out = tmp_path / "out"
    assert run("text.py", folder, "--val", tmp_path / "val.txt", "--tokenizer", "bytes", "--out", out)[0] == 0
    texts = ["one\r\n", "# two", "three", "four", "fünf", "6\ufffd", "seven", "8"]
    assert text_of(out, "train") == "".join(f"<|endoftext|>{text}" for text in texts)
    assert text_of(out, "val") == "<|endoftext|>v"


def test_characters_of_all_the_text_are_known_and_documents_are_lines(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", ["ab", "ba"])
    write_lines(tmp_path / "b.jsonl", ["z", "a"])
    out = tmp_path / "out"
    run("text.py", tmp_path / "a.jsonl", "--val", tmp_path / "b.jsonl", "--tokenizer", "chars", "--out", out)
    assert read_meta(out).vocabulary == ("\n", "a", "b", "z")
    assert (text_of(out, "train"), text_of(out, "val")) == ("ab\nba", "z\na")


def test_documents_are_split_whole(tmp_path: Path) -> None:
    texts = [f"document {number}" for number in range(40)]
    write_lines(tmp_path / "a.jsonl", texts)
    out = tmp_path / "out"
    run("text.py", tmp_path / "a.jsonl", "--tokenizer", "bytes", "--out", out, "--val-fraction", "0.2")
    train, val = (text_of(out, split).split("<|endoftext|>")[1:] for split in ("train", "val"))
    assert len(val) == 8 and sorted(train + val) == sorted(texts)
    assert train == [text for text in texts if text in train], "the order of the file is kept"


@pytest.mark.parametrize(("count", "fraction", "share"), [(2, 0.1, 1), (2, 0.99, 1), (10, 0.1, 1), (1000, 0.25, 250)])
def test_held_out_share(count: int, fraction: float, share: int) -> None:
    chosen = held_out(count, fraction, seed=0)
    assert len(chosen) == share and chosen <= set(range(count))
    assert chosen == held_out(count, fraction, seed=0)


def test_held_out_documents_are_the_same_everywhere() -> None:
    # written down once: a change would move validation text into training text on a user's next call
    assert held_out(20, 0.2, seed=0) == {4, 7, 15, 18}
    assert held_out(20, 0.2, seed=1) != held_out(20, 0.2, seed=0)


def test_gpt2_tokens_are_tiktokens(tmp_path: Path) -> None:
    env = gpt2_environment(tmp_path / "cache")
    source, val = SHARED / "fineweb_docs.jsonl", SHARED / "tinyshakespeare.txt"
    out = tmp_path / "your_text"
    code, _, err = run("text.py", source, "--val", val, "--out", out, "--workers", "2", env=env)
    assert code == 0, err
    import tiktoken

    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(tmp_path / "cache"))
    encoding = tiktoken.get_encoding("gpt2")
    for split, path in (("train", source), ("val", val)):
        expected = [token for text in documents(path) for token in (50256, *encoding.encode_ordinary(text))]
        assert tokens_of(out, split) == expected


def test_shards_are_cut_at_their_size(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 100)
    out = tmp_path / "out"
    run("text.py", tmp_path / "a.txt", "--tokenizer", "chars", "--out", out, "--shard-tokens", "45")
    sizes = {name: info.tokens for name, info in read_meta(out).shards.items()}
    assert sizes == {"out_val_000000.bin": 10, "out_train_000001.bin": 45, "out_train_000002.bin": 45}


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 12))
def test_cutter_loses_and_adds_nothing(sizes: list[int], size: int) -> None:
    rows = np.split(np.arange(sum(sizes), dtype=np.uint16), np.cumsum(sizes)[:-1]) if sizes else []
    cutter, cut = Cutter(size), []
    for row in rows:
        cut += [shard.copy() for shard, _ in cutter.add(row)]
    assert all(shard.size == size for shard in cut)
    assert np.concatenate([*cut, cutter.rest()]).tolist() == list(range(sum(sizes)))


@given(st.text(alphabet=st.sampled_from("abZ' \n\t.,1é😀"), max_size=300))
def test_pieces_of_a_document_encode_as_the_whole(text: str) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} with GPT-2's vocabulary is absent, and tests fetch nothing")
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(SHARED / "tiktoken_cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizers, "PIECE", 10)
        parts = list(pieces(text))
    encode = encoder(Meta())
    assert [starts for _, starts in parts] == [True] + [False] * (len(parts) - 1)
    assert [token for part, _ in parts for token in encode(part).tolist()] == encode(text).tolist()


@pytest.mark.parametrize("same", [" " * 30, "1" * 30, "\n" * 30, " \u00a0" * 15, " 1" * 15, "'s " * 10])
def test_runs_of_one_kind_are_not_cut_where_they_encode_otherwise(same: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} with GPT-2's vocabulary is absent, and tests fetch nothing")
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(SHARED / "tiktoken_cache"))
    monkeypatch.setattr(tokenizers, "PIECE", 40)
    encode = encoder(Meta())
    for shift in range(31):  # each place in a run is once the first where a cut could be
        text = "a" * (40 - shift) + (same + "two words") * 3
        parts = [encode(part).tolist() for part, _ in pieces(text)]
        assert len(parts) > 1 and [token for part in parts for token in part] == encode(text).tolist()


# ---- calls that are repeated


def test_repeated_call_does_nothing_and_a_changed_one_rebuilds(tmp_path: Path) -> None:
    source, out = write_lines(tmp_path / "a.jsonl", ["one", "two", "three"]), tmp_path / "out"
    call = ("text.py", source, "--tokenizer", "bytes", "--out", out)
    assert run(*call)[1].startswith("made")
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.bin")}
    assert run(*call)[1].startswith("already made")
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.bin")} == before
    assert run(*call, "--shard-tokens", "3")[1].startswith("made")
    assert len(shards(out)) > len(before)
    assert run(*call)[1].startswith("made")
    assert set(out.glob("*.bin")) == set(before), "no shard of the former call is left"
    write_lines(source, ["one", "two", "four"])
    assert run(*call)[1].startswith("made")
    assert "four" in text_of(out, "train") + text_of(out, "val")


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_damaged_shards_are_made_again(tmp_path: Path, damage: str) -> None:
    source, out = write_lines(tmp_path / "a.jsonl", ["one", "two", "three"]), tmp_path / "out"
    call = ("text.py", source, "--tokenizer", "bytes", "--out", out)
    run(*call)
    good, shard = shards(out), out / "out_train_000001.bin"
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:-2] + (b"" if damage == "cut" else b"zz"))
    assert run(*call)[1].startswith("made")
    assert shards(out) == good


def test_shards_of_others_are_not_touched(tmp_path: Path) -> None:
    source, out = write_lines(tmp_path / "a.jsonl", ["one", "two"]), tmp_path / "out"
    call = ("text.py", source, "--tokenizer", "bytes", "--out", out)
    run(*call)
    before = shards(out)
    assert "holds shards of 'out'" in refused(*call, "--name", "other")
    (out / "meta.json").unlink()
    assert "no meta.json beside it" in refused(*call)
    assert shards(out) == before


def test_two_calls_at_once_do_not_mix(tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "out"
    out.mkdir()
    lock = os.open(out, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    source = write_lines(tmp_path / "a.jsonl", ["one", "two"])
    assert "another process" in refused("text.py", source, "--tokenizer", "bytes", "--out", out)
    os.close(lock)
    assert run("text.py", source, "--tokenizer", "bytes", "--out", out)[0] == 0


class Stop(Exception):
    pass


def test_a_validation_shard_stands_only_with_all_that_belongs_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the power fails while new shards take the place of old ones."""
    steps = [*range(100)]

    def counted(function: Callable) -> Callable:
        def step(*arguments: Any, **options: Any) -> Any:
            if not steps:
                raise Stop
            steps.pop()
            return function(*arguments, **options)

        return step

    def make(text: str, folder: Path) -> None:
        with builds.building(folder, "a_val_b", {"text": text}) as build:
            for split, number in (("val", 0), ("train", 1), ("train", 2)):
                build.add(shard_name("a_val_b", split, number), np.frombuffer(text.encode(), np.uint8))
            with monkeypatch.context() as patch:
                patch.setattr(os, "replace", counted(os.replace))
                patch.setattr(Path, "unlink", counted(Path.unlink))
                build.finish(Meta())

    def state(folder: Path) -> dict[str, bytes]:
        return shards(folder) | {"meta.json": (folder / "meta.json").read_bytes()}

    for text in ("old", "new"):
        make(text, tmp_path / text)
    seen = []
    for last in range(100):
        folder = tmp_path / str(last)
        shutil.copytree(tmp_path / "old", folder)
        steps[:] = range(last)
        with suppress(Stop):
            make("new", folder)
            break
        now = state(folder)
        whole = [one for one in ("old", "new") if now == state(tmp_path / one)]
        assert "a_val_b_val_000000.bin" not in now or whole
        seen += whole
    assert last >= 8 and seen[0] == "old" and seen[-1] == "new" and len(seen) < last
    assert state(folder) == state(tmp_path / "new")


# ---- bad input, each in one line


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("a.txt", b"fine\xff", "not UTF-8 at byte 4 (0xff)"),
        ("a.txt", b"\xef\xbb\xbffine\xff", "not UTF-8 at byte 7"),
        ("a.txt", b"", "no text in it"),
        ("a.txt", b"x", "1 characters are too few to split"),
        ("a.jsonl", b'{"text": "a"}\nnonsense\n', "a.jsonl, line 2: not JSON"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl, line 1: not JSON"),
        ("a.jsonl", b'{"text": "a"}\n\n{"texts": "b"}\n', "line 3: no text in 'text' (did you mean texts?)"),
        ("a.jsonl", b'{"text": 7}\n', "line 1: no text in 'text'"),
        ("a.jsonl", b"7\n", "line 1: no text in 'text'"),
        ("a.jsonl", b"\n\n", "no text in it"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "a"}\n' * 9)[:-12], "cannot decompress"),
        ("a.jsonl.zst", b"nonsense", "cannot decompress"),
        ("a.parquet", b"nonsense", "cannot read as parquet"),
        ("a.docx", b"", "cannot read this kind of file"),
    ],
)
def test_unreadable_file_is_named(tmp_path: Path, name: str, data: bytes, fault: str) -> None:
    (tmp_path / name).write_bytes(data)
    line = refused("text.py", tmp_path / name, "--tokenizer", "bytes", "--out", tmp_path / "out")
    assert str(tmp_path / name) in line and fault in line
    assert not (tmp_path / "out").exists()


def test_a_line_that_could_fill_the_memory_is_refused(tmp_path: Path) -> None:
    long = b'{"text": "' + b"a" * LONGEST_LINE + b'"}'
    data = pa.Codec("zstd").compress(b'{"text": "a"}\n' + long, asbytes=True)
    (tmp_path / "a.jsonl.zst").write_bytes(data)
    assert len(data) < 1 << 20
    line = refused("text.py", tmp_path / "a.jsonl.zst", "--tokenizer", "bytes", "--out", tmp_path / "out")
    assert f"{tmp_path / 'a.jsonl.zst'}, line 2: longer than 67,108,864 bytes" in line
    assert not (tmp_path / "out").exists()


def test_the_longest_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with open(path, "wb") as file:
        for end in (b"\n", b""):
            file.write(b'{"text": "' + b"a" * (LONGEST_LINE - len(end) - 12) + b'"}' + end)
    assert [len(text) for text in documents(path)] == [LONGEST_LINE - 13, LONGEST_LINE - 12]


def test_parquet_without_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"txt": ["a"], "n": [1]}), path)
    call = ("text.py", path, "--tokenizer", "bytes", "--out", tmp_path / "out")
    assert "no column 'text' (did you mean txt?)" in refused(*call)
    assert "row 1: 'n' holds int, not text" in refused(*call, "--column", "n")


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text")
    (tmp_path / "empty").mkdir()
    call = ("text.py", tmp_path / "a.txt", "--tokenizer", "bytes", "--out", tmp_path / "out")
    assert "no such file or folder" in refused("text.py", tmp_path / "b.txt")
    assert "no file in this folder" in refused("text.py", tmp_path / "empty")
    assert "not between 0 and 1" in refused(*call, "--val-fraction", "1")
    assert "to train and to validate" in refused(*call, "--val", tmp_path / "a.txt")
    assert "--name '../x'" in refused(*call, "--name", "../x")
    assert "'words' is not one of" in refused(*call, "--tokenizer", "words")
    (tmp_path / "empty.txt").touch()
    assert "to validate with" in refused(*call, "--val", tmp_path / "empty.txt")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("script", ["text.py", "fineweb.py", "cached_fineweb10B.py"])
def test_python_without_the_project_says_what_to_type(script: str) -> None:
    call = [sys.executable, "-S", HOUSE / "data" / script]  # -S: without site-packages
    done = subprocess.run(call, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    said = f"{script}: run `make setup`, then .venv/bin/python data/{script}\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_too_many_characters_are_refused(tmp_path: Path) -> None:
    text = "".join(map(chr, [*range(32, 0xD800), *range(0xE000, 0x12000)]))
    (tmp_path / "a.txt").write_text(text)
    line = refused("text.py", tmp_path / "a.txt", "--tokenizer", "chars", "--out", tmp_path / "out")
    assert f"{len(text):,} different characters" in line


def test_missing_gpt2_vocabulary_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text")
    env = {**os.environ, "TIKTOKEN_CACHE_DIR": str(tmp_path / "none"), "https_proxy": "http://127.0.0.1:9"}
    env.pop("no_proxy", None)
    line = refused("text.py", tmp_path / "a.txt", "--out", tmp_path / "out", env=env)
    assert "TIKTOKEN_CACHE_DIR" in line
    assert not (tmp_path / "out").exists()


# ---- calls that end early


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


def test_full_disk_leaves_the_former_shards(tmp_path: Path) -> None:
    source, out = tmp_path / "a.txt", tmp_path / "out"
    call = ("text.py", source, "--tokenizer", "bytes", "--out", out)
    source.write_text("small " * 10)
    run(*call)
    before, names = shards(out), sorted(os.listdir(out))
    source.write_text("large " * 100_000)
    assert "too large" in refused(*call, preexec_fn=limit_files).lower()
    assert shards(out) == before and sorted(os.listdir(out)) == names
    assert run(*call)[1].startswith("made")


def test_ctrl_c_leaves_nothing_and_a_repeat_gives_the_same(tmp_path: Path) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "out"
    write_lines(source, ["some words of a document " * 40] * 40_000)
    call = ("text.py", source, "--tokenizer", "bytes", "--shard-tokens", "100_000", "--out", out)
    process = start(*call, env=dict(os.environ), preexec_fn=interruptible)
    while process.poll() is None and not list(out.glob(".part/*_000002.bin")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.splitlines()[-1] == "text.py: interrupted"
    assert not out.exists()
    write_lines(source, ["few words"] * 40)
    assert run(*call)[0] == 0
    uninterrupted = tmp_path / "other" / "out"
    assert run(*call[:-1], uninterrupted)[0] == 0
    assert shards(out) == shards(uninterrupted)
