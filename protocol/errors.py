"""What can go wrong with bytes from elsewhere.

    ProtocolError               the sender's fault; trying the same bytes again will not help
    └── SignatureError          the bytes may be well formed, but nobody we trust signed them

Hostile bytes raise nothing else.
"""


class ProtocolError(ValueError):
    """Bytes or values that the wire specification forbids.

    `code` is a short stable word for logs and tests; `field` names the place, dotted, or is empty.
    """

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message


class SignatureError(ProtocolError):
    """No trusted signature over exactly these bytes."""
