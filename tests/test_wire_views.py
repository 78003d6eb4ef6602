"""Views survive the downlink, between versions too."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import all_views, damaged
from wire.errors import DecodeError
from wire.views import VIEW_TABLES, SettingView, View, decode_view, encode_view


@given(all_views)
def test_every_view_survives_the_wire(view: View):
    assert decode_view(encode_view(view)) == view


@given(st.binary(max_size=100) | damaged(all_views.map(encode_view)))
def test_other_bytes_are_a_view_or_a_decode_error(value: bytes):
    with contextlib.suppress(DecodeError):
        decode_view(value)


@pytest.mark.parametrize("value", [b"", b"\x91" * 5000, b"\x93\xa7setting\xa1\xff\xa0"])
def test_hostile_bytes_are_a_decode_error(value: bytes):
    with pytest.raises(DecodeError):
        decode_view(value)


def test_a_view_of_a_newer_version_is_read_without_what_is_new():
    newer = msgspec.msgpack.encode(["setting", "sound", "off", "new", {"more": 1}])
    assert decode_view(newer) == SettingView("sound", "off")


def test_a_view_of_a_kind_that_is_unknown_here_is_a_decode_error():
    with pytest.raises(DecodeError):
        decode_view(msgspec.msgpack.encode(["hologram", "x"]))


def test_each_table_names_its_own_view():
    assert {kind.__struct_config__.tag: kind for kind in VIEW_TABLES.values()} == VIEW_TABLES
