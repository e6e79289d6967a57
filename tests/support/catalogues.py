"""The English of the Vietnamese console: what the sources say, against what the catalogues have.

Vietnamese is written in the sources themselves; each app keeps its English in `locale/en/LC_MESSAGES/django.po` with
the compiled `.mo` beside it. `python -m tests.support.catalogues [APP …]` brings every `.po` in step with the sources
(new sentences come in empty, gone ones go out) and compiles; the test of translations says which ones lack English.
"""

import datetime as dt
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import django
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

CONTROLLER: Final = Path(__file__).parents[2] / "controller"
KEYWORDS: Final = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "_w": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "_p": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
HEADER: Final = "# The English of this app; the keys are its Vietnamese."
PLACEHOLDER: Final = re.compile(r"%\((\w+)\)[a-z]|(?<!%)%[a-z]")


def apps() -> list[Path]:
    """The folders of the controller that speak to people through catalogues."""
    return sorted({path.parent for path in CONTROLLER.glob("*/apps.py")} | {CONTROLLER / "core"})


def catalogue_of(app: Path) -> Path:
    return app / "locale" / "en" / "LC_MESSAGES" / "django.po"


def extracted(app: Path) -> Catalog:
    """Every sentence of this app's Python and templates, in the order of the sources."""
    found = Catalog(locale="en", header_comment=HEADER, project="Loa Làng", version="", fuzzy=False)
    for path in sorted(app.rglob("*")):
        for line, message, context in _sentences(path):
            found.add(message, locations=[(str(path.relative_to(app)), line)], context=context)
    return found


def _sentences(path: Path) -> Iterator[tuple[int, str | tuple[str, ...], str | None]]:
    if path.suffix == ".py" and "migrations" not in path.parts:
        source = path.read_text(encoding="utf-8")
    elif path.suffix in {".html", ".txt"} and "templates" in path.parts:
        source = templatize(path.read_text(encoding="utf-8"))
    else:
        return
    for line, message, _comments, context in extract("python", io.BytesIO(source.encode()), keywords=KEYWORDS):
        yield line, message, context


def english(app: Path) -> Catalog:
    """The app's catalogue as it is committed; empty when there is none."""
    path = catalogue_of(app)
    if not path.exists():
        return Catalog(locale="en")
    with path.open("rb") as file:
        return read_po(file, locale="en")


def compiled(app: Path) -> Catalog:
    """What the app's `.mo` says; empty when there is none."""
    path = catalogue_of(app).with_suffix(".mo")
    if not path.exists():
        return Catalog(locale="en")
    with path.open("rb") as file:
        return read_mo(file)


def wordings(catalogue: Catalog) -> dict[tuple[str | None, tuple[str, ...]], tuple[str, ...]]:
    """The English of each sentence (with its plural), by context and Vietnamese."""
    return {(_text(message.context), texts(message.id)): texts(message.string) for message in catalogue if message.id}


def _text(context: str | bytes | None) -> str | None:
    """Babel's reader of `.mo` files leaves contexts as bytes."""
    return context.decode() if isinstance(context, bytes) else context


def _compile(catalogue: Catalog) -> bytes:
    """The `.mo` of this catalogue, without the hour at which it was made."""
    catalogue.creation_date = catalogue.revision_date = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def texts(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """Singular and plural, or the one sentence."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def lacking(app: Path) -> list[str]:
    """What is wrong with the app's English: sentences without it, or with other placeholders."""
    have = english(app)
    problems = []
    for message in extracted(app):
        if not message.id:
            continue
        known = have.get(message.id, message.context)
        problems += _problems(message, known)
    return problems


def _problems(message: Message, known: Message | None) -> list[str]:
    said = texts(message.id)[0]
    if known is None or not all(texts(known.string)) or not texts(known.string) or known.fuzzy:
        return [f"no English: {said}"]
    wanted = {match.group() for text in texts(message.id) for match in PLACEHOLDER.finditer(text)}
    got = {match.group() for text in texts(known.string) for match in PLACEHOLDER.finditer(text)}
    return [] if wanted == got else [f"other placeholders ({wanted ^ got}): {said}"]


def update(app: Path) -> None:
    """Bring the app's `.po` in step with its sources, and compile it."""
    known, fresh = english(app), extracted(app)
    for message in fresh:
        old = known.get(message.id, message.context) if message.id else None
        if old is not None:
            message.string = old.string
    if len(fresh) == 0:
        return
    path = catalogue_of(app)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, fresh, width=120, include_lineno=False, omit_header=False)
    path.write_text(_timeless(path.read_text(encoding="utf-8")), encoding="utf-8")
    path.with_suffix(".mo").write_bytes(_compile(english(app)))


VARYING: Final = (
    "Report-Msgid-Bugs-To",
    "POT-Creation-Date",
    "PO-Revision-Date",
    "Last-Translator",
    "Language-Team",
    "Generated-By",
)


def _timeless(text: str) -> str:
    """Without the header's dates and tool versions, which would change with every run."""
    return re.sub(rf'^"({"|".join(VARYING)}):.*\\n"\n', "", text, flags=re.MULTILINE)


def main() -> int:
    if not settings.configured:
        settings.configure(USE_I18N=True)
        django.setup()
    for app in [app for app in apps() if app.name in sys.argv[1:] or not sys.argv[1:]]:
        update(app)
        missing = len(lacking(app))
        sys.stdout.write(f"{app.name}: {missing} without English\n" if missing else f"{app.name}: complete\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
