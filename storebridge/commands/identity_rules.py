"""`storebridge identity rules`: what other rules of what is joined would change."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, refuse
from storebridge.commands.identity_files import Json, read_events, say
from storebridge.named_file import named_file

if TYPE_CHECKING:
    from cloud_sync.identity.rules import KindRule

rules = typer.Typer(cls=Answering, help="The rules of what is joined.", no_args_is_help=True)


@rules.callback()
def rules_main() -> None:
    """Try the rules of what is joined."""


@rules.command("try")
def try_rules(
    file: Annotated[
        Path,
        typer.Argument(
            help="TOML: a table a kind, with what is to differ.", parser=named_file, metavar="FILE"
        ),
    ],
    events: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines, as for `identity replay`.", parser=named_file, metavar="EVENTS"
        ),
    ] = None,
    cloud: Annotated[
        Path | None, typer.Option(help="The service's TOML file: what its data bank has.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose, in the data bank.")] = "",
    as_json: Json = False,
) -> None:
    """Tell what other rules would join and split, of some events or in the data bank.

    Nothing is changed.
    """
    from cloud_sync.identity.replay import assign
    from cloud_sync.identity.trial import RulesError, compare, read_rules

    if (events is None) == (cloud is None) or bool(tenant) != (cloud is not None):
        raise refuse(
            "Nothing was tried: give --events FILE, or --cloud FILE and --tenant NAME", NOT_POSSIBLE
        )
    try:
        ladder = read_rules(file)
    except RulesError as error:
        raise refuse(f"Nothing was tried: {error}", NOT_POSSIBLE) from None
    rejects = 0
    if events is not None:
        replayed = read_events(events)
        before, after = assign(replayed.events).shoppers, assign(replayed.events, ladder).shoppers
        rejects = len(replayed.rejects)
    else:
        before, after = _in_data_bank(cloud or Path(), tenant, ladder)
    trial = compare(before, after)
    say(
        {
            "would_join": trial.joins,
            "would_split": trial.splits,
            "largest_cluster": trial.largest,
            "largest_cluster_now": trial.largest_before,
            "rejects": rejects,
        },
        as_json,
    )


def _in_data_bank(
    cloud: Path, tenant: str, ladder: Mapping[str, "KindRule"]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the shopper of each identifier that is linked, as it is and as a ladder has it."""
    from cloud_sync.identity.component import for_components
    from cloud_sync.shoppers.graph.whole_graph import decided, read_pairs, shoppers_now
    from storebridge.commands.cloud import opened_as_it_is, read_config

    with (
        opened_as_it_is(read_config(cloud)) as database,
        database.shopper(tenant) as connection,
    ):
        pairs = read_pairs(connection, tenant)
        after = decided(connection, tenant, pairs, for_components(ladder))
        before = shoppers_now(connection, tenant, after)
    return before, {each: after[each] for each in before}
