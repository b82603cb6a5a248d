"""Documents out of files: .txt and .md (one each), .jsonl (plain, .gz or .zst; one a line), .parquet (one a row).

    for text in documents(Path("posts.jsonl.zst")): ...

Files are streamed: only .txt and .md are held whole, and of .jsonl a line. Documents come in the order of the files;
empty ones are left out. A text is always valid Unicode. It cleans nothing: what stands in the file is what comes.
"""

import codecs
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from speedrun.errors import UserError
from speedrun.nearest import nearest

ENDINGS = (".txt", ".md", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
ROWS = 1000  # of a parquet file, read at a time
LONGEST_LINE = 64 << 20  # bytes of a .jsonl line: few bytes of .zst can hold more than the memory


def find_files(paths: Iterable[Path], endings: tuple[str, ...] = ENDINGS) -> list[Path]:
    """The files named, and in folders, all files below them with such an ending, sorted by path."""
    files = []
    for path in paths:
        if path.is_dir():
            found = sorted(each for each in path.rglob("*") if _readable(each, endings) and not _hidden(each, path))
            if not found:
                raise UserError(f"{path}: no file in this folder ends in {', '.join(endings)}")
            files += found
        elif not path.exists():
            raise UserError(f"{path}: no such file or folder")
        elif not _readable(path, endings):
            raise UserError(f"{path}: cannot read this kind of file; known endings are {', '.join(endings)}")
        else:
            files.append(path)
    return files


def _readable(path: Path, endings: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(endings) and path.is_file()


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def documents(path: Path, column: str = "text") -> Iterator[str]:
    """The documents of one file; UserError names the file and the line, row or byte that cannot be read.

    `column` is the field of a .jsonl line or the column of a .parquet file that holds the text.
    """
    name = path.name.lower()
    if name.endswith(".parquet"):
        texts = _rows(path, column)
    elif name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst")):
        texts = _lines(path, column)
    else:
        texts = iter([_decoded(path.read_bytes(), path)])
    return filter(None, texts)


def _decoded(data: bytes, path: Path) -> str:
    body = data.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start + len(data) - len(body)
        raise UserError(f"{path}: not UTF-8 at byte {at} (0x{data[at]:02x}); convert the file to UTF-8") from error


def _lines(path: Path, column: str) -> Iterator[str]:
    import pyarrow

    number = 0
    try:
        with io.BufferedReader(pyarrow.input_stream(str(path), compression="detect"), 1 << 20) as file:  # type: ignore
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise UserError(f"{path}, line {number}: longer than {LONGEST_LINE:,} bytes; split its text")
                if not line.isspace():
                    yield _text_of(line, column, f"{path}, line {number}")
    except (OSError, pyarrow.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{path}, after line {number}: cannot decompress: {error}") from error


def _text_of(line: bytes, column: str, where: str) -> str:
    try:
        fields: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get(column), str):
        names = fields if isinstance(fields, dict) else ()
        raise UserError(f"{where}: no text in {column!r}{nearest(column, names)}; --column names the field")
    text: str = fields[column]
    # JSON can spell half a surrogate pair, which is no Unicode text
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _rows(path: Path, column: str) -> Iterator[str]:
    import pyarrow
    from pyarrow import parquet

    row = 0
    try:
        with parquet.ParquetFile(path) as file:
            if column not in file.schema_arrow.names:
                raise UserError(f"{path}: no column {column!r}{nearest(column, file.schema_arrow.names)}")
            for batch in file.iter_batches(ROWS, columns=[column]):
                for text in batch.column(0).to_pylist():
                    row += 1
                    if not isinstance(text, str):
                        raise UserError(f"{path}, row {row}: {column!r} holds {type(text).__name__}, not text")
                    yield text
    except UnicodeDecodeError as error:
        raise UserError(f"{path}, after row {row}: the text is not UTF-8") from error
    except (OSError, pyarrow.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{path}: cannot read as parquet: {error}") from error
