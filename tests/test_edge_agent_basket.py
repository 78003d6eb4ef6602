"""Coupons take off what they say and never more than the goods cost."""

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.visits.basket import discounted
from tests.edge_store import SHOE, SOCK, a_coupon
from wire.events import Line


@given(
    st.lists(st.integers(0, 100_000), min_size=1, max_size=5),
    st.integers(0, 150),
    st.integers(0, 200_000),
)
def test_a_discount_adds_up_and_never_pays_the_shopper(
    amounts: list[int], percent: int, amount_cents: int
):
    lines = [Line(SHOE, 1, cents) for cents in amounts]
    coupon = a_coupon(percent=percent, amount_cents=amount_cents)
    after, off_cents = discounted(lines, coupon)
    assert sum(each.amount_cents for each in after) == sum(amounts) - off_cents
    assert all(each.amount_cents >= 0 for each in after)
    assert 0 <= off_cents <= sum(amounts)


def test_a_coupon_takes_off_its_own_goods_only():
    lines = [Line(SHOE, 1, 1000, "acme"), Line(SOCK, 1, 1000, "other")]
    after, off_cents = discounted(lines, a_coupon(percent=0, amount_cents=300, product=SOCK))
    assert ([each.amount_cents for each in after], off_cents) == ([1000, 700], 300)


def test_an_amount_in_another_currency_takes_nothing_off():
    lines = [Line(SHOE, 1, 1000)]
    coupon = a_coupon(percent=0, amount_cents=300, currency="EUR")
    assert discounted(lines, coupon, "CNY")[1] == 0
    assert discounted(lines, coupon, "EUR")[1] == 300
