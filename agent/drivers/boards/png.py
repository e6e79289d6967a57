"""A board that is a file: what would stand there, for tests, and for whoever has no board yet."""

import io
from pathlib import Path

from PIL import Image

from agent.drivers.boards.worker import Worker
from agent.ports.board import BoardError, Picture


class PngBoard:
    """Implements the port `Board`. The file is replaced whole: nobody reads half a picture."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worker = Worker("board")

    async def show(self, picture: Picture) -> None:
        await self._worker.do(lambda: self._write(png(picture)))

    async def close(self) -> None:
        await self._worker.do(lambda: self._path.unlink(missing_ok=True))

    def _write(self, data: bytes) -> None:
        part = self._path.with_suffix(".part")
        try:
            part.write_bytes(data)
            part.replace(self._path)
        except OSError as error:
            raise BoardError(
                f"{self._path}: the picture cannot be written ({error})",
                vi=f"{self._path}: không ghi được hình ({error})",
            ) from error


def png(picture: Picture) -> bytes:
    """The picture as it is seen, as a PNG file."""
    frame, file = picture.frame.dimmed(picture.brightness), io.BytesIO()
    Image.frombytes("RGB", (frame.width, frame.height), frame.rgb).save(file, "PNG")
    return file.getvalue()
