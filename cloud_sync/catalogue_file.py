"""A catalogue file: what a tenant sells and where it stands, read and checked as a whole.

It is JSON as in `samples/catalogue.json`, or CSV or Parquet with one product a line: CSV_COLUMNS,
and if wanted image, about_zh, about_en, low_stock, series, topics with `|` between them, and
`price_cents.CHANNEL` for channels with a price of their own.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from cloud_sync.imports.table_file import Table, TableError, open_table
from cloud_sync.shoppers.atoms.facts import PRODUCT
from wire.topics import NAME

SAMPLE = Path(__file__).parent / "samples" / "catalogue.json"
GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")
CURRENCY = re.compile(r"[A-Z]{3}")
# A topic is a name that shoppers may follow or search for; a series is one, too.
TOPIC_CHARS_MAX = 64
TOPICS_MAX = 20
CONTENT_FORMS = ("video", "picture", "article", "live", "panorama")
CSV_COLUMNS = ("product", "name_zh", "name_en", "brand", "category", "price_cents", "currency")
CHANNEL_PRICE = "price_cents."
TABLES = (".csv", ".csv.gz", ".parquet", ".pq")
# The name of a file in a store's folder of films (`web.media_folder`): no folder, no address.
MEDIA_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VIDEO_FILES, POSTER_FILES, CAPTION_FILES = (".webm", ".mp4"), (".jpg", ".png", ".webp"), (".vtt",)
CHANNELS_MAX = 200
PROBLEMS_SHOWN_MAX = 20
PRICE_CENTS_MAX = 10**12
LOW_STOCK_MAX = 10**6
# Beginnings above this are not of our time (µs UTC: the year 2255).
VALID_FROM_MAX = 9 * 10**15


class CatalogueError(ValueError):
    """A catalogue is not as it must be; the message names every wrong place at once."""


class Video(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video about a product: the id that events name, and its files in each store's folder."""

    content: str
    file: str
    poster: str = ""
    captions: dict[str, str] = {}


class Product(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One product: `product` is its GTIN or the brand's own number; texts are by language.

    `prices` has those of channels that differ: a store by its name, `store` for all of them, an
    online channel by its source.
    """

    product: str
    name: dict[str, str]
    brand: str
    category: str
    price_cents: int
    currency: str
    about: dict[str, str] = {}
    image: str = ""
    low_stock: int = 3
    series: str = ""
    topics: tuple[str, ...] = ()
    prices: dict[str, int] = {}
    video: Video | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a channel shows that is no product, under the id that its events name."""

    content: str
    form: str
    brand: str = ""
    series: str = ""
    topics: tuple[str, ...] = ()


class ShelfPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in a zone from `valid_from` (µs UTC) on; in every store if `store` is empty."""

    zone: str
    plan: int
    products: tuple[str, ...]
    store: str = ""
    valid_from: int = 0


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tenant's goods, plans and content; `members_consent` says what its terms allow."""

    products: tuple[Product, ...]
    plans: tuple[ShelfPlan, ...] = ()
    contents: tuple[Content, ...] = ()
    members_consent: bool | None = None


def read_catalogue(path: Path) -> Catalogue:
    """Read and check a catalogue file.

    Raises CatalogueError when it cannot be read or is not as the module describes.
    """
    try:
        if path.name.lower().endswith(TABLES):
            catalogue = _from_table(open_table(path))
        else:
            catalogue = msgspec.json.decode(path.read_bytes(), type=Catalogue)
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read: {error.strerror}") from error
    except TableError as error:
        raise CatalogueError(str(error)) from error
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        raise CatalogueError(f"{path} is no catalogue: {error}") from error
    except CatalogueError as error:
        raise CatalogueError(f"{path} is no catalogue: {error}") from error
    check(catalogue, str(path))
    return catalogue


def check(catalogue: Catalogue, name: str = "the catalogue") -> None:
    """Check a catalogue as a whole.

    Raises CatalogueError with every wrong place, at most PROBLEMS_SHOWN_MAX of them.
    """
    found = list(_problems(catalogue))
    if found:
        shown = "; ".join(found[:PROBLEMS_SHOWN_MAX])
        raise CatalogueError(f"{len(found)} wrong in {name}: {shown}")


def check_digit(digits: str) -> int:
    """Return the check digit that follows the digits of a GTIN.

    The devices have their own, since neither side may import the other; a test holds the two
    against each other.

    Source: GS1 General Specifications, 7.9: weights 3 and 1 in turn, from the right.
    """
    weighted = sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits)))
    return -weighted % 10


def _from_table(table: Table) -> Catalogue:
    lacking = [column for column in CSV_COLUMNS if column not in table.columns]
    if lacking:
        raise CatalogueError(f"its first line does not name the columns {', '.join(lacking)}")
    rows = list(table.rows())
    broken = [f"line {row.number} {row.fault}" for row in rows if row.fault]
    if broken:
        raise CatalogueError("; ".join(broken[:PROBLEMS_SHOWN_MAX]))
    return Catalogue(
        products=tuple(
            _from_line(dict(zip(table.columns, row.values, strict=True))) for row in rows
        )
    )


