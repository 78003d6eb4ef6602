"""A model is taken by its digest only, and cameras find it by its name."""

from pathlib import Path

import pytest

from hardware.people.models import KNOWN_MODELS, ModelError, add_model, digest, find_model
from hardware.people.onnx_file import OnnxError, picture_size


def test_an_unknown_model_is_added_only_by_its_digest(tmp_path: Path) -> None:
    folder, model = tmp_path / "models", tmp_path / "mine.onnx"
    model.write_bytes(b"weights")
    with pytest.raises(ModelError, match="none of a known model"):
        add_model(model, folder=folder)
    with pytest.raises(ModelError, match="nothing was added"):
        add_model(model, "0" * 64, folder)
    assert not folder.exists()
    added = add_model(model, digest(model), folder)
    assert find_model("mine", folder) == added


def test_a_model_that_was_changed_after_it_was_added_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "mine.onnx"
    model.write_bytes(b"weights")
    added = add_model(model, digest(model), tmp_path / "models")
    added.write_bytes(b"others")
    with pytest.raises(ModelError, match="was changed"):
        find_model("mine", added.parent)
    with pytest.raises(ModelError, match="there is no model"):
        find_model("../mine", added.parent)


def test_the_known_models_are_known_by_their_digest(sample_data: Path, tmp_path: Path) -> None:
    for name in KNOWN_MODELS:
        added = add_model(sample_data / f"models/{name}.onnx", folder=tmp_path)
        assert (find_model(name, tmp_path), added.stem) == (added, name)


def test_the_size_of_the_picture_is_read_from_the_model(sample_data: Path) -> None:
    assert picture_size(sample_data / "models/yolox_nano_416x416.onnx") == (416, 416)
    assert picture_size(sample_data / "models/light_person_192.onnx") == (192, 192)


@pytest.mark.parametrize(
    "content", [b"", b"no model at all", b"\x3a\xff\xff\xff\xff\x7f", b"\xff" * 50]
)
def test_what_is_no_model_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(OnnxError, match=r"broken\.onnx"):
        picture_size(path)
