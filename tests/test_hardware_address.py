"""An address is taken apart without showing what is secret in it."""

import pytest

from hardware.cameras.address import knock, parse_address, without_credentials
from tests.camera_servers import free_port

URL = "rtsp://eye:s3cret%40@10.0.0.1/live?token=t0ken"


def test_user_and_password_are_what_the_camera_knows():
    address = parse_address(URL)
    assert (address.user, address.password) == ("eye", "s3cret@")
    assert (address.host, address.port) == ("10.0.0.1", 554)
    assert address.bare_url == "rtsp://10.0.0.1/live?token=t0ken"


def test_an_address_shows_neither_password_nor_path():
    address = parse_address(URL)
    for shown in (address.title, repr(address), str(address)):
        assert "s3cret" not in shown
        assert "t0ken" not in shown
    assert address.title == "the rtsp camera at 10.0.0.1:554"
    assert parse_address("http://[fe80::1]:81/").title == "the http camera at [fe80::1]:81"


@pytest.mark.parametrize("wrong", ["rtsp://", "rtsp://a:b@", "http://h:99999/", "http://h/\r\nX:"])
def test_what_is_no_address_is_refused(wrong: str):
    with pytest.raises(ValueError, match="is no address"):
        parse_address(wrong)


def test_only_schemes_that_are_read_are_taken():
    with pytest.raises(ValueError, match="no 'file' is read; known: http, https, rtsp, rtsps"):
        parse_address("file://host/etc/passwd")


def test_whatever_stands_before_the_last_at_sign_is_left_out():
    assert without_credentials("rtsp:/eye:s3/c@ret@10.0.0.1/live") == "…@10.0.0.1/live"


def test_nobody_at_an_address_is_told_from_no_such_name():
    assert knock(parse_address(f"rtsp://127.0.0.1:{free_port()}/"), 1) == "refused"
    assert knock(parse_address("rtsp://no.such.name.invalid/"), 1) == "unknown-name"
