"""The table of all drivers; see `driver.py` for what each can do."""

from collections.abc import Mapping

from hardware.driver import Driver, Factory

# Each factory imports its module only when called, so that a store without cameras never loads
# OpenCV. All raise hardware.options.OptionsError when the options are wrong.


def _simulated(options: Mapping[str, object]) -> Driver:
    from hardware.options import read_options
    from hardware.simulated import SimulatedDevice, SimulatedOptions

    return SimulatedDevice(read_options(options, SimulatedOptions))


def _actuator(options: Mapping[str, object]) -> Driver:
    from hardware.actuator import Actuator, ActuatorOptions
    from hardware.options import read_options

    return Actuator(read_options(options, ActuatorOptions))


def _barcode_camera(options: Mapping[str, object]) -> Driver:
    from hardware.barcode_camera import BarcodeCamera, BarcodeCameraOptions
    from hardware.options import read_options

    return BarcodeCamera(read_options(options, BarcodeCameraOptions))


def _barcode_keyboard(options: Mapping[str, object]) -> Driver:
    from hardware.barcode_keyboard import BarcodeKeyboard, BarcodeKeyboardOptions
    from hardware.options import read_options

    return BarcodeKeyboard(read_options(options, BarcodeKeyboardOptions))


def _barcode_serial(options: Mapping[str, object]) -> Driver:
    from hardware.barcode_serial import BarcodeSerial, BarcodeSerialOptions
    from hardware.options import read_options

    return BarcodeSerial(read_options(options, BarcodeSerialOptions))


def _people_camera(options: Mapping[str, object]) -> Driver:
    from hardware.options import read_options
    from hardware.people import PeopleCamera, PeopleCameraOptions

    return PeopleCamera(read_options(options, PeopleCameraOptions))


DRIVERS: dict[str, Factory] = {
    "actuator": _actuator,
    "barcode-camera": _barcode_camera,
    "barcode-keyboard": _barcode_keyboard,
    "barcode-serial": _barcode_serial,
    "people-camera": _people_camera,
    "simulated": _simulated,
}
