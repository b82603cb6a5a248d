"""Shards and meta.json: what is written is read back, and what is damaged is refused in one line."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from data_scripts import SHARED
from hypothesis import given
from hypothesis import strategies as st
from speedrun.corpus.shards import (
    Floor,
    Meta,
    ShardInfo,
    check_shard,
    decoder,
    read_header,
    read_meta,
    read_tokens,
    shard_name,
    write_meta,
    write_shard,
)
from speedrun.corpus.tokenizers import BYTES, encoder
from speedrun.digests import Digests
from speedrun.errors import UserError


def damaged(path: Path, offset: int, data: bytes) -> Path:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)
    return path


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / shard_name("own", "train", 1)
    write_shard(path, np.arange(1000) % 300)
    return path


def test_file_is_the_header_and_little_endian_tokens(tmp_path: Path) -> None:
    path = tmp_path / "a_val_000000.bin"
    info = write_shard(path, np.array([1, 258, 65535]))
    data = path.read_bytes()
    assert np.frombuffer(data[:1024], "<i4")[:4].tolist() == [20240520, 1, 3, 0]
    assert data[1024:] == bytes([1, 0, 2, 1, 255, 255])
    assert info == ShardInfo(3, hashlib.sha256(data).hexdigest())
    assert read_tokens(path).tolist() == [1, 258, 65535]
    assert os.listdir(tmp_path) == [path.name]


def test_shard_without_tokens_is_read(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.bin", np.zeros(0, np.uint16))
    assert check_shard(tmp_path / "a.bin", 10) == 0


def test_good_shard_passes(shard: Path) -> None:
    assert read_header(shard) == check_shard(shard, 300) == 1000


@pytest.mark.parametrize("tokens", [np.array([65536]), np.array([-1]), np.array([0.5]), np.zeros((2, 2), np.uint16)])
def test_tokens_that_do_not_fit_are_not_written(tmp_path: Path, tokens: np.ndarray) -> None:
    with pytest.raises(ValueError):
        write_shard(tmp_path / "a.bin", tokens)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("offset", "data", "fault"),
    [
        (0, np.int32(20240801).tobytes(), "starts with 20240801, not 20240520"),
        (4, np.int32(2).tobytes(), "version 2"),
        (8, np.int32(1001).tobytes(), "cut off: the header says 1001 tokens"),
        (8, np.int32(999).tobytes(), "too long: the header says 999 tokens"),
        (8, np.int32(-5).tobytes(), "too long"),
    ],
)
def test_wrong_header_is_refused(shard: Path, offset: int, data: bytes, fault: str) -> None:
    with pytest.raises(UserError, match=fault) as raised:
        read_header(damaged(shard, offset, data))
    assert str(shard) in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 2048])
def test_cut_shard_is_refused(shard: Path, size: int) -> None:
    os.truncate(shard, size)
    with pytest.raises(UserError, match="less than a shard's header" if size < 1024 else "cut off"):
        check_shard(shard, 300)


def test_token_beyond_the_vocabulary_is_refused(shard: Path) -> None:
    with pytest.raises(UserError, match=r"token 298 is 298, beyond the vocabulary of 298"):
        check_shard(shard, 298)


def test_a_memory_of_digests_that_makes_no_sense_costs_only_time(shard: Path) -> None:
    memory, right, stat = shard.parent / ".sha256.json", hashlib.sha256(shard.read_bytes()).hexdigest(), shard.stat()
    stamp = [stat.st_size, stat.st_mtime_ns]
    for entry in ({"a": 1}, 7, None, "text", [], stamp, [*stamp, 7], [*stamp, None], [*stamp, "0" * 64, 1]):
        memory.write_text(json.dumps({str(shard): entry}))
        assert Digests(shard.parent).of_all([shard], "reading") == [right], entry
    for text in ("[" * 100_000, "[[1, 2]]", "7", ""):
        memory.write_text(text)
        assert Digests(shard.parent).of_all([shard], "reading") == [right], text[:9]
    memory.write_text(json.dumps({str(shard): [*stamp, "0" * 64], "other": 7}))
    assert Digests(shard.parent).of(shard) == "0" * 64  # what makes sense is believed


def test_meta_is_read_back(tmp_path: Path) -> None:
    meta = Meta(
        tokenizer="words",
        vocab_size=3,
        end_of_text=0,
        vocabulary=("<end>", "cat", "naïve"),
        source={"seed": 5},
        shards={"a_val_000000.bin": ShardInfo(7, "00ff")},
        floor=Floor(1.25, 6),
    )
    write_meta(tmp_path, meta)
    assert read_meta(tmp_path) == meta


def test_without_meta_gpt2_is_meant(tmp_path: Path) -> None:
    meta = read_meta(tmp_path)
    assert (meta.tokenizer, meta.vocab_size, meta.end_of_text) == ("gpt2", 50257, 50256)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Expecting value"),
        ("[]", "not a description"),
        ("{}", "no field 'tokenizer'"),
        ('{"tokenizer": "bpe", "vocab_size": 9, "end_of_text": 1}', "'bpe' is none of"),
        ('{"tokenizer": "gpt2", "vocab_size": 70000, "end_of_text": 1}', "70000 is not between"),
        ('{"tokenizer": "gpt2", "vocab_size": 9, "end_of_text": 9}', "end_of_text 9 is beyond"),
        ('{"tokenizer": "chars", "vocab_size": 2, "end_of_text": null, "vocabulary": ["a"]}', "1 entries"),
        ('{"tokenizer": "gpt2", "vocab_size": 9, "end_of_text": 1, "floor": 3}', "not a description"),
    ],
)
def test_meta_that_makes_no_sense_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "meta.json").write_text(text)
    with pytest.raises(UserError, match=fault) as raised:
        read_meta(tmp_path)
    assert str(tmp_path / "meta.json") in str(raised.value)


@given(st.text())
def test_bytes_decode_to_what_was_encoded(text: str) -> None:
    assert decoder(BYTES)(encoder(BYTES)(text).tolist()) == text


@given(st.text(alphabet="abü\n€😀"))
def test_characters_decode_to_what_was_encoded(text: str) -> None:
    meta = Meta("chars", 6, None, vocabulary=tuple(sorted("abü\n€😀")))
    assert decoder(meta)(encoder(meta)(text).tolist()) == text


def test_end_of_text_and_cut_characters_of_bytes_are_shown() -> None:
    assert decoder(BYTES)([256, 104, 105, 0xC3]) == "<|endoftext|>hi\ufffd"


def test_words_are_joined_as_text() -> None:
    words = ("Ann", "said", ",", "it", "'s", "late", ".", "\n", "Yes")
    meta = Meta("words", len(words), None, vocabulary=words)
    assert decoder(meta)(range(len(words))) == "Ann said, it's late.\nYes"


def test_gpt2_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} with GPT-2's vocabulary is absent, and tests fetch nothing")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(SHARED / "tiktoken_cache"))
    assert decoder(Meta())([50256, 31373, 995]) == "<|endoftext|>hello world"
    assert encoder(Meta())("<|endoftext|>").tolist() != [50256], "a text that spells end-of-text is only text"


def test_meta_is_plain_json(tmp_path: Path) -> None:
    write_meta(tmp_path, Meta(shards={"a_val_000000.bin": ShardInfo(7, "00ff")}))
    fields = json.loads((tmp_path / "meta.json").read_text())
    assert fields == {
        "tokenizer": "gpt2",
        "vocab_size": 50257,
        "end_of_text": 50256,
        "shards": {"a_val_000000.bin": {"tokens": 7, "sha256": "00ff"}},
    }
