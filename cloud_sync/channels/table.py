"""The channels whose deliveries are understood: one line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from cloud_sync.channels import ads, mini_program, shopify, signatures, stripe, woocommerce
from cloud_sync.channels.delivery import Delivery
from cloud_sync.channels.signatures import Check
from cloud_sync.intake.posted import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One kind of system: how its deliveries prove themselves, and what events they tell of.

    `topic` names the header without which a delivery cannot be read, `token` the parameter of its
    address that is secret. `read` is pure and raises PostRefusedError.
    """

    name: str
    title: str
    check: Check
    read: Callable[[Delivery], list[Told]]
    method: Literal["GET", "POST"] = "POST"
    topic: str = ""
    token: str = ""


CHANNELS: Mapping[str, Channel] = {
    channel.name: channel
    for channel in (
        Channel(
            name="shopify",
            title="Shopify: orders/create, orders/paid, orders/updated, refunds/create",
            check=signatures.base64_in(shopify.SIGNATURE),
            read=shopify.read,
            topic=shopify.TOPIC,
        ),
        Channel(
            name="woocommerce",
            title="WooCommerce: order.created, order.updated (with its refunds)",
            check=signatures.base64_in(woocommerce.SIGNATURE),
            read=woocommerce.read,
            topic=woocommerce.TOPIC,
        ),
        Channel(
            name="stripe",
            title="Stripe: checkout.session.completed, charge.refunded",
            check=signatures.timed_in(stripe.SIGNATURE),
            read=stripe.read,
        ),
        Channel(
            name="mini-program",
            title="a WeChat mini program: login, proven phone number, place",
            check=signatures.timed_in(mini_program.SIGNATURE),
            read=mini_program.read,
        ),
        Channel(
            name="ads",
            title="ad platforms: impressions and clicks, by an address with macros",
            check=signatures.token_in(ads.TOKEN),
            read=ads.read,
            method="GET",
            token=ads.TOKEN,
        ),
    )
}
