"""`storebridge review`: joins that records propose, for people to decide."""

import getpass
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, cast

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, AsJson, refuse
from storebridge.commands.cloud import ConfigFile, Tenant, opened_as_it_is, read_config

if TYPE_CHECKING:
    from cloud_sync.database import Database
    from cloud_sync.review.proposals import Decision

app = typer.Typer(
    cls=Answering,
    help="Who may be one person: joins that records propose, for people to decide.",
    no_args_is_help=True,
)

Proposal = Annotated[str, typer.Argument(help="The proposal's name, as `review list` tells it.")]
Because = Annotated[str, typer.Option(help="Why: it stands in the log.")]
By = Annotated[str, typer.Option(help="Who says so; who is signed in here, if not given.")]


@app.callback()
def main() -> None:
    """Look at joins that are proposed, and decide."""


@app.command("list")
def list_(
    config: ConfigFile,
    tenant: Tenant,
    state: Annotated[
        str, typer.Option(help="open: what is to be looked at today; joined, apart or expired.")
    ] = "open",
    as_json: AsJson = False,
) -> None:
    """List the proposals to look at today, those first that are worth most; or decided ones."""
    from cloud_sync.database import Sight
    from cloud_sync.review import proposals, telling

    with _opened(config, tenant) as (database, _):
        wanted = next((each for each in proposals.STATES if each == state), None)
        if wanted is None:
            raise refuse(f"--state: expected one of {', '.join(proposals.STATES)}", NOT_POSSIBLE)
        with database.seen_by(Sight(tenant=tenant)) as connection:
            found = proposals.today(connection, tenant, _now())
            told = telling.plain_today(found)
            if wanted != "open":
                decided = proposals.listed(connection, tenant, wanted)
                told["proposals"] = [each.as_json() for each in decided]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for each in cast("list[Mapping[str, object]]", told["proposals"]):
        by = f", {each['state']} by {each['decided_by']}" if each["decided_by"] else ""
        typer.echo(
            f"{each['proposal']}  {each['confidence']}, chance {each['chance']:.4f}, worth"
            f" {cast('int', each['worth']) / 100:.2f}{by}"
        )
    typer.echo(
        f"{told['waiting']} wait, {told['decided']} decided in 24 hours, {told['a_day']} a day;"
        f" what nobody looks at in {told['days']} days is not joined."
    )


@app.command()
def show(config: ConfigFile, proposal: Proposal, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show what both records say, and what speaks for one person, comparison by comparison."""
    from cloud_sync.database import Sight
    from cloud_sync.review import telling
    from cloud_sync.review.proposals import UnknownProposalError
    from storebridge.commands.shopper import say

    with _opened(config, tenant) as (database, secret):
        try:
            with database.seen_by(Sight(tenant=tenant)) as connection:
                found = telling.plain_whole(connection, tenant, secret, proposal)
        except UnknownProposalError as error:
            raise refuse(str(error.args[0]), NOT_POSSIBLE) from None
    say(found, as_json=as_json)


@app.command()
def join(
    config: ConfigFile,
    proposal: Proposal,
    tenant: Tenant,
    because: Because = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Say that the two are one person: their profiles are joined, until somebody says otherwise."""
    _decide(config, tenant, proposal, "join", because=because, by=by, as_json=as_json)


@app.command()
def apart(
    config: ConfigFile,
    proposal: Proposal,
    tenant: Tenant,
    because: Because = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Say that the two are not one person: they are never proposed again; it undoes a join, too."""
    _decide(config, tenant, proposal, "apart", because=because, by=by, as_json=as_json)


@app.command()
def compare(config: ConfigFile, tenant: Tenant, as_json: AsJson = False) -> None:
    """Compare now what imports brought, as the worker does within a minute."""
    from dataclasses import asdict

    from cloud_sync.review.comparing import Comparer

    with _opened(config, tenant) as (database, secret):
        done = Comparer(database, {tenant: secret}).compare(tenant, _now())
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    typer.echo(
        f"{done.compared} records compared: {done.joined} joined, {done.proposed} proposed;"
        f" {done.left} left."
    )


@app.command()
def limits(
    config: ConfigFile,
    tenant: Tenant,
    a_day: Annotated[
        int | None, typer.Option("--a-day", help="Proposals to show in 24 hours.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="Days until a proposal expires.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show or set how many proposals people are shown a day, and how long one stands."""
    from dataclasses import asdict, replace

    from cloud_sync.review import proposals

    with (
        _opened(config, tenant) as (database, _),
        database.shopper(tenant) as connection,
    ):
        now = proposals.limits_of(connection, tenant)
        if a_day is not None or days is not None:
            now = replace(
                now,
                a_day=now.a_day if a_day is None else a_day,
                days=now.days if days is None else days,
            )
            try:
                proposals.set_limits(connection, tenant, now)
            except ValueError as error:
                raise refuse(str(error), NOT_POSSIBLE) from None
    if as_json:
        typer.echo(json.dumps(asdict(now)))
        return
    typer.echo(f"{now.a_day} proposals a day; one expires after {now.days} days.")


def _decide(
    config: ConfigFile,
    tenant: str,
    proposal: str,
    decision: "Decision",
    *,
    because: str,
    by: str,
    as_json: bool,
) -> None:
    """Let a person decide, and tell who is who now."""
    from cloud_sync.database import retried
    from cloud_sync.review import proposals
    from cloud_sync.review.proposals import ProposalError, UnknownProposalError
    from cloud_sync.shoppers.graph.said import SaidError
    from storebridge.commands.shopper import say

    source = by or getpass.getuser()
    with _opened(config, tenant) as (database, _):
        try:
            done = retried(
                lambda: database.shopper(tenant),
                lambda connection: proposals.decide(
                    *(connection, tenant, proposal, decision),
                    because=because,
                    source=source,
                    now=_now(),
                ),
            )
        except (UnknownProposalError, ProposalError, SaidError) as error:
            raise refuse(str(error.args[0]), NOT_POSSIBLE) from None
        with database.shopper(tenant) as connection:
            shoppers = proposals.shoppers_now(connection, tenant, done)
    told = {"proposal": done.proposal, "state": done.state, "decided_by": done.decided_by}
    say({**told, "shoppers": shoppers}, as_json=as_json)


@contextmanager
def _opened(config: ConfigFile, tenant: str) -> Iterator[tuple["Database", bytes]]:
    """Open the database, with the tenant's identifier key."""
    checked = read_config(config)
    secret = checked.identifier_keys.get(tenant)
    if secret is None:
        known = ", ".join(sorted(checked.tenants)) or "none"
        raise refuse(
            f"{config} names no tenant {tenant!r} (it names: {known}); set"
            f" tenants.{tenant}.identifier_key",
            NOT_POSSIBLE,
        )
    with opened_as_it_is(checked) as database:
        yield database, secret


def _now() -> int:
    return time.time_ns() // 1000
