"""The film of the demo."""

from pathlib import Path

import cv2

from cloud_sync.catalogue_file import SAMPLE, read_catalogue
from storebridge.simulated.film import FILM, LENGTH_S, make_film, webvtt


def test_the_film_has_every_file_that_the_sample_catalogue_names(tmp_path: Path):
    make_film(tmp_path / "media", FILM)
    (film,) = (each.video for each in read_catalogue(SAMPLE).products if each.video)
    named = {film.file, film.poster, *film.captions.values()}
    assert {each.name for each in (tmp_path / "media").iterdir()} == named
    reader = cv2.VideoCapture(str(tmp_path / "media" / film.file))
    length_s = reader.get(cv2.CAP_PROP_FRAME_COUNT) / reader.get(cv2.CAP_PROP_FPS)
    assert abs(length_s - LENGTH_S) < 0.3


def test_captions_share_the_length_of_the_film():
    assert webvtt(("a", "b")).split("\n")[2:4] == ["00:00.000 --> 00:03.000", "a"]
