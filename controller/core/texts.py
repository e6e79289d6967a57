"""What people type in."""

import unicodedata

from django.utils.translation import gettext as _

from controller.core.errors import Refused


def expect_seen(field: str, text: str) -> None:
    """No letter of it is one that nobody sees (Unicode's category C), such as one that turns the order of those after
    it round (U+202E): who signs would not read what boards show. Raises `Refused`."""
    unseen = sorted({ord(letter) for letter in text if unicodedata.category(letter)[0] == "C"})
    if unseen:
        raise Refused(
            field,
            _("Có ký tự không nhìn thấy được: %(codes)s.") % {"codes": ", ".join(f"U+{one:04X}" for one in unseen[:5])},
            _("Hãy xóa dòng này rồi gõ lại, đừng dán từ nơi khác."),
        )