def _from_line(line: Mapping[str, str]) -> Product:
    """Read a product; what is missing or no figure is left to `check`, which names them all."""
    row = {column: value.strip() for column, value in line.items()}
    about = {language: row.get(f"about_{language}", "") for language in ("zh", "en")}
    return Product(
        product=row["product"],
        name={"zh": row["name_zh"], "en": row["name_en"]},
        brand=row["brand"],
        category=row["category"],
        price_cents=_figure(row["price_cents"]),
        currency=row["currency"],
        about={language: text for language, text in about.items() if text},
        image=row.get("image", ""),
        low_stock=_figure(row.get("low_stock") or "3"),
        series=row.get("series", ""),
        topics=tuple(filter(None, map(str.strip, row.get("topics", "").split("|")))),
        prices={
            column.removeprefix(CHANNEL_PRICE): _figure(value)
            for column, value in row.items()
            if column.startswith(CHANNEL_PRICE) and value
        },
    )


def _figure(text: str) -> int:
    """Return the whole number that a text is, -1 where it is none or has more than 18 digits."""
    return int(text) if text.isdecimal() and len(text) <= 18 else -1


def _problems(catalogue: Catalogue) -> Iterable[str]:
    if not catalogue.products:
        yield "it names no product, and what a catalogue does not name is sold no more"
    seen: set[str] = set()
    for each in catalogue.products:
        yield from _product_problems(each)
        if each.product in seen:
            yield f"product {_shown(each.product)} stands there twice"
        seen.add(each.product)
    for plan in catalogue.plans:
        yield from _plan_problems(plan, seen)
    for content in catalogue.contents:
        title = f"content {_shown(content.content)}"
        if not PRODUCT.fullmatch(content.content):
            yield f"{title} is not 1 to 64 of A-Z a-z 0-9 . _ -"
        if content.form not in CONTENT_FORMS:
            yield f"{title} needs a form: one of {', '.join(CONTENT_FORMS)}"
        yield from _topic_problems(title, content)


def _plan_problems(plan: ShelfPlan, known: Collection[str]) -> Iterable[str]:
    unknown = [product for product in plan.products if product not in known]
    title = f"plan {plan.plan} of zone {_shown(plan.zone)}"
    if unknown:
        yield f"{title} names unknown products {unknown[:3]}"
    if not plan.products or not 1 <= plan.plan < 2**31 or not plan.zone:
        yield f"{title} needs a zone, products, a number from 1"
    if not 0 <= plan.valid_from <= VALID_FROM_MAX:
        yield f"{title} begins at no time (µs UTC) of ours"
    if "\0" in plan.zone + plan.store:
        yield f"{title} holds a character that is no text (U+0000)"


def _topic_problems(title: str, tagged: Product | Content) -> Iterable[str]:
    if len(tagged.topics) > TOPICS_MAX:
        yield f"{title} has more than {TOPICS_MAX} topics"
    for name in (tagged.series, *tagged.topics):
        if len(name) > TOPIC_CHARS_MAX or "\0" in name or name != name.strip():
            yield f"{title}: no series or topic of 1 to {TOPIC_CHARS_MAX} characters: {name!r:.70}"
    if not all(tagged.topics):
        yield f"{title} has an empty topic"


def _product_problems(product: Product) -> Sequence[str]:
    number, name = product.product, _shown(product.product)
    problems = []
    if not PRODUCT.fullmatch(number):
        problems.append(f"product number {name} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    elif GTIN.fullmatch(number) and check_digit(number[:-1]) != int(number[-1]):
        problems.append(
            f"product {name} has a wrong check digit: {check_digit(number[:-1])} is right"
        )
    if not all(product.name.get(language) for language in ("zh", "en")):
        problems.append(f"product {name} needs a name in zh and en")
    if not 0 <= product.price_cents <= PRICE_CENTS_MAX or not CURRENCY.fullmatch(product.currency):
        problems.append(f"product {name} needs a price in cents and a currency such as CNY")
    for channel, price_cents in list(product.prices.items())[:CHANNELS_MAX]:
        if not (NAME.fullmatch(channel) and 0 <= price_cents <= PRICE_CENTS_MAX):
            problems.append(f"product {name} needs a price in cents for channel {channel[:40]!r}")
    if len(product.prices) > CHANNELS_MAX:
        problems.append(f"product {name} has prices for more than {CHANNELS_MAX} channels")
    if not 0 <= product.low_stock <= LOW_STOCK_MAX:
        problems.append(f"product {name} needs a low_stock from 0 to {LOW_STOCK_MAX}")
    if "\0" in product.brand + product.category + product.image + "".join(
        [*product.name.values(), *product.about.values()]
    ):
        problems.append(f"product {name} holds a character that is no text (U+0000)")
    problems.extend(_topic_problems(f"product {name}", product))
    problems.extend(_video_problems(f"product {name}", product.video))
    return problems


def _video_problems(title: str, video: Video | None) -> Iterable[str]:
    if video is None:
        return
    if not PRODUCT.fullmatch(video.content):
        yield f"{title} needs a video content of 1 to 64 of A-Z a-z 0-9 . _ -"
    files = [(video.file, VIDEO_FILES), (video.poster or "p.jpg", POSTER_FILES)]
    files += [(file, CAPTION_FILES) for file in video.captions.values()]
    for file, endings in files:
        if not (MEDIA_FILE.fullmatch(file) and file.lower().endswith(endings)):
            yield f"{title} names the file {file[:70]!r}, which is no {' or '.join(endings)}"


def _shown(name: str) -> str:
    """Return a name as a message repeats it: not at any length, and no control character."""
    return name if PRODUCT.fullmatch(name) else repr(name[:70])
