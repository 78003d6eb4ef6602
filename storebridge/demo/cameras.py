"""The simulated cameras: what they see is drawn, and leaves as a stream of JPEG frames.

The agents' real cameras read these streams as they would a network camera's; nothing else passes
from here to them.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from storebridge.simulated.cards import Held, draw, draw_empty
from storebridge.simulated.jpeg import to_jpeg
from storebridge.simulated.walks import Walk, WalkScene, visit_walk
from storebridge.town import (
    FLOOR_ZONES,
    FRAME_HEIGHT,
    FRAME_WIDTH,
    KIOSK_CAMERA,
    TILL_CAMERA,
)

SIZE = (FRAME_WIDTH, FRAME_HEIGHT)
FRAMES_PER_S = 8
# Somebody holds a code for so long, then until it was read (a busy machine may see few frames),
# and gives up.
HELD_S = 1.4
HELD_S_MAX = 20.0
SHOWS_WAITING_MAX = 8
EMPTY_FRAMES = 6
WALKS_KEPT_S = 5.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What was held to a camera, and when the first frame with it left (monotonic s).

    `read_before` is how many codes the camera's reader had read by then.
    """

    held: Held
    at_s: float
    read_before: int | None


class CodeCamera:
    """A camera at a counter, to which cards, phones and goods are held one after another.

    `count_reads` says how many codes its reader has read, None while nobody knows.
    """

    def __init__(self, seed: int, count_reads: Callable[[], int | None]) -> None:
        self._seed = seed
        self._count_reads = count_reads
        self._waiting: deque[Held] = deque(maxlen=SHOWS_WAITING_MAX)
        self._shown: Shown | None = None
        self._jitter = 0
        self._empty = [to_jpeg(draw_empty(SIZE, seed, jitter)) for jitter in range(EMPTY_FRAMES)]
        self.last_shown: Shown | None = None

    def show(self, held: Held) -> None:
        """Hold something to the camera, after whatever waits for it."""
        self._waiting.append(held)

    def next_jpeg(self, now_s: float) -> bytes:
        """Return the next frame; called at the camera's pace."""
        self._jitter += 1
        if self._shown is not None and self._is_done(self._shown, now_s - self._shown.at_s):
            self._shown = None
            return self._empty[self._jitter % EMPTY_FRAMES]
        if self._shown is None and self._waiting:
            self._seed += 1
            self._shown = Shown(self._waiting.popleft(), now_s, self._count_reads())
            self.last_shown = self._shown
        if self._shown is None:
            return self._empty[self._jitter % EMPTY_FRAMES]
        return to_jpeg(draw(SIZE, self._shown.held, self._seed, self._jitter))

    def _is_done(self, shown: Shown, for_s: float) -> bool:
        """Tell whether it was held long enough: it was read, or there is no use in going on."""
        if for_s <= HELD_S:
            return False
        read = self._count_reads()
        return for_s > HELD_S_MAX or read not in {None, shown.read_before or 0}


class FloorCamera:
    """A camera above the floor, under which people come, stand and go."""

    def __init__(self, seed: int) -> None:
        self._scene = WalkScene(SIZE, seed)
        self._empty = [to_jpeg(self._scene.frame(place / 10)) for place in range(EMPTY_FRAMES)]
        self._frame = 0
        self._walks: Sequence[Walk] = ()
        self._seed = seed

    def visit(self, zone: str, *, now_s: float, stay_s: float) -> float:
        """Let somebody come in, stand in a zone and leave; returns when they will stand there."""
        self._seed += 1
        polygon = tuple((float(x), float(y)) for x, y in FLOOR_ZONES[zone])
        walk = visit_walk(SIZE, polygon, starts_s=now_s, stay_s=stay_s, seed=self._seed)
        self._walks = (*self._walks, walk)
        door, stand = walk.stops[0].at, walk.stops[1].at
        return now_s + math.dist(door, stand) / walk.speed_px_s

    def next_jpeg(self, now_s: float) -> bytes:
        """Return the next frame; called at the camera's pace."""
        self._frame += 1
        self._walks = tuple(w for w in self._walks if w.ends_s > now_s - WALKS_KEPT_S)
        if not any(walk.foot(now_s) for walk in self._walks):
            return self._empty[self._frame % EMPTY_FRAMES]
        self._scene.walks = list(self._walks)
        return to_jpeg(self._scene.frame(now_s))


class Feed:
    """One camera's stream: frames drawn at a steady pace, the newest to everybody who watches."""

    def __init__(self, camera: CodeCamera | FloorCamera) -> None:
        self.camera = camera
        self._new = threading.Condition()
        self._jpeg = b""
        self._count = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Start drawing."""
        self._thread.start()

    def close(self) -> None:
        """Stop drawing, and end all streams."""
        self._ended.set()
        with self._new:
            self._new.notify_all()
        self._thread.join()

    def frames(self) -> Iterator[bytes]:
        """Yield the newest frame again and again; a slow reader misses some."""
        seen = 0
        while not self._ended.is_set():
            with self._new:
                if self._count == seen:
                    self._new.wait(1.0)
                fresh, seen, jpeg = self._count != seen, self._count, self._jpeg
            if fresh:
                yield jpeg

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._ended.wait(max(0.0, due_s - time.monotonic())):
            due_s = max(due_s + 1 / FRAMES_PER_S, time.monotonic())
            jpeg = self.camera.next_jpeg(time.monotonic())
            with self._new:
                self._jpeg, self._count = jpeg, self._count + 1
                self._new.notify_all()


class StoreCameras:
    """The three cameras of one store.

    `count_reads` makes of a device's name what asks how many codes it has read.
    """

    def __init__(self, seed: int, count_reads: Callable[[str], Callable[[], int | None]]) -> None:
        self.kiosk = CodeCamera(seed, count_reads(KIOSK_CAMERA))
        self.till = CodeCamera(seed + 100, count_reads(TILL_CAMERA))
        self.floor = FloorCamera(seed)
        self._feeds = {
            "kiosk": Feed(self.kiosk),
            "till": Feed(self.till),
            "floor": Feed(self.floor),
        }

    def start(self) -> None:
        """Switch them on."""
        for feed in self._feeds.values():
            feed.start()

    def close(self) -> None:
        """Switch them off."""
        for feed in self._feeds.values():
            feed.close()

    def frames(self, camera: str) -> Iterator[bytes]:
        """Yield the frames of one camera; KeyError for a name that is none."""
        return self._feeds[camera].frames()
