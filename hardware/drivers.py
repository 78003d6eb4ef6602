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
    from hardware.codes.barcode_camera import BarcodeCamera, BarcodeCameraOptions
    from hardware.options import read_options

    return BarcodeCamera(read_options(options, BarcodeCameraOptions))


def _barcode_http(options: Mapping[str, object]) -> Driver:
    from hardware.options import read_options
    from hardware.scanners.barcode_posted import BarcodeHttpOptions, PostedScanner

    return PostedScanner(read_options(options, BarcodeHttpOptions).token)


def _barcode_keyboard(options: Mapping[str, object]) -> Driver:
    from hardware.options import read_options
    from hardware.scanners.barcode_keyboard import BarcodeKeyboardOptions, barcode_keyboard

    return barcode_keyboard(read_options(options, BarcodeKeyboardOptions))


def _barcode_page(options: Mapping[str, object]) -> Driver:
    from hardware.options import read_options
    from hardware.scanners.barcode_posted import BarcodePageOptions, PostedScanner

    read_options(options, BarcodePageOptions)
    return PostedScanner()


def _barcode_serial(options: Mapping[str, object]) -> Driver:
    from hardware.options import read_options
    from hardware.scanners.barcode_serial import BarcodeSerialOptions, barcode_serial

    return barcode_serial(read_options(options, BarcodeSerialOptions))


def _barcode_tcp(options: Mapping[str, object]) -> Driver:
    from hardware.options import read_options
    from hardware.scanners.barcode_tcp import BarcodeTcp, BarcodeTcpOptions

    return BarcodeTcp(read_options(options, BarcodeTcpOptions))


def _people_camera(options: Mapping[str, object]) -> Driver:
    from hardware.options import read_options
    from hardware.people.people import PeopleCamera, PeopleCameraOptions

    return PeopleCamera(read_options(options, PeopleCameraOptions))


DRIVERS: dict[str, Factory] = {
    "actuator": _actuator,
    "barcode-camera": _barcode_camera,
    "barcode-http": _barcode_http,
    "barcode-keyboard": _barcode_keyboard,
    "barcode-page": _barcode_page,
    "barcode-serial": _barcode_serial,
    "barcode-tcp": _barcode_tcp,
    "people-camera": _people_camera,
    "simulated": _simulated,
}
