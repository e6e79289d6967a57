"""Written, spoken, approved by somebody else, edited, refused, withdrawn; and what is refused with a clear sentence."""

import importlib
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from controller.accounts.models import Audit, Role
from controller.accounts.services import appoint
from controller.core.errors import NotAllowed, Refused
from controller.jobs import services as jobs
from controller.jobs.models import Job
from controller.library import files, rules, services
from controller.library.models import Blob, Bulletin, State
from controller.library.rules import Step
from controller.library.services import RENDER, Words
from controller.worker.loop import do_all
from tests.support.installation import install
from tests.support.officers import Office, approve, approved, office, payload_of, ready

pytestmark = pytest.mark.django_db

WORDS = Words("Cúp điện", "UBND phường thông báo cúp điện.")


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


def left_over(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file() or path.name.startswith("work-")]


def test_whoever_wrote_it_never_approves_it(here: Office) -> None:
    appoint(here.lan, Role.APPROVER, here.ward)
    bulletin = ready(here)
    with pytest.raises(NotAllowed, match="không tự duyệt"):
        approve(bulletin, here.lan)


def test_approval_and_withdrawal_are_no_edits(here: Office) -> None:
    bulletin = ready(here)
    written = bulletin.edited_at
    approve(bulletin, here.hoa)
    services.withdraw(bulletin, here.lan)
    bulletin.refresh_from_db()
    assert (bulletin.edited_at, bulletin.changed > written) == (written, True)
    services.edit(bulletin, WORDS, here.minh)
    assert bulletin.edited_at > written


def test_bulletins_from_before_were_edited_when_they_last_changed(here: Office) -> None:
    bulletin = ready(here)
    Bulletin.objects.update(changed=timezone.now())
    migration = importlib.import_module("controller.library.migrations.0002_bulletin_edited_at")
    migration.fill(apps, None)
    bulletin.refresh_from_db()
    assert bulletin.edited_at == bulletin.changed


def test_whoever_edited_it_last_never_approves_it(here: Office) -> None:
    appoint(here.minh, Role.APPROVER, here.ward)
    bulletin = ready(here)
    services.edit(bulletin, Words("Cúp điện", "Từ 8h."), here.minh)
    do_all(timezone.now())
    bulletin.refresh_from_db()
    with pytest.raises(NotAllowed):
        approve(bulletin, here.minh)
    approve(bulletin, here.hoa)


def test_an_editor_without_the_role_cannot_approve(here: Office) -> None:
    bulletin = ready(here)
    with pytest.raises(NotAllowed, match="không có quyền"):
        approve(bulletin, here.minh)


def test_an_approval_counts_for_what_was_heard_only(here: Office) -> None:
    bulletin = ready(here)
    opened = payload_of(bulletin)
    services.edit(bulletin, Words("Cúp điện", "Hoãn."), here.lan)
    do_all(timezone.now())
    with pytest.raises(Refused, match="đã được sửa"):
        approve(bulletin, here.hoa, opened)
    bulletin.refresh_from_db()
    assert bulletin.state == State.READY


def test_an_approval_names_the_exact_bytes_and_words(here: Office) -> None:
    bulletin = approved(here)
    approval = bulletin.approvals.get()
    assert (approval.sound_id, approval.text_hash) == (bulletin.sound_id, bulletin.text_hash)
    assert Audit.objects.get(action="bulletin.approved").detail["sound"] == bulletin.sound_id


def test_an_edit_ends_the_approval(here: Office) -> None:
    bulletin = approved(here)
    services.edit(bulletin, Words("Cúp điện", "Hoãn."), here.minh)
    assert (bulletin.state, bulletin.sound) == (State.RENDERING, None)


def test_a_refusal_needs_a_reason_and_shows_it(here: Office) -> None:
    bulletin = ready(here)
    with pytest.raises(Refused) as caught:
        services.refuse(bulletin, here.hoa, "  ")
    assert caught.value.field == "reason"
    services.refuse(bulletin, here.hoa, "Sai ngày.")
    assert (bulletin.state, bulletin.error) == (State.REFUSED, "Sai ngày.")


def test_a_withdrawn_bulletin_is_not_approved(here: Office) -> None:
    bulletin = ready(here)
    services.withdraw(bulletin, here.lan)
    with pytest.raises(Refused, match="đã rút"):
        approve(bulletin, here.hoa)


