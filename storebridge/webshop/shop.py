"""The sample web shop: goods, a basket, coupons, and every step told to the cloud."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    abort,
    g,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
)
from flask import session as cookie
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from cloud_sync.channels.site_pages import SCRIPT
from kiosk_ui import pictures
from looks.assets import ASSET_AGE_S, LOOKS, address
from looks.words import LANGUAGES, Words, choose_language, load_locales
from storebridge.webshop.cards import cards_of
from storebridge.webshop.cloud_api import CloudApi, Coupon, Redeemed, Shopper
from storebridge.webshop.forms import is_from_here
from storebridge.webshop.orders import (
    OrderLine,
    best_coupon,
    can_be_used,
    lines_of,
    purchase,
    total_cents,
)
from storebridge.webshop.visitor import ORDER, Visitor, read_visitor, write_visitor
from wire.views import ProductView

LOCALES = load_locales(Path(__file__).parent / "locales")
STATIC = Path(__file__).parent / "static"
LANGUAGE_COOKIE = "language"
LANGUAGE_AGE_S = 365 * 24 * 3600
QUERY_CHARS_MAX = 60
RECOMMENDED_SHOWN_MAX = 4
SEE_OTHER = 303


def create_shop(
    products: Sequence[ProductView],
    api_url: str,
    api_key: str,
    members: Sequence[str],
    *,
    site: str = "",
) -> Blueprint:
    """Build the shop, to be mounted at /shop of an application with a secret key.

    Its pages tell what their visitors look at, once these agree, where the cloud has a `site` for
    it (`[sites.NAME]`).
    """
    if len({each.currency for each in products}) > 1:
        raise ValueError("the sample shop sells in one currency; give it products of one")
    shop = Shop(products, CloudApi(api_url, api_key), members, site=site, cloud_url=api_url)
    routes = Blueprint(
        "webshop", __name__, url_prefix="/shop", template_folder="templates", static_folder="static"
    )
    routes.before_request(shop.receive)
    routes.after_request(remember)
    routes.get("/")(shop.home)
    routes.get("/product/<product>")(shop.product)
    routes.post("/product/<product>/save")(shop.save)
    routes.post("/product/<product>/pieces")(shop.change_pieces)
    routes.get("/basket")(shop.basket)
    routes.post("/basket/order")(shop.order_basket)
    routes.get("/coupons")(shop.coupons)
    routes.post("/coupons/<coupon>/order")(shop.order_with_coupon)
    routes.get("/ordered")(shop.ordered)
    routes.get("/sign-in")(shop.sign_in_form)
    routes.post("/sign-in")(shop.sign_in)
    routes.post("/sign-out")(shop.sign_out)
    routes.get("/storebridge.js")(script)
    routes.get("/<path:_>")(nothing_here)
    routes.register_error_handler(HTTPException, shop.sorry)
    routes.get("/pictures/<drawing>/<int:colouring>.svg")(picture)
    return routes


class Shop:
    """The pages of the shop."""

    def __init__(
        self,
        products: Sequence[ProductView],
        cloud: CloudApi,
        members: Sequence[str],
        *,
        site: str = "",
        cloud_url: str = "",
    ) -> None:
        self._site = site
        self._cloud_url = cloud_url
        self._sold = {each.product: each for each in products}
        self._cloud = cloud
        self._members = frozenset(members)
        self._cards = cards_of(members)

    def receive(self) -> None:
        """Find out who looks, in which language, and refuse forms of other sites."""
        wanted = request.args.get("language") or request.cookies.get(LANGUAGE_COOKIE)
        if wanted not in LANGUAGES:
            wanted = request.accept_languages.best_match(LANGUAGES)
        g.words = Words(choose_language(wanted, LANGUAGES), LOCALES)
        g.visitor = read_visitor(cookie)
        if request.method == "POST" and not is_from_here(request):
            abort(403)

    def home(self) -> Response:
        """Show all goods, or those that were searched for."""
        query = request.args.get("q", "").strip()[:QUERY_CHARS_MAX]
        category = request.args.get("category", "")
        goods = [each for each in self._sold.values() if category in ("", each.category)]
        if query:
            goods = [each for each in goods if matches(each, query)]
            self._tell("searched", {"query": query, "results": len(goods)})
        categories = list(dict.fromkeys(each.category for each in self._sold.values()))
        return self._page(
            "home.html",
            goods=goods,
            query=query,
            category=category,
            categories=categories,
            recommended=self._recommended() if not (query or category) else [],
        )

    def product(self, product: str) -> Response:
        """Show a product: the look that the coupon's reason will name."""
        view = self._product(product)
        price = {"price_cents": view.price_cents, "currency": view.currency}
        self._tell("viewed", {"product": product, **price}, brand=view.brand)
        coupons = [each for each in self._coupons() if each.product == product]
        saved = product in self._shopper.saved if self._shopper else False
        return self._page("product.html", story="looked", view=view, coupons=coupons, saved=saved)

    def save(self, product: str) -> AnyResponse:
        """Put a product on the shopper's list, or take it off."""
        view = self._product(product)
        saved = request.form.get("saved") == "1"
        self._tell("saved", {"product": product, "saved": saved}, brand=view.brand)
        return redirect(f"/shop/product/{product}", SEE_OTHER)

    def change_pieces(self, product: str) -> AnyResponse:
        """Set how many pieces of a product are in the basket."""
        view = self._product(product)
        before = self._visitor.basket.get(product, 0)
        wanted = request.form.get("pieces", "")
        pieces = before + 1 if wanted == "more" else _whole(wanted)
        g.visitor = self._visitor.with_pieces(product, pieces)
        change = self._visitor.basket.get(product, 0) - before
        if change:
            body = {"product": product, "quantity": change}
            self._tell("basket_changed", body, brand=view.brand)
        return redirect("/shop/basket", SEE_OTHER)

    def basket(self) -> Response:
        """Show the basket with the coupon that takes most off."""
        basket = self._visitor.basket
        coupon = best_coupon(basket, self._sold, self._coupons())
        lines = lines_of(basket, self._sold, coupon)
        return self._page("basket.html", lines=lines, coupon=coupon, total=total_cents(lines))

    def order_basket(self) -> AnyResponse:
        """Order what is in the basket, with the coupon that the page showed."""
        named = request.form.get("coupon", "")
        coupon = self._coupon(named)
        if named and coupon is None:
            return self._refused("unknown" if self._shopper else "away")
        lines = lines_of(self._visitor.basket, self._sold, coupon)
        return self._order(lines) if lines else redirect("/shop/basket", SEE_OTHER)

    def coupons(self) -> Response:
        """Show the shopper's coupons."""
        coupons = [each for each in self._coupons() if each.product in self._sold]
        coupons.sort(key=lambda each: each.state == "redeemed")
        return self._page("coupons.html", coupons=coupons)

    def order_with_coupon(self, coupon: str) -> AnyResponse:
        """Order the product of a coupon, which is redeemed for it."""
        held = self._coupon(coupon)
        if held is None or held.product not in self._sold:
            return self._refused("unknown" if self._shopper else "away")
        return self._order([OrderLine(product=self._sold[held.product], pieces=1, coupon=held)])

    def ordered(self) -> Response:
        """Thank for the order that was paid last."""
        order, used = cookie.get("ordered"), cookie.get("used")
        return self._page("ordered.html", story="redeemed" if used else "", order=order, used=used)

    def sign_in_form(self) -> Response:
        """Ask which card it is."""
        return self._page("sign_in.html")

    def sign_in(self) -> AnyResponse:
        """Sign a member in; the event that says so links the cookie with the card."""
        member = request.form.get("member", "")
        if member not in self._members:
            abort(400)
        g.visitor = self._visitor.signed_in(member)
        self._tell("arrival", {"by": "sign_in"})
        return redirect("/shop/", SEE_OTHER)

    def sign_out(self) -> AnyResponse:
        """Let somebody else look on."""
        g.visitor = self._visitor.signed_out()
        return redirect("/shop/", SEE_OTHER)

    def sorry(self, error: HTTPException) -> Response:
        """Say on a page of the shop that a request was not served, and lead back to the goods."""
        response = self._page("sorry.html", missing=error.code == 404)
        response.status_code = error.code or 500
        return response

    def _order(self, lines: Sequence[OrderLine]) -> AnyResponse:
        """Redeem what is taken off, then tell that the order was paid; a repeat changes nothing."""
        order = request.form.get("order", "")
        if not ORDER.fullmatch(order):
            abort(400)
        for line in lines:
            if line.coupon is not None:
                ended = self._cloud.redeem(line.coupon.coupon, self._visitor.identifiers, order)
                if ended != "used":
                    return self._refused(ended)
        self._tell("purchased", purchase(order, lines), event_id=f"{order}-paid")
        g.visitor = self._visitor.paid(line.product.product for line in lines)
        cookie["ordered"], cookie["used"] = order, any(line.coupon for line in lines)
        return redirect("/shop/ordered", SEE_OTHER)

    def _refused(self, reason: Redeemed) -> Response:
        response = self._page("refused.html", reason=reason, form=request.form, path=request.path)
        response.status_code = 409
        return response

    @property
    def _visitor(self) -> Visitor:
        visitor: Visitor = g.visitor
        return visitor

    @property
    def _shopper(self) -> Shopper | None:
        """What the cloud lets us show, asked once a request, and only of who signed in."""
        if "shopper" not in g:
            signed_in = bool(self._visitor.member)
            g.shopper = self._cloud.shopper(self._visitor.identifiers) if signed_in else None
            g.away = g.get("away", False) or (signed_in and g.shopper is None)
        shopper: Shopper | None = g.shopper
        return shopper

    def _coupons(self) -> Sequence[Coupon]:
        return self._shopper.coupons if self._shopper else ()

    def _coupon(self, code: str) -> Coupon | None:
        return next((each for each in self._coupons() if each.coupon == code), None)

    def _recommended(self) -> list[tuple[ProductView, str]]:
        """Return what the cloud recommends, each with the sentence that says why."""
        found = self._shopper.recommended if self._shopper else ()
        shown = [each for each in found if each.product in self._sold][:RECOMMENDED_SHOWN_MAX]
        return [
            (self._sold[each.product], self._because(each.because.reason, each.because.product))
            for each in shown
        ]

    def _because(self, reason: str, product: str) -> str:
        words: Words = g.words
        named = self._sold.get(product)
        name = words.pick(named.name) if named else words("because.some_product")
        return words.known(f"because.{reason}", "because.unknown", reason=reason, product=name)

    def _tell(
        self, kind: str, body: dict[str, object], *, brand: str = "", event_id: str = ""
    ) -> None:
        event = self._visitor.event(kind, body, brand=brand, event_id=event_id)
        g.away = not self._cloud.record(event)

    def _product(self, product: str) -> ProductView:
        view = self._sold.get(product)
        if view is None:
            abort(404)
        return view

    def _page(self, template: str, *, story: str = "", **values: object) -> Response:
        words: Words = g.words
        shopper = self._shopper
        other = next(name for name in LANGUAGES if name != words.language)
        text = render_template(
            f"webshop/{template}",
            words=words,
            other=other,
            in_other=f"?{urlencode({**request.args, 'language': other})}",
            visitor=self._visitor,
            card=self._cards.get(self._visitor.member),
            cards=self._cards.values(),
            shopper=shopper,
            usable=sum(can_be_used(each) for each in self._coupons()),
            pieces=sum(self._visitor.basket.values()),
            away=g.get("away", False) or self._cloud.waiting > 0,
            waiting=self._cloud.waiting,
            story=story,
            sold=self._sold,
            site=self._site,
            cloud_url=self._cloud_url,
            picture_of=picture_of,
            looks=partial(address, LOOKS, "/looks"),
            asset=partial(address, STATIC, "/shop/static"),
            because=self._because,
            can_be_used=can_be_used,
            now=time.time_ns() // 1000,
            **values,
        )
        return make_response(text)


