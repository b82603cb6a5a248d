"""The program inside a run log, as one text and as the files that it was glued together from.

    program = embedded(Path("run.txt").read_bytes())
    for file in split(program): print(file.name, len(file.text))

Nothing here runs, imports or compiles a program: whoever wrote the log wrote the program too.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

MAIN = "train_gpt.py"  # logs do not tell the main file's name
UNNAMED = ("triton_kernels.py", "dc_triton_kernels.py")  # what the public logs append, in this order
SEPARATOR = b"=" * 100
EQUALS = re.compile(rb"=+")
OWN_HEADER = re.compile(rb'\{[^\n]*"speedrun_log"')
DASHES = b"-" * 40
MAX_FILES = 20  # what follows further dividers stays in the last file
# A line of 40 dashes; the file's name behind it, or on a line of its own that a second line of dashes closes.
DIVIDER = re.compile(
    rb"-{40}(?:[ \t]{1,8}#?[ \t]{0,8}([^\s]{1,100}\.py))?[ \t]{0,8}\n"
    rb"(?:[ \t]{0,8}#?[ \t]{0,8}([^\n]{1,100}?\.py)[ \t]{0,8}\n-{40}[ \t]{0,8}(?:\n|\Z))?"
)


class Span(NamedTuple):
    start: int
    end: int


@dataclass(frozen=True)
class ProgramFile:
    name: str  # safe to write: no folder, no "..", printable
    text: bytes


def embedded(content: bytes) -> bytes | None:
    """The program in a log of any dialect, with "\\n" at its line ends; None where there is none, or not all of it."""
    text = unified(content)
    span = program_span(text, separators(text))
    return text[span.start : span.end] if span else None


def unified(content: bytes) -> bytes:
    """The same lines, each ended by "\\n", without a byte order mark."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def separators(text: bytes) -> list[Span]:
    """The lines of exactly 100 "=", each with its newline. Longer, shorter and indented ones separate nothing."""
    found, start = [], text.find(SEPARATOR)
    while start >= 0:
        match = EQUALS.match(text, start)
        end = match.end() if match else start
        opened, closed = start == 0 or text[start - 1] == 10, text[end : end + 1] in (b"", b"\n")  # 10: newline
        if end - start == len(SEPARATOR) and opened and closed:
            found.append(Span(start, min(end + 1, len(text))))
        start = text.find(SEPARATOR, end)
    return found


def is_own(text: bytes) -> bool:
    """Whether a log is in our own format: its first line is JSON that says so."""
    return OWN_HEADER.match(text) is not None


def program_span(text: bytes, places: list[Span]) -> Span | None:
    """Where the program is: before the first separator, or between the first two where nothing else leads."""
    if not places:
        return None
    if is_own(text) or not text[: places[0].start].strip():
        if len(places) < 2:
            return None
        span = Span(places[0].end, places[1].start)
    else:
        span = Span(0, places[0].start)
    return span if text[span.start : span.end].strip() else None


def split(program: bytes) -> tuple[ProgramFile, ...]:
    """The files that a program was glued together from, the main one first."""
    dividers = _dividers(program)
    names = [MAIN.encode(), *(_stated(match, number) for number, match in enumerate(dividers))]
    starts = [0, *(match.end() for match in dividers)]
    ends = [*(match.start() for match in dividers), len(program)]
    files: list[ProgramFile] = []
    for name, start, end in zip(names, starts, ends, strict=True):
        text = program[start:end]
        if start:
            text = text.lstrip(b"\n")  # the gluing adds blank lines on both sides
        if end < len(program):
            text = text.rstrip(b"\n") + b"\n"
        files.append(ProgramFile(_unused(_safe(name, len(files) + 1), files), text))
    return tuple(files)


def _dividers(program: bytes) -> list[re.Match[bytes]]:
    found, place = [], program.find(b"\n" + DASHES)
    while place >= 0 and len(found) < MAX_FILES - 1:
        match = DIVIDER.match(program, place + 1)
        if match:
            found.append(match)
        place = program.find(b"\n" + DASHES, match.end() - 1 if match else place + 1)
    return found


def _stated(match: re.Match[bytes], number: int) -> bytes:
    return match[1] or match[2] or (UNNAMED[number] if number < len(UNNAMED) else "").encode()


def _safe(name: bytes, number: int) -> str:
    text = name.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    text = re.sub(r"\.{2,}", ".", re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII)).lstrip(".-")
    return text[-80:].lstrip(".-") or f"part_{number}.py"


def _unused(name: str, files: list[ProgramFile]) -> str:
    """The name, or with the lowest number that tells it from those before it, also where case does not count."""
    taken, stem, number = {file.name.lower() for file in files}, name.removesuffix(".py"), 1
    unused = name
    while unused.lower() in taken:
        number += 1
        unused = f"{stem}_{number}.py"
    return unused
