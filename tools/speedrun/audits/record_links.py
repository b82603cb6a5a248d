"""Where the link of a record's row leads within its archive; nothing outside the archive is ever looked at.

    link, remark = find_link(claim, archive)
    print(link.state, link.path, remark)

Not here: which runs count for the claim (evidence.py).
"""

import os
import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from speedrun.audits.claims import Claim, Link, LinkState

if TYPE_CHECKING:
    from speedrun.reading.archive import Archive

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
TRACK = re.compile(r"track_(\d)_")


def find_link(claim: Claim, archive: "Archive") -> tuple[Link, str]:
    """Where the row's link leads, and in words what is wrong with it ("": nothing)."""
    if claim.log is None:
        return Link(LinkState.NONE, None), "the row links no log"
    paths = [_inside(archive, claim.readme, written) for written in dict.fromkeys((claim.log, unquote(claim.log)))]
    inside = [path for path in paths if path is not None]
    if len(inside) < len(paths):
        return Link(LinkState.DEAD, None), f"the link {claim.log} leads out of the archive: not followed"
    for path in inside:
        if _is_there(archive, path):
            return Link(LinkState.FOUND, path), ""
    folder = posixpath.dirname(inside[-1])
    if inside[-1].lower().endswith(".md") and folder and os.path.isdir(archive.top / folder):
        return Link(LinkState.DEAD, folder), f"the linked file is missing, its folder is judged: {inside[-1]}"
    return _elsewhere(claim, archive, inside[-1])


def _inside(archive: "Archive", readme: str, written: str) -> str | None:
    """The path that is meant, relative to the archive's top; None where it leads out, be it by a symbolic link."""
    if URL.match(written) or not written.isprintable():
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(readme), written))
    if path in (".", "..") or path.startswith(("../", "/")):
        return None
    top = os.path.realpath(archive.top)
    real = os.path.realpath(os.path.join(top, path))
    return path if real.startswith(top.rstrip(os.sep) + os.sep) else None


def _is_there(archive: "Archive", path: str) -> bool:
    return os.path.exists(archive.top / path) or any(file.path == path for file in archive.files)


def _elsewhere(claim: Claim, archive: "Archive", path: str) -> tuple[Link, str]:
    """The log of that base name in another folder of the track, if there is only one such (its copies are one)."""
    name = posixpath.basename(path)
    same = [file for file in archive.files if posixpath.basename(file.path) == name and file.runs]
    same = [file for file in same if (found := TRACK.search(file.path)) is None or int(found[1]) == claim.track]
    if len({file.content_sha256 for file in same}) == 1:
        return Link(
            LinkState.ELSEWHERE, same[0].path
        ), f"the linked log is missing at {path}; {same[0].path} has its name"
    several = f" ({len(same)} different logs elsewhere have its name)" if same else ""
    return Link(LinkState.DEAD, None), f"the linked log is missing: {path}{several}"