def test_sound_made_for_older_words_is_thrown_away(here: Office) -> None:
    bulletin = services.write(WORDS, here.ward, here.lan)
    job = jobs.claim(timezone.now())
    while job is not None and job.kind != RENDER:
        job = jobs.claim(timezone.now())
    assert job is not None
    stale = Bulletin.objects.get(pk=bulletin.pk)
    Bulletin.objects.filter(pk=bulletin.pk).update(revision=stale.revision + 1, text="Khác.")
    Bulletin.objects.filter(pk=bulletin.pk).update(state=State.DRAFT)
    services.render(job)
    bulletin.refresh_from_db()
    assert bulletin.sound is None


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (Words("", "Chữ"), "title"),
        (Words("Tựa", ""), "text"),
        (Words("Tựa", " … — "), "text"),
        (Words("Tựa", "x" * 30_001), "text"),
        (Words("T" * 121, "Chữ"), "title"),
        (Words("Title", "Hello", language="en"), "language"),
        (Words("Tựa", "Chữ", language="tiếng Việt"), "language"),
        (Words("Tựa", "Chữ", voice="robot"), "voice"),
        (Words("Tựa", "Chữ", klass=3), "klass"),
    ],
)
def test_what_is_missing_or_wrong_is_named_with_its_field(here: Office, words: Words, field: str) -> None:
    with pytest.raises(Refused) as caught:
        services.write(words, here.ward, here.lan)
    assert caught.value.field == field
    assert caught.value.way_out
    assert not Bulletin.objects.exists()


def test_a_stranger_to_the_unit_writes_nothing_there(here: Office) -> None:
    with pytest.raises(NotAllowed):
        services.write(WORDS, here.ward.parent or here.ward, here.lan)


@pytest.mark.parametrize("content", [b"", "Đây là văn bản, không phải âm thanh.".encode() * 300])
def test_nothing_of_a_bad_upload_is_kept(here: Office, tmp_path: Path, content: bytes) -> None:
    upload = tmp_path / "upload.mp3"
    upload.write_bytes(content)
    with pytest.raises(Refused) as caught:
        services.write(Words("Tựa"), here.ward, here.lan, recording=upload)
    assert caught.value.field == "audio"
    assert not Bulletin.objects.exists()
    assert not Blob.objects.exists()
    assert not Job.objects.filter(kind=RENDER).exists()
    assert left_over(tmp_path) == []


def test_a_recording_that_turns_out_silent_gives_the_draft_back_with_the_reason(here: Office, tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    silent.write_bytes(b"RIFF\x24\xfa\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00")
    with silent.open("ab") as file:
        file.write(b"\x02\x00\x10\x00data\x00\xfa\x00\x00" + bytes(64_000))
    bulletin = services.write(Words("Tựa"), here.ward, here.lan, recording=silent)
    do_all(timezone.now())
    bulletin.refresh_from_db()
    assert bulletin.state == State.DRAFT
    assert "Không nghe thấy gì" in bulletin.error
    assert bulletin.sound is None


def test_a_recording_may_be_dropped_for_the_spoken_text(here: Office, tmp_path: Path) -> None:
    bulletin = approved(here)
    recording = files.path_of(bulletin.sound_id or "")
    services.edit(bulletin, Words("Tựa", "Chữ để đọc."), here.lan, recording=recording)
    assert services.spoken_text(bulletin) == ""
    services.edit(bulletin, Words("Tựa", "Chữ để đọc."), here.lan, drop_recording=True)
    assert services.spoken_text(bulletin) == "Chữ để đọc."


@given(st.lists(st.sampled_from(Step), max_size=8))
def test_only_an_approval_of_a_ready_bulletin_leads_to_approved(steps: list[Step]) -> None:
    state = State.RENDERING
    for step in steps:
        following = rules.after(state, step)
        if following is State.APPROVED:
            assert state in {State.READY, State.APPROVED}
            assert step is Step.APPROVE
        state = following or state


def test_a_title_with_letters_that_nobody_sees_is_refused(here: Office) -> None:
    with pytest.raises(Refused, match=r"U\+202E"):
        services.write(Words("Sơ tán \u202egnort", "Theo bản đồ."), here.ward, here.lan)
    assert not Bulletin.objects.exists()
