"""A town for tests of who sees what: two tenants alike in all but their name, in each two brands
and two store operators. Nearly every table holds something of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

from msgspec.structs import replace
from psycopg import Connection

from cloud_sync.catalogue import import_catalogue
from cloud_sync.catalogue_file import Catalogue, Content, Product, ShelfPlan
from cloud_sync.console import people
from cloud_sync.database import Database
from cloud_sync.decisions.decide import decide
from cloud_sync.fleet import twins
from cloud_sync.intake import ledger, quarantine
from cloud_sync.intake.api_keys import create_key
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.intake.posted import PostedEvent
from cloud_sync.intake.quarantine import Poison
from cloud_sync.publisher import put
from cloud_sync.reports import kept_paths
from cloud_sync.review import proposals, records
from cloud_sync.review.records import PersonRecord
from cloud_sync.shoppers.graph import said
from cloud_sync.shoppers.profiles.stage_rules import STAGE_RULES
from cloud_sync.workers.road import Road
from tests.shopper_builders import NOW, happened, member, web
from wire.events import (
    AnyBody,
    Arrival,
    CouponClaimed,
    CouponRedeemed,
    Door,
    Dwell,
    Followed,
    Line,
    OfferShown,
    PointsSpent,
    Purchased,
    Saved,
    Scan,
    Tried,
    Viewed,
)
from wire.identifiers import identifier_id
from wire.messages import Birth, Heartbeat
from wire.topics import shard_of

PASSWORD = "correct horse battery"
OURS, OTHERS = "acme", "elsewhere"
MINE, RIVAL = "mine", "rival"
NORTH, SOUTH = "north", "south"
GOODS = {MINE: ("MINE-1", "MINE-2"), RIVAL: ("RIVAL-1", "RIVAL-2")}
# A shared shelf in the north, where both brands are sold; the south sells the rival alone.
STORES = {"s-north": NORTH, "s-south": SOUTH}
GUEST = "s-guest"
PLANS = (
    ShelfPlan(store="s-north", zone="shared", plan=1, products=("MINE-1", "RIVAL-1")),
    ShelfPlan(store="s-north", zone="theirs", plan=2, products=("RIVAL-2",)),
    ShelfPlan(store="s-south", zone="alone", plan=3, products=("RIVAL-1", "RIVAL-2")),
)


@dataclass
class Town:
    """A database in which both tenants have lived for a while.

    `tokens` are the API keys, `strangers` the ids of who never met our brand, by tenant.
    """

    database: Database
    tokens: dict[str, str] = field(default_factory=dict)
    strangers: dict[str, list[str]] = field(default_factory=dict)


def settle(dsn: str) -> Town:
    """Let both tenants live in a database that has the tables."""
    town = Town(Database(dsn))
    for tenant in (OURS, OTHERS):
        with town.database.shopper(tenant) as connection:
            _open(connection, tenant, town)
            _live(connection, tenant, [*_events(tenant)])
            _use_coupons(connection, tenant)
            _speak(connection, tenant)
            town.strangers[tenant] = [
                *(str(UUID(identifier_id(each))) for each in (member("rival fan"), web("r"))),
                *_coupons(connection, tenant, RIVAL),
            ]
    for tenant in (OURS, OTHERS):
        with town.database.shopper(tenant) as connection:
            kept_paths.count(connection, tenant, NOW, STAGE_RULES)
    return town


def in_store(
    tenant: str, store: str, body: AnyBody, *who, zone: str = "", brand: str = ""
) -> LedgerEvent:
    """An event of a store under its operator."""
    each = happened(body, *who, store=store, tenant=tenant, zone=zone, at=NOW)
    said = replace(each.event, operator=STORES.get(store, NORTH), brand=brand)
    return replace(each, event=said)


def online(tenant: str, body: AnyBody, *who, brand: str = "") -> LedgerEvent:
    """An event of the web shop."""
    each = happened(body, *who, store=None, tenant=tenant, zone="", at=NOW)
    return replace(each, event=replace(each.event, brand=brand))


def bought(order: str, *products: str, cents: int = 1_000) -> Purchased:
    """An order of one piece of each, whose lines name their brands."""
    brands = {product: brand for brand, goods in GOODS.items() for product in goods}
    lines = tuple(Line(each, 1, cents, brands[each]) for each in products)
    return Purchased(order, lines, cents * len(lines), "CNY")


def _events(tenant: str) -> Iterator[LedgerEvent]:
    for brand, store, cookie in ((MINE, "s-north", "m"), (RIVAL, "s-south", "r")):
        fan, (first, second) = member(f"{brand} fan"), GOODS[brand]
        yield online(
            tenant, Viewed(first, price_cents=990, currency="CNY"), fan, web(cookie), brand=brand
        )
        yield in_store(tenant, store, Arrival(), fan)
        yield in_store(tenant, store, Scan("product", "ean13", second), fan, brand=brand)
        yield in_store(tenant, store, Tried(second), fan, brand=brand)
        yield in_store(tenant, store, Saved(second), fan, brand=brand)
        yield in_store(tenant, store, Followed(brand), fan, brand=brand)
        yield in_store(tenant, store, OfferShown(f"{brand}-offer"), fan, brand=brand)
        yield in_store(tenant, store, bought(f"{brand}-order", second, second), fan)
        yield in_store(tenant, store, Door(line="door", people_in=3))
        yield online(tenant, PointsSpent(order=f"{brand}-order", points=1), fan)
    for store, zone, plan in (("s-north", "shared", 1), ("s-north", "theirs", 2)):
        stay = Dwell(entered_at=NOW, dwell_ms=20_000, confidence_pct=90, plan=plan)
        yield in_store(tenant, store, stay, member("both fan"), zone=zone)
    # The north runs a zone in a store of the south, whose name it therefore knows.
    guest = in_store(tenant, GUEST, Dwell(entered_at=NOW, dwell_ms=60_000), zone="corner")
    yield guest
    alone = Dwell(entered_at=NOW, dwell_ms=20_000, confidence_pct=90, plan=3)
    yield in_store(tenant, "s-south", alone, member("rival fan"), zone="alone")
    both = bought("both-order", "MINE-1", "RIVAL-1", "MINE-2", "RIVAL-2")
    yield in_store(tenant, "s-north", both, member("both fan"))


def _open(connection: Connection, tenant: str, town: Town) -> None:
    goods = [
        Product(
            product=number,
            name={"zh": f"{brand} 商品", "en": f"{brand} goods"},
            brand=brand,
            category=f"{brand} things",
            price_cents=1_000,
            currency="CNY",
            prices={"shop": 990},
        )
        for brand, numbers in GOODS.items()
        for number in numbers
    ]
    contents = tuple(Content(content=f"{each}-film", form="video", brand=each) for each in GOODS)
    catalogue = Catalogue(
        products=tuple(goods), plans=PLANS, contents=contents, members_consent=True
    )
    import_catalogue(connection, tenant, catalogue)
    town.tokens[tenant] = create_key(connection, tenant, "shop")
    people.add_person(connection, tenant, "all", PASSWORD)
    for brand in GOODS:
        people.add_person(connection, tenant, f"of {brand}", PASSWORD, brand=brand)
    for operator in (NORTH, SOUTH):
        people.add_person(connection, tenant, f"of {operator}", PASSWORD, operator=operator)
    people.sign_in(connection, tenant, "all", PASSWORD)
    people.sign_in(connection, tenant, "all", "wrong")
    for store in STORES:
        _bear(connection, tenant, store)
    _deliver(connection, tenant)
    posted = online(tenant, Viewed(product="MINE-1")).event
    ledger.append_http(connection, tenant, "shop", "key", [PostedEvent(f"{tenant}-1", posted)])


def _deliver(connection: Connection, tenant: str) -> None:
    """Let files and other systems have brought something, of which one was set aside."""
    connection.execute(
        "INSERT INTO refused_delivery (tenant, webhook, delivery, reason, sealed, refused_at)"
        " VALUES (%s, 'orders', 'd1', %s, '', 0)",
        (tenant, f"{tenant} said it badly"),
    )
    connection.execute(
        "INSERT INTO import_run (tenant, kind, file, how) VALUES (%s, 'stock', 'f1', 'import')",
        (tenant,),
    )
    for brand, store in ((MINE, "s-north"), (RIVAL, "s-south")):
        connection.execute(
            "INSERT INTO stock_level (tenant, store, product, quantity, counted_at)"
            " VALUES (%s, %s, %s, 7, 0)",
            (tenant, store, GOODS[brand][0]),
        )


def _bear(connection: Connection, tenant: str, store: str) -> None:
    """Let a store come online: 100 events recorded, 80 of them here, 5 declared gone."""
    shard, stream = shard_of(tenant, store), f"{tenant} {store}"[:16].ljust(16).encode()
    birth = Birth(
        stream=stream,
        session=1,
        nonce=b"n" * 8,
        head=100,
        watermark=0,
        applied=0,
        operator=STORES[store],
    )
    beat = Heartbeat(
        session=1,
        head=100,
        watermark=80,
        queue_rows=20,
        queue_bytes=2_000,
        oldest_age_ms=1_000,
        sent_at=NOW,
        clock=2,
        mono_ms=1,
        boot=1,
    )
    twins.born(connection, tenant, store, birth, NOW)
    twins.beat(connection, tenant, store, beat, NOW)
    place = (shard, tenant, store, stream)
    connection.execute(
        "INSERT INTO stream (shard, tenant, store, stream, received)"
        " VALUES (%s, %s, %s, %s, '{[1,81)}')",
        place,
    )
    connection.execute(
        "INSERT INTO stream_absent VALUES (%s, %s, %s, %s, 90, 94, 'evicted', 0)", place
    )
    connection.execute(
        'CREATE TABLE IF NOT EXISTS "ledger_tried" PARTITION OF ledger'
        " FOR VALUES FROM ('1999-01-01') TO ('1999-01-02')"
    )
    connection.execute(
        "INSERT INTO ledger (day, shard, position, accepted_at, tenant, store, source, stream, seq,"
        " live, occurred_at, kind, row) VALUES ('1999-01-01', %s, %s, 0, %s, %s, 'store', %s, 1,"
        " true, 0, 1, %s)",
        (shard, 10**6 + len(f"{tenant}{store}"), tenant, store, stream, f"{tenant}".encode()),
    )
    poison = Poison(
        shard=shard,
        tenant=tenant,
        store=store,
        stream=stream,
        first=81,
        count=1,
        part="row",
        reason=f"{tenant} said it badly",
        payload=b"\xff",
        quarantined_at=NOW,
    )
    quarantine.keep(connection, [poison])
    connection.execute("INSERT INTO shopper_due VALUES (%s, %s, %s)", (shard, tenant, store))
    _forget(connection, tenant, store)
    _flow(connection, tenant, store)


def _flow(connection: Connection, tenant: str, store: str) -> None:
    """Let another system be told of somebody, who is in an audience."""
    named = (tenant, f"{tenant}-{store}")
    connection.execute("INSERT INTO connector (tenant, connector) VALUES (%s, %s)", named)
    connection.execute(
        "INSERT INTO connector_due VALUES (%s, %s, gen_random_uuid(), 1, 0, 0, 1, 'away')", named
    )
    connection.execute(
        "INSERT INTO connector_told VALUES (%s, %s, gen_random_uuid(), 'checksum', 0)", named
    )
    connection.execute("INSERT INTO audience VALUES (%s, %s, 'ours', '{}')", named)


def _forget(connection: Connection, tenant: str, store: str) -> None:
    """Let somebody say no, and be erased: the store has answered."""
    connection.execute(
        "INSERT INTO atom_consent (tenant, atom, purpose, mark, version, via, place)"
        " VALUES (%s, gen_random_uuid(), 'offers', 2, '1', 'kiosk', %s)",
        (tenant, store),
    )
    connection.execute(
        "INSERT INTO erasure (tenant, erasure, erased_at, asked_by, since, finished_at)"
        " VALUES (%s, %s, 0, %s, '1999-01-01', 0)",
        (tenant, store, f"{tenant}'s desk"),
    )
    connection.execute(
        "INSERT INTO erasure_store (tenant, store, erasure, told_at) VALUES (%s, %s, %s, 0)",
        (tenant, store, store),
    )
    connection.execute(
        "INSERT INTO store_signer (tenant, store, signer, since) VALUES (%s, %s, 'k', 0)",
        (tenant, store),
    )


def _live(connection: Connection, tenant: str, events: Iterable[LedgerEvent]) -> None:
    """Fold events, decide about everybody whom they touched, and tell the stores."""
    ordered = sorted(events, key=lambda each: each.shard)
    touched = {
        shopper
        for shard, part in groupby(ordered, key=lambda each: each.shard)
        for _, shopper in Road().fold(connection, shard, 1, [*part]).touched
    }
    for told in decide(connection, tenant, touched, NOW):
        put(connection, tenant, told.store, [told.change])


def _use_coupons(connection: Connection, tenant: str) -> None:
    for brand, store in ((MINE, "s-north"), (RIVAL, "s-south")):
        code, fan = _coupons(connection, tenant, brand)[0], member(f"{brand} fan")
        claimed, used = CouponClaimed(code), CouponRedeemed(code, order=f"{brand}-order")
        acts = [in_store(tenant, store, each, fan, brand=brand) for each in (claimed, used)]
        _live(connection, tenant, acts)


def _speak(connection: Connection, tenant: str) -> None:
    """Let somebody say who is who, and let offers have been withdrawn for it."""
    tablet = web(f"a tablet of {tenant}")
    _live(connection, tenant, [online(tenant, Viewed(), tablet)])
    said.demote(connection, tenant, identifier_id(tablet), because="all use it", source="staff")
    connection.execute(
        "INSERT INTO identity_due (tenant, identifier) VALUES (%s, %s)",
        (tenant, identifier_id(tablet)),
    )
    connection.execute(
        "INSERT INTO coupon_withdrawn SELECT tenant, owner, coupon, offer, serial + 100, product,"
        " reason, issued_at, issued_at FROM coupon WHERE tenant = %s",
        (tenant,),
    )
    listed = PersonRecord(identifier=tablet, source=f"list of {tenant}", said={"surname": "li"})
    records.keep(connection, tenant, b"k" * 32, [listed], NOW)
    pair = (identifier_id(tablet), identifier_id(web(f"a phone of {tenant}")))
    proposals.propose(connection, tenant, pair, "loose", 0.5, 100, {}, NOW)


def _coupons(connection: Connection, tenant: str, brand: str) -> list[str]:
    rows = connection.execute(
        "SELECT coupon FROM coupon JOIN product USING (tenant, product)"
        " WHERE tenant = %s AND brand = %s ORDER BY coupon",
        (tenant, brand),
    )
    return [code for (code,) in rows]
