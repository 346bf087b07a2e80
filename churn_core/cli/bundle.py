"""`churn bundle`."""

from __future__ import annotations

from pathlib import Path

import click

from churn_core.errors import BundleError

__all__ = ["bundle"]


@click.group()
def bundle() -> None:
    """Export, verify or show a bundle.

    REF is a folder, models:/name@alias or models:/name/version.
    """


@bundle.command()
@click.argument("ref")
@click.option(
    "--out", type=Path, required=True, metavar="DIR", help="A folder that is empty or does not exist."
)
def export(ref: str, out: Path) -> None:
    """Copy a verified bundle into a folder."""
    from churn_core.bundle import copy_bundle, open_bundle, read_bundle

    found = open_bundle(ref)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BundleError(f"{out} is in the way: give a folder that is empty or does not exist")
    copy_bundle(found, out)
    click.echo(f"{out}: {read_bundle(out).manifest.digest}")


@bundle.command()
@click.argument("ref", metavar="DIR")
def verify(ref: str) -> None:
    """Check every digest of a bundle and let it answer once."""
    from churn_core.bundle import open_scorer

    model = open_scorer(ref).model
    click.echo(f"{ref} is a sound bundle of {model.name}: {model.digest}")


@bundle.command()
@click.argument("ref", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest.")
def show(ref: str, as_json: bool) -> None:
    """Say what a bundle is."""
    from churn_core.bundle import open_bundle

    found = open_bundle(ref)
    manifest = found.manifest
    if as_json:
        click.echo(manifest.to_bytes(), nl=False)
        return
    lineage, decision = manifest.lineage, manifest.decision
    facts = {
        "model": f"{manifest.name}, version {found.version}",
        "digest": manifest.digest,
        "schema": f"{manifest.schema_spec.name}, version {manifest.schema_spec.version}",
        "made by": f"{manifest.trainer}: "
        + ", ".join(f"{m.name} ({m.weight:.2f})" for m in manifest.members),
        "calibration": manifest.calibration.method,
        "features": f"{len(manifest.features)} columns from {len(manifest.schema_spec.fields)} fields",
        "threshold": f"{decision.threshold:.4f}",
        "trained on": f"{lineage.train_rows:,} of {lineage.dataset}, {lineage.churn_rate:.1%} churned",
        "code": lineage.git_commit or "not from a git commit",
        **{
            name: f"{found.value:.4f} ({found.low:.4f} to {found.high:.4f})"
            for name, found in manifest.metrics.items()
        },
    }
    width = max(map(len, facts))
    for name, text in facts.items():
        click.echo(f"{name:{width}}  {text}")
