"""HTTPS for boxes: enrolment, roots, manifests and blobs. Requests are signed by the box's key (RFC 9421)."""
