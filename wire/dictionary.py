"""The preset dictionary of both coders: what stands between the random parts of most events.

FROZEN: both ends must hold the same bytes for ever. A better dictionary takes a new frame byte in
`wire/codec.py` or `wire/batch.py`, and this one stays. The most frequent pieces stand last, where
they are cheapest to refer to.
"""

DICTIONARY: bytes = b"".join(
    (
        # Words of views and rarer events.
        b"\xa2zh\xa2en\xa3CNY\xa7setting\xa4plan\xa7shopper\xa7product",
        b"\xa9awareness\xa8purchase\xa7loyalty\xa8interest\xa7offered\xa7claimed\xa8redeemed",
        b"degraded\xa6failed\xa2ok\xa4lamp\xa6buzzer\xa4lock\xa7printer\xc3\xa0",
        b"\xa8time_out\xa9walk_away\xa3tap",
        b"\xa5phone\xc4\x10\xa5email\xc4\x10\xa3app\xc4\x10\xa3web\xc4\x10",
        b"\xa6window\xa7fitting\xa6centre\xa4exit\xa7counter\xa8haircare\xa9fragrance",
        # Door, an unknown code, stock and order, offer shown.
        b"\x95\x02\xa4door\xa4door\x90\x94\x04\xa4door\x01\x00",
        b"\x97\x01\xa7unknown\xa2QR\xa0\xa0\xc4",
        b"\xa6till-1\xa4till\x90\x94\x14\xad69\xff\xa4sale\x95\x11\xa3CNY\x91\x94\xad69\x01\xcd\xa0",
        b"\x97\x0d\xa6coupon\xa0\xa0\x00\xa0\xc4\x08",
        # Goods scanned; pages shown, tapped; goods viewed, saved.
        b"\xa4shelf\x91\x92\xa6member\xc4\x10\x97\x01\xa7product\xa6EAN-13\xad69",
        b"\x92\x02\xa4scan\xc4\x08\xa0\xc4\x00\xa0\xc4\x08",
        b"\x93\x05\xa5goods\xa0\xc4\x08\x93\x05\xa4home\xa7welcome\xa6coupon",
        b"\x93\x06\xa5goods\xa4save\xc4\x08\x93\x07\xad69\x93\x0a\xad69",
        # Whole rows without their random parts: dwell, goods, arrival, member.
        b"\x02\xa8people-1\xa6makeup\x90\x96\x03\xcf\x00\x06",
        b"\x02\xa8camera-2\xa8skincare\x91\x92\xa6member\xc4\x10\x97\x01\xa7product\xa6EAN-13\xad69",
        b"\x02\xa7kiosk-2\xa6makeup\x91\x92\xa6member\xc4\x10\x92\x02\xa4scan\xc4\x08",
        b"\x02\xa7kiosk-1\xa8entrance\x91\x92\xa6member\xc4\x10",
        b"\x02\xa8camera-1\xa8entrance\x91\x92\xa6member\xc4\x10",
        b"\x97\x01\xa6member\xa2QR\xa0\xa0\xc4\x00\xa0\xc4\x08",
        b"\x9a\xcf\x00\x06\x99\xcf\x00\x06",
    )
)
