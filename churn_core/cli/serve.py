"""`churn serve`."""

from __future__ import annotations

from pathlib import Path

import click

from churn_core.errors import BundleError, NoSuchVersion, RegistryError

__all__ = ["default_bundle", "serve"]

_CANDIDATE = Path("models/candidate")


@click.command()
@click.option(
    "--bundle",
    default="",
    metavar="REF",
    envvar="CHURN_BUNDLE",
    help="Default: the model in production, or models/candidate where none ever was.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Other machines need 0.0.0.0 and API keys."
)
@click.option("--port", type=int, default=8000, show_default=True, help="0 takes any free port.")
@click.option("--workers", type=click.IntRange(1), help="Processes; default: CHURN_WORKERS, or 1.")
def serve(bundle: str, host: str, port: int, workers: int | None) -> None:
    """Serve a bundle over HTTP.

    REF is a folder, models:/name@alias or models:/name/version.
    """
    from churn_serve.server import run
    from churn_serve.settings import Settings
    from churn_serve.source import open_model

    settings = Settings.from_environment()
    if workers:
        settings = settings.model_copy(update={"workers": workers})
    opened = open_model(bundle or default_bundle(), settings)
    if opened.problem:
        click.echo(f"note: {opened.problem}; {opened.source.note}", err=True)
    model = opened.scorer.model
    what = f"{model.name}, version {model.version} (bundle {model.digest[:12]})"

    def announce(address: str) -> None:
        click.echo(f"serving {what} at {address}; {address}/docs describes it, Ctrl-C stops it")

    run(opened.scorer, host, port, settings, on_start=announce, source=opened.source)


def default_bundle(root: Path = Path()) -> str:
    """What is served where nothing is named: the model in production, or else the candidate.

    The candidate is taken only where surely nothing is in production: there never was a registry,
    or it answers and says so.

    Raises:
        BundleError: There is neither, or the model in production is damaged.
        RegistryError: The registry does not answer, or is gone.
    """
    from churn_core.bundle.stores import fetch_bundle
    from churn_core.tracking import tracking

    where = tracking(root=root)
    if not where.was_used:
        return _ungated(root, f"there is no model registry at {where}")
    production = f"models:/{where.model}@production"
    try:
        fetch_bundle(production)
    except NoSuchVersion as error:
        return _ungated(root, str(error))
    except RegistryError as error:
        raise RegistryError(
            f"{error}; what is in production is unknown: --bundle {_CANDIDATE} takes the candidate, "
            "which no gate has passed"
        ) from error
    return production


def _ungated(root: Path, why: str) -> str:
    candidate = root / _CANDIDATE
    if not candidate.is_dir():
        raise BundleError(f"there is no model yet ({why}); `make run` makes one")
    click.echo(f"note: {why}; taking {candidate}, which no gate has passed", err=True)
    return str(candidate)
