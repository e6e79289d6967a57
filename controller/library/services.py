"""What people do with bulletins, each as one transaction with its audit row; and the making of their sound.

Callable without a page: the demo and imports use the same functions. `Refused` names the form field.
"""

import datetime as dt
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import audit, require
from controller.core.errors import Refused
from controller.core.texts import expect_seen
from controller.jobs import services as jobs
from controller.jobs.models import Job
from controller.library import audio, files, pictures, rules, speech
from controller.library.approving import approve, rules_refusal, spoken_text
from controller.library.models import Blob, BlobKind, Bulletin, Class, State, Voice
from controller.library.rules import Step
from controller.library.signals import approved_content_changed
from controller.library.spoken import paragraphs
from controller.units.models import Unit

__all__ = ["RENDER", "Words", "approve", "edit", "refuse", "render", "spoken_text", "withdraw", "write"]
RENDER: Final = "library.render"
MAX_TEXT: Final = 30_000
"""Characters; half an hour of speech."""
MAX_TITLE: Final = 120
LANGUAGE: Final = re.compile("[A-Za-z]{2,8}(-[0-9A-Za-z]{1,8}){0,4}")
"""`protocol.ids.Language`."""


@dataclass(frozen=True)
class Words:
    """What an officer writes."""

    title: str
    text: str = ""
    language: str = "vi"
    voice: str = Voice.SOUTH
    klass: int = Class.ORDINARY


def write(
    words: Words, unit: Unit, by: Person, *, recording: Path | None = None, picture: Path | None = None
) -> Bulletin:
    """A new bulletin; its sound is then made from `recording` if there is one, else from the text.

    Recording and picture are examined first and copied; the caller keeps its files. Raises `Refused`, and then nothing
    is kept.
    """
    require(by, Action.EDIT, unit.code, field="unit")
    _check(words, has_recording=recording is not None)
    now = timezone.now()
    with files.workshop() as folder:
        kept = _examined(recording, folder)
        drawn = None if picture is None else pictures.made(picture, folder)
        with transaction.atomic():
            original = files.keep_file(kept, BlobKind.ORIGINAL, now) if kept else None
            shown = files.keep_file(drawn, BlobKind.PICTURE, now) if drawn else None
            bulletin = Bulletin(unit=unit, author=by, original=original, picture=shown, created=now)
            _take(bulletin, words, by, now)
            bulletin.state = State.RENDERING
            bulletin.save()
            jobs.ask(RENDER, str(bulletin.pk))
            audit(by, "bulletin.written", _name(bulletin), title=words.title, text_hash=bulletin.text_hash)
    return bulletin


def edit(
    bulletin: Bulletin,
    words: Words,
    by: Person,
    *,
    recording: Path | None = None,
    drop_recording: bool = False,
    picture: Path | None = None,
    drop_picture: bool = False,
) -> None:
    """Change it; an approval that it had no longer counts, and its sound is made anew. Raises `Refused`."""
    require(by, Action.EDIT, bulletin.unit.code)
    keeps = bulletin.original is not None and not drop_recording
    _check(words, has_recording=recording is not None or keeps)
    now = timezone.now()
    with files.workshop() as folder:
        kept = _examined(recording, folder)
        drawn = None if picture is None else pictures.made(picture, folder)
        with transaction.atomic():
            bulletin.refresh_from_db()
            was_approved = bulletin.state == State.APPROVED
            _go(bulletin, Step.EDIT)
            if kept:
                bulletin.original = files.keep_file(kept, BlobKind.ORIGINAL, now)
            elif drop_recording:
                bulletin.original = None
            if drawn:
                bulletin.picture = files.keep_file(drawn, BlobKind.PICTURE, now)
            elif drop_picture:
                bulletin.picture = None
            _take(bulletin, words, by, now)
            bulletin.revision += 1
            bulletin.sound = None
            bulletin.save()
            jobs.ask(RENDER, str(bulletin.pk))
            audit(by, "bulletin.edited", _name(bulletin), title=words.title, text_hash=bulletin.text_hash)
            if was_approved:
                approved_content_changed.send(Bulletin)


def refuse(bulletin: Bulletin, by: Person, reason: str) -> None:
    """Send it back with a reason; an approved one is no longer sounded."""
    reason = reason.strip()
    if not reason:
        raise Refused("reason", _("Chưa ghi lý do không duyệt."), _("Ghi vài chữ để người viết biết cần sửa gì."))
    _stop(bulletin, by, Step.REFUSE, Action.APPROVE, word="bulletin.refused", reason=reason[:1000])


def withdraw(bulletin: Bulletin, by: Person, reason: str = "") -> None:
    """Take it out of use; schedules go on without it. The reason, if there is one, is shown beside it."""
    _stop(bulletin, by, Step.WITHDRAW, Action.EDIT, word="bulletin.withdrawn", reason=reason.strip()[:1000])


def render(job: Job) -> None:
    """The worker's part: make the sound of the bulletin that the job names, unless it changed meanwhile.

    Raises `Refused` when no sound can be made of it; that is then shown beside the bulletin, which is a draft again.
    """
    bulletin = Bulletin.objects.select_related("original").filter(pk=job.subject, state=State.RENDERING).first()
    if bulletin is None:
        return
    revision, now = bulletin.revision, timezone.now()
    try:
        with files.workshop() as folder:
            sound = _make(bulletin, folder, job, now)
            with transaction.atomic():
                fresh = Bulletin.objects.get(pk=bulletin.pk)
                if fresh.revision == revision and rules.after(fresh.state, Step.RENDERED):
                    _go(fresh, Step.RENDERED)
                    fresh.sound, fresh.error, fresh.changed = sound, "", now
                    fresh.save(update_fields=["state", "sound", "error", "changed"])
    except Refused as refused:
        _no_sound(bulletin.pk, revision, str(refused))
        raise


