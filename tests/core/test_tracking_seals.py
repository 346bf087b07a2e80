"""Seals: when a verdict was given, by whom, and whether that counts."""

from __future__ import annotations

import base64
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from churn_core.errors import GateRefused, ParamsError, RegistryError
from churn_core.params import GateParams, Params, read_params
from churn_core.tracking import Seal, check_model, make_key, promote, store_verdict
from churn_core.tracking.seals import check_seal, read_seal, seal
from tests.support.projects import run_churn
from tests.support.tracking import Project


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A public key, whose secret key is in the environment."""
    public = make_key(tmp_path / "key")
    monkeypatch.setenv("CHURN_SIGNING_KEY", (tmp_path / "key").read_text())
    return public


def asking(signers: tuple[str, ...] = (), days: int = 14) -> Params:
    return Params(gate=GateParams(signers=signers, valid_days=days))


def aged(project: Project, days: float) -> Seal:
    """A verdict about a new version, given so many days ago."""
    verdict = project.verdict(project.register().digest)
    given = datetime.now(UTC) - timedelta(days=days)
    sealed = Seal(verdict=verdict.digest, given=given)
    store_verdict(project.params, verdict, project.root, sealed)
    return sealed


def test_a_fresh_verdict_counts(project: Project) -> None:
    aged(project, 13.9)
    assert promote(project.params, project.root, who="ana").number == 1


def test_an_old_verdict_does_not_count(project: Project) -> None:
    sealed = aged(project, 14.1)
    with pytest.raises(
        GateRefused, match=f"too old: it was given on {sealed.given:%Y-%m-%d}.*allows 14 days"
    ):
        promote(project.params, project.root, who="ana")
    entry = promote(project.params, project.root, who="ana", reason="urgent", override=True)
    assert (entry.override, entry.verdict) == (True, sealed.verdict)


def test_giving_the_same_verdict_again_makes_it_fresh(project: Project) -> None:
    sealed = aged(project, 99)
    (digest,) = {sealed.verdict}
    again = project.verdict(project.register().digest)
    assert again.digest == digest
    store_verdict(project.params, again, project.root)
    promote(project.params, project.root, who="ana")


def test_what_is_live_stays_by_its_old_verdict(project: Project) -> None:
    project.judged()
    entry = promote(project.params, project.root, who="ana")
    aged(project, 400)
    assert promote(project.params, project.root, who="ana") == entry
    assert check_model(project.params, project.root).passed


def test_a_verdict_of_tomorrow_does_not_count(project: Project) -> None:
    aged(project, -1)
    with pytest.raises(GateRefused, match="in the future"):
        promote(project.params, project.root, who="ana")


def test_a_verdict_without_a_seal_does_not_count(project: Project) -> None:
    done = project.judged()
    for path in (project.root / f"mlartifacts/{done.run_id}/artifacts/gate").glob("*.seal"):
        path.write_text("{}")
        with pytest.raises(GateRefused, match="is no seal"):
            promote(project.params, project.root, who="ana")
        path.unlink()
    with pytest.raises(RegistryError, match=r"has lost its file gate/.*\.seal"):
        promote(project.params, project.root, who="ana")


def test_a_seal_belongs_to_its_verdict(project: Project) -> None:
    sealed = seal(project.verdict("a" * 64))
    assert read_seal(sealed.to_bytes(), sealed.verdict) == sealed
    with pytest.raises(GateRefused, match="another verdict's"):
        read_seal(sealed.to_bytes(), "b" * 64)


# signatures


def test_a_key_is_secret_and_never_replaced(tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    assert public.startswith("ed25519:")
    assert GateParams(signers=(public,)).signers == (public,)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    before = (tmp_path / "key").read_text()
    with pytest.raises(GateRefused, match="never replaced"):
        make_key(tmp_path / "key")
    assert (tmp_path / "key").read_text() == before


def test_a_signed_verdict_goes_all_the_way(project: Project, signer: str) -> None:
    project.params = asking((signer,))
    project.judged()
    promote(project.params, project.root, who="ana")
    assert check_model(project.params, project.root).passed
    other = make_key(project.root / "other")
    found = check_model(asking((other,)), project.root)
    assert "which gate.signers does not list" in "; ".join(found.problems)


def test_an_unsigned_verdict_does_not_count_where_signatures_are_asked_for(
    project: Project, signer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.params = asking((signer,))
    monkeypatch.delenv("CHURN_SIGNING_KEY")
    done = project.judged()
    with pytest.raises(GateRefused, match="is not signed; run `churn gate` where CHURN_SIGNING_KEY is set"):
        promote(project.params, project.root, who="ana")
    with pytest.raises(GateRefused, match="is not signed"):
        promote(project.params, project.root, who="ana", verdict=project.verdict(done.digest))
    promote(project.params, project.root, who="ana", reason="urgent", override=True)


def test_any_change_breaks_the_signature(project: Project, signer: str, tmp_path: Path) -> None:
    sealed = seal(project.verdict("a" * 64))
    check_seal(sealed, (signer,), 14)
    other = make_key(tmp_path / "second")
    flipped = base64.b64encode(bytes(64)).decode()
    for change in (
        {"verdict": "b" * 64},
        {"given": sealed.given + timedelta(seconds=1)},
        {"signature": flipped},
        {"signature": "no"},
        {"signer": other},
    ):
        with pytest.raises(GateRefused, match="signature of the verdict is false"):
            check_seal(sealed.model_copy(update=change), (signer, other))
    with pytest.raises(GateRefused, match="gate.signers does not list"):
        check_seal(sealed, (other,))
    moved = sealed.model_copy(update={"given": sealed.given.astimezone()})
    check_seal(moved, (signer,))


@pytest.mark.parametrize(
    "key", ["secret", "ed25519-secret:c2hvcnQ=", "ed25519-secret:\u00e4", "ed25519-secret:*"]
)
def test_a_wrong_key_is_not_quoted(key: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_SIGNING_KEY", key)
    with pytest.raises(GateRefused, match="CHURN_SIGNING_KEY holds no signing key") as caught:
        seal(project.verdict("a" * 64))
    assert key not in str(caught.value)


def test_a_key_can_lie_in_a_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    public = make_key(project.root / "key")
    monkeypatch.setenv("CHURN_SIGNING_KEY_FILE", str(project.root / "key"))
    assert seal(project.verdict("a" * 64)).signer == public
    monkeypatch.setenv("CHURN_SIGNING_KEY_FILE", str(project.root / "nothing"))
    with pytest.raises(GateRefused, match="CHURN_SIGNING_KEY_FILE holds no signing key"):
        seal(project.verdict("a" * 64))


def test_signers_are_public_keys(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("schema: ibm-telco\ngate: {signers: [mine]}\n")
    with pytest.raises(
        ParamsError, match="gate.signers.0: must be a public key as `churn gate --new-key FILE` prints it"
    ):
        read_params(tmp_path / "params.yaml")


def test_the_command_makes_a_key(tmp_path: Path) -> None:
    made = run_churn("gate", "--new-key", tmp_path / "key")
    assert made.exit_code == 0
    assert GateParams(signers=(made.stdout.strip(),))
    again = run_churn("gate", "--new-key", tmp_path / "key")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "never replaced" in again.stderr
