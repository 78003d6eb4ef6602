"""What holds for the command line as a whole."""

from importlib.metadata import version

from typer.testing import CliRunner

from storebridge.cli import app


def test_whoever_asks_which_version_runs_is_told():
    ran = CliRunner().invoke(app, ["--version"])
    assert (ran.exit_code, ran.output) == (0, f"storebridge {version('storebridge')}\n")


def test_no_schedule_is_no_number_of_schedules():
    ran = CliRunner().invoke(app, ["simulate", "delivery", "--seeds", "0"])
    assert ran.exit_code == 2