def give_up_rendering(job: Job) -> None:
    """What is left to do after the last attempt failed for a reason that nobody foresaw."""
    _no_sound(int(job.subject), None, _("Máy chủ gặp lỗi khi tạo âm thanh. Hãy lưu lại bản tin để thử lần nữa."))


def _no_sound(pk: int, revision: int | None, why: str) -> None:
    """Give the bulletin back to its writer with the reason, unless it was changed since."""
    with transaction.atomic():
        fresh = Bulletin.objects.filter(pk=pk, state=State.RENDERING).first()
        if fresh is not None and revision in {None, fresh.revision}:
            _go(fresh, Step.NOT_RENDERED)
            fresh.error, fresh.changed = why, timezone.now()
            fresh.save(update_fields=["state", "error", "changed"])


def _make(bulletin: Bulletin, folder: Path, job: Job, now: dt.datetime) -> Blob:
    """The normalised sound, in the data folder. The first tenth of the work is speech."""
    told = jobs.Progress(job)
    seconds: float | None
    if bulletin.original is not None:
        source = files.path_of(bulletin.original.hash)
        seconds = audio.examine(source)
    else:
        source, seconds = folder / "speech.wav", None
        speech.speak(spoken_text(bulletin), bulletin.voice, source, lambda done: told.report(done // 10))
        seconds = audio.examine(source)
    target = folder / "sound.ogg"
    length = audio.normalise(source, target, lambda done: told.report(10 + done * 9 // 10), seconds=seconds)
    return files.keep_file(target, BlobKind.SOUND, now, duration_ms=length)


def _stop(bulletin: Bulletin, by: Person, step: Step, action: Action, *, word: str, reason: str) -> None:
    with transaction.atomic():
        bulletin.refresh_from_db()
        require(by, action, bulletin.unit.code)
        was_approved = bulletin.state == State.APPROVED
        _go(bulletin, step)
        bulletin.error, bulletin.changed = reason, timezone.now()
        bulletin.save(update_fields=["state", "error", "changed"])
        audit(by, word, _name(bulletin), reason=reason)
        if was_approved:
            approved_content_changed.send(Bulletin)


def _check(words: Words, *, has_recording: bool) -> None:
    """What can be said of the words alone. Raises `Refused`."""
    if not words.title.strip():
        raise Refused("title", _("Bản tin chưa có tiêu đề."), _("Ghi một dòng ngắn để mọi người nhận ra bản tin."))
    expect_seen("title", words.title.strip())
    if len(words.title) > MAX_TITLE or len(words.text) > MAX_TEXT:
        field, limit = ("title", MAX_TITLE) if len(words.title) > MAX_TITLE else ("text", MAX_TEXT)
        raise Refused(field, _("Dài quá %(limit)d ký tự.") % {"limit": limit}, _("Hãy rút ngắn hoặc chia ra."))
    if words.voice not in Voice.values:
        raise Refused("voice", _("Không có giọng đọc này."), _("Chọn một trong ba giọng Bắc, Trung, Nam."))
    if not LANGUAGE.fullmatch(words.language):
        raise Refused("language", _("Mã ngôn ngữ không đúng."), _("Ví dụ: vi, en, km, cmn (BCP 47)."))
    if words.klass not in Class.values:
        raise Refused("klass", _("Không có loại bản tin này."), _("Chọn thông thường hoặc ưu tiên."))
    if has_recording:
        return
    if not paragraphs(words.text):
        raise Refused(
            "text",
            _("Bản tin chưa có nội dung: không có chữ, cũng không có tệp ghi âm."),
            _("Hãy viết nội dung để máy đọc, hoặc tải một tệp ghi âm lên."),
        )
    if words.language.split("-")[0].lower() != "vi":
        raise Refused(
            "language",
            _("Máy chỉ đọc được tiếng Việt."),
            _("Với tiếng khác, hãy tải lên tệp ghi âm do người đọc."),
        )


def _examined(recording: Path | None, folder: Path) -> Path | None:
    """A copy of a recording that is one; without its name, which may lie about what it is."""
    if recording is None:
        return None
    audio.judge_size(recording.stat().st_size)
    copy = folder / "original"
    shutil.copyfile(recording, copy)
    audio.examine(copy)
    return copy


def _take(bulletin: Bulletin, words: Words, by: Person, now: dt.datetime) -> None:
    bulletin.title, bulletin.text = words.title.strip(), words.text.strip()
    bulletin.language, bulletin.voice, bulletin.klass = words.language, words.voice, words.klass
    bulletin.edited_by, bulletin.edited_at, bulletin.changed, bulletin.error = by, now, now, ""


def _go(bulletin: Bulletin, step: Step) -> None:
    """Take the step in the table. Raises `Refused`."""
    state = rules.after(bulletin.state, step)
    if state is None:
        raise rules_refusal(bulletin)
    bulletin.state = state


def _name(bulletin: Bulletin) -> str:
    return f"bulletin:{bulletin.pk}"
