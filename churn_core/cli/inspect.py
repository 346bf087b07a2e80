"""`churn schema`, `churn plugins` and `churn doctor`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from churn_core import registry
from churn_core.cli.table import print_table

__all__ = ["doctor", "plugins", "schema"]


@click.command()
@click.argument("name")
@click.option("--json-schema", "form", flag_value="json-schema", help="As JSON Schema 2020-12.")
@click.option("--sql", "form", flag_value="sql", help="As a CREATE TABLE statement with all checks.")
@click.option("--example", "form", flag_value="example", help="One valid customer as JSON.")
def schema(name: str, form: str | None) -> None:
    """Show the customer schema NAME."""
    from churn_core.schemas.export import field_rows, json_schema, sql_table

    spec = registry.get("schemas", name).spec
    if form == "sql":
        click.echo(sql_table(spec), nl=False)
    elif form == "example":
        click.echo(json.dumps(spec.example(), indent=2, ensure_ascii=False))
    elif form == "json-schema":
        click.echo(json.dumps(json_schema(spec), indent=2, ensure_ascii=False))
    else:
        click.echo(f"{spec.name}, version {spec.version}: {spec.description}\n")
        print_table(("field", "kind", "allowed", "meaning", "also read as"), field_rows(spec))
        click.echo(f"\nlabel: {spec.label.name} ({spec.label.allowed})")
        _echo_list("rules", [str(rule) for rule in spec.rules])
        _echo_list("moves", [f"{field.name}: {move}" for field in spec.fields for move in field.moves])
        click.echo(f"fingerprint: {spec.fingerprint}")


def _echo_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        click.echo(f"{title}:")
        click.echo("\n".join(f"  {line}" for line in lines))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option("--check", is_flag=True, help="Import every plugin and say which are broken.")
def plugins(as_json: bool, check: bool) -> None:
    """List installed plugins, without importing them unless asked to --check."""
    found = [info for group in registry.GROUPS for info in registry.plugins(group)]
    states = [_state(info) if check else None for info in found]
    if as_json:
        pairs = zip(found, states, strict=True)
        click.echo(json.dumps([asdict(info) | ({"error": state} if check else {}) for info, state in pairs]))
    else:
        _print_plugins(found, states, check)
    if any(states):
        raise SystemExit(1)


def _state(info: registry.PluginInfo) -> str:
    from churn_core.errors import PluginError

    try:
        registry.get(info.group, info.name)
    except PluginError as error:
        return str(error)
    return ""


def _print_plugins(found: Iterable[registry.PluginInfo], states: Iterable[str | None], check: bool) -> None:
    rows = [
        (info.group, info.name, f"{info.distribution} {info.version}", *((state or "ok",) if check else ()))
        for info, state in zip(found, states, strict=True)
    ]
    print_table(("group", "name", "from", "state") if check else ("group", "name", "from"), rows)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option("--root", type=Path, default=Path(), metavar="DIR", help="The project's folder.")
@click.option("--deploy", is_flag=True, help="Say which settings of a deploy are missing.")
def doctor(as_json: bool, root: Path, deploy: bool) -> None:
    """Check this installation, and say what to do about what is missing."""
    if deploy:
        _deploy(as_json)
        return
    from churn_core.doctor import examine

    findings = examine(root)
    healthy = all(finding.status != "problem" for finding in findings)
    if as_json:
        click.echo(json.dumps({"healthy": healthy, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            click.echo(f"{finding.status:8}{finding.topic:10}{finding.text}")
            if finding.advice:
                click.echo(f"{'':18}-> {finding.advice}")
    if not healthy:
        raise SystemExit(1)


def _deploy(as_json: bool) -> None:
    from churn_core.delivery import missing

    lacking = [str(setting) for setting in missing()]
    if as_json:
        click.echo(json.dumps({"healthy": not lacking, "missing": lacking}))
    else:
        for line in lacking:
            click.echo(f"missing: {line}", err=True)
        click.echo("a deploy has all its settings" if not lacking else "docs/delivery.md says where they go")
    if lacking:
        raise SystemExit(1)
