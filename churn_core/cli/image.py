"""`churn image`."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["image"]


@click.command()
@click.option("--bundle", type=Path, default=Path("build/model"), show_default=True, metavar="DIR")
@click.option("--repository", required=True, metavar="NAME", help="In ECR; it exists.")
@click.option(
    "--refuse",
    type=click.Choice(["CRITICAL", "HIGH", "MEDIUM", "LOW", "none"]),
    default="CRITICAL",
    show_default=True,
    help="The least severity of weaknesses that the image must not have.",
)
@click.option("--outputs", type=Path, metavar="FILE", help="Add name=, digest= and image= to this file.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option("--root", type=Path, default=Path(), metavar="DIR", help="The project's folder; default: here.")
def image(
    bundle: Path, repository: str, refuse: str, outputs: Path | None, as_json: bool, root: Path
) -> None:
    """Build, push and scan the image of a bundle for AWS Lambda."""
    from churn_serve.images import make_image

    made = make_image(bundle, repository, root, refuse="" if refuse == "none" else refuse)
    if outputs:
        with outputs.open("a", encoding="utf-8") as file:
            file.write(f"name={made.name}\ndigest={made.digest}\nimage={made.uri}\n")
    if as_json:
        click.echo(json.dumps({"image": made.uri, "tag": made.tag, "built": made.built, **made.findings}))
        return
    click.echo(f"{made.uri} is {'built' if made.built else 'there already'}")
    known = ", ".join(f"{count} {severity.lower()}" for severity, count in made.findings.items())
    click.echo(f"known weaknesses: {known or 'none'}")
