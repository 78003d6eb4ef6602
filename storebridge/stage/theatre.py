"""What the stage plays in: a town of running stores, cameras to show things to, a line to cut."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol, get_args

from storebridge.simulated.cards import Held
from storebridge.town import Town
from wire.views import ProductView

Camera = Literal["kiosk", "till", "floor"]
CAMERAS: tuple[Camera, ...] = get_args(Camera)


class Theatre(Protocol):
    """A running town as the stage sees it.

    All may be asked from several threads at once; nothing here waits for the network but `phone`.
    """

    @property
    def town(self) -> Town:
        """The stores with their addresses, the members, headquarters."""
        ...

    @property
    def products(self) -> Sequence[ProductView]:
        """What the stores and the web shop sell."""
        ...

    @property
    def api_key(self) -> str:
        """The key with which the web shop speaks to the cloud's API; asked for when first used."""
        ...

    @property
    def line_is_cut(self) -> bool:
        """Whether the line between the stores and the cloud is cut now."""
        ...

    def jpeg_frames(self, store: str, camera: Camera) -> Iterator[bytes]:
        """Return the frames of a store's camera for ever, each a JPEG, paced by the camera."""
        ...

    def phone(self, member: str) -> Held:
        """Return a member's phone with a new token, which the cloud is asked for."""
        ...

    def show(self, store: str, held: Held) -> None:
        """Hold something to the drawn kiosk camera of a store until it is read."""
        ...

    def cut_line(self) -> None:
        """Cut the line; nothing happens when it is cut."""
        ...

    def restore_line(self) -> None:
        """Mend the line; nothing happens when it is whole."""
        ...

    def figures(self) -> Mapping[str, object]:
        """Return what the demo has counted so far.

        `recorded, accepted, waiting, offers_shown, redemptions` are whole numbers,
        `scan_to_screen_ms` has p50, p95 and p99; what is not known yet is left out or None.
        """
        ...
