"""Files that are either whole or absent: written beside their place, then renamed into it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path, mode: str = "wb") -> Iterator[IO]:
    """Open `path` for writing ("wb" or "w") so that it appears only once everything is written and synced.

    On any error, a full disk or Ctrl-C included, the former file stays as it was and no fragment is left. Where `path`
    is a link, the file that it leads to is written. A folder, a device or a pipe is refused.
    """
    place = path.resolve()
    fragment = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder; name a file")
        if place.exists() and not place.is_file():  # a rename would put a file where /dev/null was
            raise OSError(errno.EINVAL, "is no regular file; name another")
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(fragment, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(fragment, place)
    except OSError as error:
        if error.filename in (None, str(fragment)):  # a write that fails, on a full disk say, does not tell where
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):  # where none could be made, this must not hide why
            fragment.unlink()


def write_text(path: Path, text: str) -> None:
    with whole_file(path, "w") as file:
        file.write(text)
