"""The pages of the review queue: what is to be looked at today, and one proposal at a time."""

from functools import partial

from flask import Blueprint, abort, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from cloud_sync.cloud import Cloud
from cloud_sync.console.people import SignIn
from cloud_sync.console.views import check_form, page
from cloud_sync.console.waterfall import picture_of, say_found
from cloud_sync.database import retried
from cloud_sync.review import proposals, telling
from cloud_sync.review.proposals import (
    STATES,
    Decision,
    Proposal,
    ProposalError,
    UnknownProposalError,
)
from cloud_sync.shoppers.graph.said import SaidError
from cloud_sync.shoppers.graph.words import BECAUSE_CHARACTERS_MAX

SOURCE_CHARACTERS_MAX = 64


def add_reviews(routes: Blueprint, cloud: Cloud) -> None:
    """Add the pages to those of headquarters."""
    pages = _Reviews(cloud)
    routes.get("/reviews")(pages.reviews)
    routes.get("/reviews/<proposal>")(pages.review)
    routes.post("/reviews/<proposal>")(pages.decide)


class _Reviews:
    """The pages over one installation."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def reviews(self) -> AnyResponse:
        """Show what is to be looked at today, or what was decided."""
        person = g.person
        if person is None:
            return redirect("/hq/sign-in")
        _check(person)
        state = next((each for each in STATES if each == request.args.get("state")), STATES[0])
        now = self._cloud.now()
        with self._cloud.database.seen_by(person.sight) as connection:
            today = proposals.today(connection, person.tenant, now)
            found = (
                today.proposals
                if state == "open"
                else proposals.listed(connection, person.tenant, state)
            )
        return page("reviews.html", today=today, found=found, state=state, states=STATES, now=now)

    def review(self, proposal: str) -> AnyResponse:
        """Show one proposal: both records, what speaks for it, and the two answers."""
        person = g.person
        if person is None:
            return redirect("/hq/sign-in")
        _check(person)
        return self._one(person, proposal)

    def decide(self, proposal: str) -> AnyResponse:
        """Take a person's answer, and show what is to be looked at next."""
        person = g.person
        if person is None:
            return redirect("/hq/sign-in", 303)
        _check(person)
        check_form(person)
        answer = request.form.get("answer")
        decision: Decision | None = next(
            (each for each in proposals.BECOMES if each == answer), None
        )
        if decision is None:
            abort(400)
        because = request.form.get("because", "").replace("\0", "")[:BECAUSE_CHARACTERS_MAX]
        try:
            retried(
                lambda: self._cloud.database.shopper(person.tenant),
                partial(
                    proposals.decide,
                    tenant=person.tenant,
                    proposal=proposal,
                    decision=decision,
                    because=because,
                    source=f"hq/{person.name}"[:SOURCE_CHARACTERS_MAX],
                    now=self._cloud.now(),
                ),
            )
        except UnknownProposalError:
            abort(404)
        except (ProposalError, SaidError) as error:
            answered = self._one(person, proposal, refused=str(error))
            answered.status_code = 409
            return answered
        with self._cloud.database.seen_by(person.sight) as connection:
            left = proposals.today(connection, person.tenant, self._cloud.now()).proposals
        if not left:
            return redirect(url_for("console.reviews"), 303)
        return redirect(url_for("console.review", proposal=left[0].proposal), 303)

    def _one(self, person: SignIn, proposal: str, refused: str = "") -> AnyResponse:
        secret = self._cloud.identifier_keys.get(person.tenant)
        with self._cloud.database.seen_by(person.sight) as connection:
            try:
                found = proposals.named(connection, person.tenant, proposal)
                said = (
                    telling.records_of(connection, person.tenant, secret, found) if secret else {}
                )
            except UnknownProposalError:
                abort(404)
        return page(
            "review.html",
            found=found,
            said=said,
            picture=picture_of(_waterfall(found)),
            say_found=say_found,
            refused=refused,
            now=self._cloud.now(),
        )


def _check(person: SignIn) -> None:
    """Let in who decides about a tenant's shoppers, and nobody of a brand or an operator."""
    if person.brand or person.operator or not person.reviews:
        abort(404)


def _waterfall(found: Proposal) -> dict[str, object]:
    held = found.because.get("waterfall")
    return held if isinstance(held, dict) else {}
