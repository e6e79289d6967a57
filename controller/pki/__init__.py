"""The province's certificate authority: who is who in TLS. It opens channels; what a box sounds it never decides."""
