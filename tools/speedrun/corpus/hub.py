"""Files of a public dataset on the Hugging Face hub: listed with size and sha256, fetched and checked.

The library huggingface_hub does the transport: it goes on after a broken connection, reads HF_ENDPOINT, HF_HOME and
HF_HUB_OFFLINE, and shows its own progress. It does not compare a file with its sha256; this does.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from speedrun.corpus.shards import sha256_of
from speedrun.errors import UserError
from speedrun.files import write_text


@dataclass(frozen=True)
class HubFile:
    path: str  # in the repository
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Listing:
    repo: str
    folder: str
    commit: str
    files: tuple[HubFile, ...]


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Turn whatever keeps us from the hub into a UserError; faults of our own disk pass."""
    from huggingface_hub import constants, errors
    from huggingface_hub.errors import HTTPError  # pyright: ignore[reportPrivateImportUsage]  httpx's, or its successor's

    try:
        yield
    except (errors.EntryNotFoundError, errors.OfflineModeIsEnabled, HTTPError, OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if constants.HF_HUB_OFFLINE:
            raise UserError(f"{what}: not here yet, and HF_HUB_OFFLINE is set; unset it to fetch") from error
        if isinstance(error, (errors.RemoteEntryNotFoundError, errors.RepositoryNotFoundError)):
            raise UserError(f"{what}: not found on the hub ({_first_line(error)})") from error
        raise UserError(f"{what}: cannot fetch from the hub ({_first_line(error)}); call again to go on") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def list_files(repo: str, folder: str = "") -> Listing:
    """The large files in a folder of the dataset `repo` (not below it), as its newest commit has them."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    with _one_line(f"dataset {repo}"):
        api = HfApi()
        commit = api.dataset_info(repo, expand=["sha"]).sha
        tree = list(api.list_repo_tree(repo, folder or None, revision=commit, repo_type="dataset"))
    files = (
        HubFile(entry.path, entry.size, entry.lfs.sha256) for entry in tree if isinstance(entry, RepoFile) and entry.lfs
    )
    return Listing(repo, folder, commit or "main", tuple(sorted(files, key=lambda file: file.path)))


def kept_listing(where: Path, repo: str, folder: str = "") -> Listing:
    """What the hub states of the files: asked once, then kept in `where`/.hub.json, so that it is known offline."""
    kept = where / ".hub.json"
    try:
        fields = json.loads(kept.read_text())
        listing = Listing(**{**fields, "files": tuple(HubFile(**file) for file in fields["files"])})
        if (listing.repo, listing.folder) == (repo, folder):
            return listing
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not ours: ask
    listing = list_files(repo, folder)
    write_text(kept, json.dumps(asdict(listing), indent=1) + "\n")
    return listing


def fetch(listing: Listing, file: HubFile, folder: Path | None = None) -> Path:
    """Download `file` into `folder` (default: the hub's cache), and check its size and sha256.

    A file that is there already is only checked. UserError, and no file, when it is not what the hub states.
    """
    from huggingface_hub import hf_hub_download

    with _one_line(file.path):
        path = Path(
            hf_hub_download(listing.repo, file.path, repo_type="dataset", revision=listing.commit, local_dir=folder)
        )
    size, digest = path.stat().st_size, sha256_of(path)
    if (size, digest) != (file.bytes, file.sha256):
        path.resolve().unlink()  # the cache's links point at the file itself
        path.unlink(missing_ok=True)
        raise UserError(
            f"{file.path}: what came is not what the hub states (sha256 {digest[:12]}..., {size:,} bytes; "
            f"stated {file.sha256[:12]}..., {file.bytes:,} bytes); removed it, call again to fetch it anew"
        )
    return path
