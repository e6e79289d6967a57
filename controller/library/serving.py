"""A file to a browser or a box, whole or a part of it (RFC 9110 §14): players seek with Range, Safari insists on it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

CHUNK: Final = 65_536


def wanted_range(header: str, size: int) -> tuple[int, int] | None:
    """The first and last byte asked for; None for the whole file, which an unknown or odd Range means as well.

    Raises `ValueError` when the range lies outside the file (answer 416).
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last or size - 1), size - 1)
    if start > end:
        if first and last and int(last) < int(first):
            return None
        raise ValueError(f"{header} of {size} bytes")
    return start, end


def file_response(request: HttpRequest, path: Path, content_type: str, etag: str) -> HttpResponseBase:
    """The file, or the part that the request's Range names. The content never changes under its `etag`."""
    size = path.stat().st_size
    response: HttpResponseBase
    try:
        part = wanted_range(request.headers.get("Range", ""), size)
    except ValueError:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    if part is None or request.headers.get("If-Range", f'"{etag}"') != f'"{etag}"':
        response = FileResponse(path.open("rb"), content_type=content_type)
        response.headers["Content-Length"] = str(size)
    else:
        start, end = part
        response = StreamingHttpResponse(_part(path, start, end - start + 1), status=206, content_type=content_type)
        response.headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        response.headers["Content-Length"] = str(end - start + 1)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = f'"{etag}"'
    return response


def _part(path: Path, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while length > 0 and (block := file.read(min(CHUNK, length))):
            length -= len(block)
            yield block
