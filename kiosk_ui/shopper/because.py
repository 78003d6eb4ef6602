"""Why something is shown, put into words for the shopper."""

from edge_agent import local_view
from edge_agent.database.sqlite import sqlite3
from kiosk_ui.texts import Words
from wire.views import Because, ShopperView


def say_because(because: Because, words: Words, connection: sqlite3.Connection) -> str:
    """Return the sentence of a reason; one this version does not know is named as it is."""
    product = local_view.product(connection, because.product) if because.product else None
    return words.known(
        f"because.{because.reason}",
        "because.unknown",
        reason=because.reason.replace("_", " "),
        product=words.pick(product.name) if product else words("because.some_product"),
        topic=because.category,
    )


def say_evidence(because: Because, words: Words) -> str:
    """Return the sentence of what a shopper's stage rests on."""
    reason = because.reason
    return words.known(f"evidence.{reason}", "evidence.unknown", reason=reason.replace("_", " "))


def say_standing(view: ShopperView, words: Words) -> str:
    """Return a shopper's level and points as the cloud last said, empty where there are none."""
    if view.points is None:
        return ""
    points = words("points.left", n=f"{max(view.points, 0):,}")
    return f"{words.pick(view.level)} · {points}" if view.level else points


def say_category(category: str, words: Words) -> str:
    """Return what a category is called, or its own name where nobody translated it."""
    return words.known(
        f"category.{category.lower().replace(' ', '_')}", "category.unknown", category=category
    )
