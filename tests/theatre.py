"""A theatre for tests of the stage: a planned town, frames that say what was shown, a line."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from cloud_sync.catalogue_file import SAMPLE, read_catalogue
from storebridge.simulated.cards import Held
from storebridge.stage.theatre import Camera
from storebridge.town import Town, plan_town
from wire.views import ProductView

JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 128, np.uint8))[1].tobytes()


def sample_products() -> list[ProductView]:
    return [
        ProductView(each.product, each.name, each.brand, each.category, each.price_cents, "CNY")
        for each in read_catalogue(SAMPLE).products
    ]


@dataclass
class TheatreForTests:
    """What was shown and cut is kept; its cameras give a grey frame ten times a second."""

    town: Town
    api_key: str = "sbk.nobody"
    products: Sequence[ProductView] = field(default_factory=sample_products)
    line_is_cut: bool = False
    shown: list[tuple[str, Held]] = field(default_factory=list)
    counted: Mapping[str, object] = field(default_factory=dict)
    closed: threading.Event = field(default_factory=threading.Event)

    def jpeg_frames(self, store: str, camera: Camera) -> Iterator[bytes]:
        while not self.closed.wait(0.1):
            yield JPEG

    def phone(self, member: str) -> Held:
        return Held(f"SB1:M:{member}", "phone")

    def show(self, store: str, held: Held) -> None:
        self.shown.append((store, held))

    def cut_line(self) -> None:
        self.line_is_cut = True

    def restore_line(self) -> None:
        self.line_is_cut = False

    def figures(self) -> Mapping[str, object]:
        return self.counted


def a_town(folder: Path, *, stores: int = 2, cloud_port: int = 0, camera: str = "") -> Town:
    town = plan_town(folder, stores=stores, seed=1, camera=camera)
    return replace(town, cloud_port=cloud_port or town.cloud_port)
