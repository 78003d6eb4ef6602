"""The table of all detectors; see `detector.py` for what each can do."""

from collections.abc import Callable

from hardware.people.detector import Detector

# Each takes the name or path of a model, "" for none, and raises DeviceError where it cannot be
# used.
DetectorFactory = Callable[[str], Detector]


def _background(_model: str) -> Detector:
    from hardware.people.background import BackgroundDetector

    return BackgroundDetector()


def _model(model: str) -> Detector:
    from hardware.people.model_detector import ModelDetector
    from hardware.people.models import find_model

    return ModelDetector(find_model(model))


DETECTORS: dict[str, DetectorFactory] = {"background": _background, "model": _model}


def detector_for(model: str) -> Detector:
    """Return the detector for a model, or without one the fallback."""
    return DETECTORS["model" if model else "background"](model)
