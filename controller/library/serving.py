"""A file to a browser, whole or a part of it (RFC 9110 §14): players seek with Range, Safari insists on it."""

import re
from pathlib import Path

from django.http import HttpRequest, HttpResponse


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


def file_response(request: HttpRequest, path: Path, content_type: str, etag: str) -> HttpResponse:
    """The file, or the part that the request's Range names. The content never changes under its `etag`.

    It is read as a whole: an hour of speech has 11 MB.
    """
    data = path.read_bytes()
    try:
        part = wanted_range(request.headers.get("Range", ""), len(data))
    except ValueError:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{len(data)}", "Accept-Ranges": "bytes"})
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{etag}"', "Cache-Control": "private"}
    if part is None or request.headers.get("If-Range", f'"{etag}"') != f'"{etag}"':
        return HttpResponse(data, content_type=content_type, headers=headers)
    start, end = part
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return HttpResponse(data[start : end + 1], status=206, content_type=content_type, headers=headers)
