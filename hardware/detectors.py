"""The table of all detectors; see `detector.py` for what each can do."""

from collections.abc import Callable

from hardware.detector import Detector

DetectorFactory = Callable[[], Detector]


def _background() -> Detector:
    from hardware.background import BackgroundDetector

    return BackgroundDetector()


DETECTORS: dict[str, DetectorFactory] = {"background": _background}
