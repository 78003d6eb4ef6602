"""The routes of headquarters: sign in, stores, a brand, sign out."""

import hmac
from pathlib import Path

import psycopg
from flask import (
    Blueprint,
    Response,
    abort,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from cloud_sync.catalogue import brands_of
from cloud_sync.cloud import Cloud
from cloud_sync.console import brands, funnel, people
from cloud_sync.console.brands import BrandPage
from cloud_sync.console.people import SignIn
from cloud_sync.console.stores import day_began_at, rows_of, sales_of, shared_of, summary_of
from cloud_sync.database import Sight
from cloud_sync.fleet import twins
from cloud_sync.reports import store_hour
from looks.assets import ASSET_AGE_S, LOOKS, address
from looks.reasons import say_reason
from looks.words import LANGUAGES, Words, choose_language, load_locales

SIGN_IN_COOKIE = "hq"
LANGUAGE_COOKIE = "hq_language"
LANGUAGE_AGE_S = 365 * 24 * 3600
FIELD_CHARS_MAX = 300
STATIC = Path(__file__).parent / "static"
LOCALES = load_locales(Path(__file__).parent / "locales")


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the pages of headquarters."""
    routes = Blueprint(
        "console", __name__, url_prefix="/hq", template_folder="templates", static_folder="static"
    )
    pages = _Pages(cloud)
    routes.before_request(pages.read_person)
    routes.after_request(remember_language)
    routes.get("/")(pages.stores)
    routes.get("/brands/<path:brand>")(pages.brand)
    routes.get("/funnel")(pages.funnel)
    routes.get("/api/brands/<path:brand>")(pages.brand_figures)
    routes.get("/sign-in")(pages.sign_in_form)
    routes.post("/sign-in")(pages.sign_in)
    routes.post("/sign-out")(pages.sign_out)
    routes.get("/looks/<name>")(looks)
    return routes


def looks(name: str) -> Response:
    """Answer with a file of the looks that all screens share."""
    return send_from_directory(LOOKS, name, max_age=ASSET_AGE_S)


class _Pages:
    """The pages over one installation."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        # A browser takes the prefix only together with Secure, Path=/ and no domain.
        self._cookie = f"__Host-{SIGN_IN_COOKIE}" if cloud.secure else SIGN_IN_COOKIE
        self._path = "/" if cloud.secure else "/hq"

    def read_person(self) -> None:
        """Find out who asks, and in which language."""
        wanted = request.args.get("language") or request.cookies.get(LANGUAGE_COOKIE)
        if wanted not in LANGUAGES:
            wanted = request.accept_languages.best_match(LANGUAGES)
        g.words = Words(choose_language(wanted, LANGUAGES), LOCALES)
        g.person = None
        if self._token and request.endpoint != "console.static":
            with self._cloud.database.shopper("") as connection:
                g.person = people.signed_in(connection, self._token)

    def stores(self) -> AnyResponse:
        """Show all stores, those with trouble first; a brand's people are shown their brand."""
        person: SignIn | None = g.person
        if person is None:
            return redirect("/hq/sign-in")
        if person.brand:
            return redirect(url_for("console.brand", brand=person.brand))
        now, since, until = self._today()
        with self._cloud.database.seen_by(person.sight) as connection:
            found = twins.stores(connection, person.tenant, now)
            totals = store_hour.totals(connection, person.tenant, since, until)
            listed = [] if person.operator else brands_of(connection, person.tenant)
        rows = rows_of(found, totals)
        summary, online = summary_of(rows, totals), sales_of(totals.get("", {}))
        shared = shared_of(rows, totals) if person.operator else {}
        return page(
            "stores.html",
            rows=rows,
            summary=summary,
            online=online,
            shared=[(each, sales_of(of), of) for each, of in shared.items()],
            brands=listed,
            now=now,
            say_reason=say_reason,
        )

    def brand(self, brand: str) -> AnyResponse:
        """Show a brand's goods and stores."""
        if g.person is None:
            return redirect("/hq/sign-in")
        return page("brand.html", shown=self._brand(g.person, brand), now=self._cloud.now())

    def funnel(self) -> AnyResponse:
        """Show at which stage the tenant's shoppers stood on two days, and how they moved."""
        person: SignIn | None = g.person
        if person is None:
            return redirect("/hq/sign-in")
        if person.brand or person.operator:
            abort(404)
        now = self._cloud.now()
        asked = funnel.read_asked(request.args, now)
        try:
            with self._cloud.database.seen_by(person.sight) as connection:
                shown = funnel.read_page(connection, person.tenant, asked, now)
        except psycopg.errors.QueryCanceled:
            shown = None
        return page("funnel.html", asked=asked, shown=shown, now=now)

    def brand_figures(self, brand: str) -> AnyResponse:
        """Answer with what a brand's page shows, as JSON."""
        if g.person is None:
            return make_response(jsonify(error={"message": "sign in first"}), 401)
        return jsonify(brands.plain(self._brand(g.person, brand)))

    def _brand(self, person: SignIn, brand: str) -> BrandPage:
        """Read a brand's page as that brand sees it, if this person may see it at all.

        A brand's people may see their own, a tenant's people each of the tenant's.
        """
        if person.operator or person.brand not in ("", brand):
            abort(404)
        if not person.brand:
            with self._cloud.database.seen_by(person.sight) as connection:
                if brand not in brands_of(connection, person.tenant):
                    abort(404)
        _, since, until = self._today()
        sight = Sight(tenant=person.tenant, brand=brand)
        with self._cloud.database.seen_by(sight) as connection:
            return brands.read_page(connection, person.tenant, brand, since, until)

    def _today(self) -> tuple[int, int, int]:
        """Return the time, and between which times the hours of today begin."""
        now = self._cloud.now()
        return now, day_began_at(now, self._cloud.time_zone), now + store_hour.HOUR_US

    def sign_in_form(self) -> AnyResponse:
        """Ask who it is."""
        return page("sign_in.html", refused=False, tenant="", name="")

    def sign_in(self) -> AnyResponse:
        """Sign somebody in, or ask again."""
        tenant, name, password = (
            request.form.get(field, "").replace("\0", "")[:FIELD_CHARS_MAX]
            for field in ("tenant", "name", "password")
        )
        # Nobody is signed in yet who could have a token: a form of another site is told by this.
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            abort(403)
        with self._cloud.database.shopper(tenant) as connection:
            token = people.sign_in(connection, tenant, name, password)
        if token is None:
            answer = page("sign_in.html", refused=True, tenant=tenant, name=name)
            answer.status_code = 401
            return answer
        response = redirect("/hq/", 303)
        response.set_cookie(
            self._cookie,
            token,
            max_age=people.SIGN_IN_HOURS_MAX * 3600,
            path=self._path,
            secure=self._cloud.secure,
            httponly=True,
            samesite="Strict",
        )
        return response

    def sign_out(self) -> AnyResponse:
        """Sign whoever asks out."""
        response = redirect("/hq/sign-in", 303)
        if g.person is not None:
            check_form(g.person)
            with self._cloud.database.shopper(g.person.tenant) as connection:
                people.sign_out(connection, self._token)
            response.delete_cookie(self._cookie, path=self._path)
        return response

    @property
    def _token(self) -> str:
        return request.cookies.get(self._cookie, "")


def asset(name: str) -> str:
    """Return the address of a file: our own, or one that all screens share."""
    if (STATIC / name).exists():
        return address(STATIC, "/hq/static", name)
    return address(LOOKS, "/hq/looks", name)


def check_form(person: SignIn) -> None:
    """Refuse a form that does not carry the token of the person who is signed in."""
    shown = request.form.get("csrf", "")
    if not hmac.compare_digest(shown.encode(), person.csrf.encode()):
        abort(403, g.words("forged"))


def page(template: str, **values: object) -> Response:
    """Render a page in the browser's language."""
    words: Words = g.words
    other = next(name for name in LANGUAGES if name != words.language)
    text = render_template(
        f"console/{template}", words=words, person=g.person, other=other, asset=asset, **values
    )
    return make_response(text)


def remember_language(response: Response) -> Response:
    """Remember a language that was asked for, also where the answer leads elsewhere."""
    if (wanted := request.args.get("language")) in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, wanted, max_age=LANGUAGE_AGE_S, path="/hq", samesite="Strict"
        )
    return response
