"""Models of people: which are known, and where they lie. A model is added by an operator only.

A model file is code of a kind: it is taken only as its digest says, and checked again when loaded.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from hardware.driver import DeviceError

MODEL_BYTES_MAX = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model file that was tried with this program."""

    name: str
    sha256: str
    licence: str
    what: str


KNOWN_MODELS: dict[str, KnownModel] = {
    model.name: model
    for model in (
        KnownModel(
            name="yolox_nano_416x416",
            sha256="695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",
            licence="Apache-2.0",
            what="people (and 79 other things), also small ones far away",
        ),
        KnownModel(
            name="light_person_192",
            sha256="4bf5f704cd3bd900645a4303e0934ede13d9fb2135058b38005f4c2886c68576",
            licence="Apache-2.0",
            what="people only",
        ),
    )
}


class ModelError(DeviceError):
    """A model cannot be added or found; the message says why and what to do."""


def model_folder() -> Path:
    """Return the folder of this account in which added models lie."""
    return platformdirs.user_data_path("storebridge") / "models"


def find_model(model: str, folder: Path | None = None) -> Path:
    """Return the file of a model that is named, or given by the path of its file.

    Raises ModelError when it is not there, or an added file is no longer what was added.
    """
    path = Path(model)
    if path.is_file():
        return path
    added = (folder or model_folder()) / f"{model}.onnx"
    if Path(model).name != model or not added.is_file():
        raise ModelError(
            f"there is no model {model}: give the path of its file, or add it with "
            "`storebridge model add FILE`"
        )
    noted = added.with_suffix(".sha256")
    try:
        expected = noted.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        expected = ""
    if digest(added) != expected:
        raise ModelError(f"{added} was changed since it was added: add the model again")
    return added


def add_model(path: Path, sha256: str = "", folder: Path | None = None) -> Path:
    """Copy a model to where cameras find it by its name, and return the copy.

    Its digest must be that of a known model, or the one given. Raises ModelError where it is not.
    """
    found = digest(path)
    known = next((one for one in KNOWN_MODELS.values() if one.sha256 == found), None)
    if sha256 and sha256.lower() != found:
        raise ModelError(f"{path} has the digest {found}, not {sha256}: nothing was added")
    if known is None and not sha256:
        raise ModelError(
            f"{path} has the digest {found}, which is none of a known model. If you trust where "
            f"it comes from, add it with --sha256 {found}"
        )
    name = path.stem if known is None else known.name
    target = (folder or model_folder()) / f"{name}.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(target, path.read_bytes())
    _write(target.with_suffix(".sha256"), f"{found}\n".encode("ascii"))
    return target


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex; raises ModelError when it cannot be read."""
    try:
        if path.stat().st_size > MODEL_BYTES_MAX:
            raise ModelError(f"{path} is larger than {MODEL_BYTES_MAX // 1024 // 1024} MiB")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
