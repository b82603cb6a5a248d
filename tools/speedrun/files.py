"""Files that are either whole or absent: written beside their place, then renamed into it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path, mode: str = "wb") -> Iterator[IO]:
    """Open `path` for writing ("wb" or "w") so that it appears only once everything is written and synced.

    On any error, a full disk or Ctrl-C included, the former file stays as it was and no fragment is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fragment = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(fragment, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(fragment, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write that fails, on a full disk say, does not tell where
        raise
    finally:
        fragment.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with whole_file(path, "w") as file:
        file.write(text)