def matches(product: ProductView, query: str) -> bool:
    """Tell whether a search finds a product: every word of it stands somewhere in its texts."""
    texts = [*product.name.values(), *product.about.values(), product.brand, product.category]
    text = " ".join(texts).lower()
    return all(word in text for word in query.lower().split())


def picture_of(product: ProductView) -> str:
    """Return the address of a product's picture."""
    drawing = pictures.choose_drawing(product.category)
    return f"/shop/pictures/{drawing}/{pictures.choose_colouring(product.product)}.svg"


def picture(drawing: str, colouring: int) -> Response:
    """Answer with the drawing that stands for a category of goods."""
    if drawing not in pictures.DRAWINGS:
        abort(404)
    response = Response(pictures.draw(drawing, colouring), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


def nothing_here(_: str) -> AnyResponse:
    """Say that there is no such page."""
    abort(404)


def script() -> Response:
    """Answer with the script by which pages tell what their visitors do."""
    return send_file(SCRIPT, mimetype="text/javascript", max_age=ASSET_AGE_S)


def remember(response: Response) -> Response:
    """Keep who looks, and the language that was asked for, in the browser."""
    if "visitor" in g and request.endpoint != "webshop.picture":
        write_visitor(cookie, g.visitor)
    if request.args.get("language") in LANGUAGES:
        language = request.args["language"]
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=LANGUAGE_AGE_S, httponly=True, samesite="Strict"
        )
    return response


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 3:
        abort(400)
    return int(text)
